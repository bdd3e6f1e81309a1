"""Instants that say how long ago they are."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tenants.rules import instants

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "age"),
    [
        ("-30s", {"seconds": 30}),
        ("-5m", {"minutes": 5}),
        ("-2h", {"hours": 2}),
        ("-1d", {"days": 1}),
        ("-2w", {"weeks": 2}),
    ],
)
def test_so_long_before_now(text, age):
    assert instants.before(text, NOW) == NOW - timedelta(**age)


@pytest.mark.parametrize(
    "text", ["", "2h", "-h", "-0h", "-2y", "- 2h", "-2h ", "-1234567s", "--2h", "-²h", "2026-01-01T00:00:00Z"]
)
def test_anything_else_is_none(text):
    assert instants.before(text, NOW) is None


def test_no_age_leads_before_all_instants():
    assert instants.before("-999999w", NOW) == NOW - instants.LONGEST
