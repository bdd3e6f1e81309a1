"""What is taken from a traceparent header, and what is ignored, as W3C Trace Context has it."""

from __future__ import annotations

import pytest

from tenants.rules.traces import Trace, parse

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
FOUND = Trace(TRACE, PARENT)


@pytest.mark.parametrize(
    "header",
    [f"00-{TRACE}-{PARENT}-01", f"00-{TRACE}-{PARENT}-00", f" 00-{TRACE}-{PARENT}-ff\t", f"01-{TRACE}-{PARENT}-01",
     f"cc-{TRACE}-{PARENT}-01-what-is-to-come"],
)  # fmt: skip
def test_valid_one_is_read(header):
    assert parse(header) == FOUND


@pytest.mark.parametrize(
    "header",
    ["", "nonsense", f"ff-{TRACE}-{PARENT}-01", f"00-{TRACE}-{PARENT}-01-more", f"00-{TRACE.upper()}-{PARENT}-01",
     f"00-{'0' * 32}-{PARENT}-01", f"00-{TRACE}-{'0' * 16}-01", f"00-{TRACE[:-1]}-{PARENT}-01", f"00-{TRACE}-{PARENT}",
     f"00-{TRACE}-{PARENT}-1", f"01-{TRACE}-{PARENT}-01more", f"00-{TRACE}-{PARENT}-01,00-{TRACE}-{PARENT}-01",
     f"00-{TRACE}-{PARENT}-01\n", "\u0661" * 2 + f"-{TRACE}-{PARENT}-01"],
)  # fmt: skip
def test_any_other_is_ignored(header):
    assert parse(header) is None
