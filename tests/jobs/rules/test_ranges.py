"""Which bytes a Range header asks for."""

from __future__ import annotations

import pytest

from jobs.rules import ranges
from jobs.rules.ranges import Span, Unsatisfiable


@pytest.mark.parametrize(
    ("header", "span"),
    [
        (None, None), ("", None), ("bytes=0-3", Span(0, 4)), ("bytes=4-", Span(4, 6)), ("bytes=-3", Span(7, 3)),
        ("bytes=0-99", Span(0, 10)), ("bytes=-99", Span(0, 10)), ("bytes=9-9", Span(9, 1)), ("bytes = 1-2", Span(1, 2)),
        ("bytes=5-2", None), ("bytes=0-1,3-4", None), ("lines=0-1", None), ("bytes=-", None), ("bytes=a-b", None),
        ("bytes=0-" + "9" * 20, None),
    ],
)  # fmt: skip
def test_one_range_or_all_of_it(header, span):
    assert ranges.parse(header, 10) == span


@pytest.mark.parametrize("header", ["bytes=10-", "bytes=10-12", "bytes=-0"])
def test_what_begins_after_the_end_cannot_be_sent(header):
    with pytest.raises(Unsatisfiable):
        ranges.parse(header, 10)


def test_nothing_of_what_is_empty():
    with pytest.raises(Unsatisfiable):
        ranges.parse("bytes=0-", 0)


def test_what_was_sent_is_told():
    assert Span(2, 3).told(10) == "bytes 2-4/10"
