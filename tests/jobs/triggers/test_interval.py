"""A fixed step of real time from an anchor."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import islice, takewhile
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs import triggers
from jobs.rules.slots import SlotKind
from jobs.triggers.contract import InvalidSchedule

ANCHOR = datetime(2026, 1, 1, 0, 0, 7, 250_000, tzinfo=UTC)


def test_the_anchor_is_the_first_slot() -> None:
    trigger = triggers.build("interval", {"interval_seconds": 90, "start_at": ANCHOR})
    slots = list(islice(trigger.after(ANCHOR - timedelta(days=5)), 3))
    assert [slot.at for slot in slots] == [ANCHOR, ANCHOR + timedelta(seconds=90), ANCHOR + timedelta(seconds=180)]
    assert slots[1].nominal == "2026-01-01T00:01:37.250000+00:00"
    assert slots[1].kind is SlotKind.RUN


def test_an_interval_walks_through_a_fold_in_real_time() -> None:
    start = datetime.fromisoformat("2026-10-25T00:30:00+02:00")
    trigger = triggers.build("interval", {"interval_seconds": 3600, "start_at": start, "timezone": "Europe/Berlin"})
    slots = list(islice(trigger.after(start), 4))
    assert [slot.at.isoformat() for slot in slots] == [
        "2026-10-24T23:30:00+00:00",
        "2026-10-25T00:30:00+00:00",
        "2026-10-25T01:30:00+00:00",
        "2026-10-25T02:30:00+00:00",
    ]


@settings(deadline=None, max_examples=60, database=None)
@given(
    step=st.integers(1, 100_000),
    lasts=st.one_of(st.none(), st.integers(1, 300_000)),
    after=st.integers(-1000, 300_000),
    length=st.integers(-10, 5000),
)
def test_walks_up_and_down_and_counts_agree(step: int, lasts: int | None, after: int, length: int) -> None:
    end = None if lasts is None else ANCHOR + timedelta(seconds=lasts)
    trigger = triggers.build("interval", {"interval_seconds": step, "start_at": ANCHOR, "end_at": end})
    low, high = ANCHOR + timedelta(seconds=after), ANCHOR + timedelta(seconds=after + length)
    slots = list(takewhile(lambda slot: slot.at <= high, trigger.after(low)))
    expected = [ANCHOR + timedelta(seconds=step) * n for n in range((after + length) // step + 1)]
    assert [slot.at for slot in slots] == [at for at in expected if low < at and (end is None or at < end)]
    assert list(trigger.before(high, low + timedelta(microseconds=1)))[::-1] == slots
    assert trigger.count(low, high) == len(slots)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"interval_seconds": 0, "start_at": ANCHOR}, "interval_seconds"),
        ({"interval_seconds": -5, "start_at": ANCHOR}, "interval_seconds"),
        ({"interval_seconds": 3650 * 86_400 + 1, "start_at": ANCHOR}, "interval_seconds"),
        ({"interval_seconds": 1.5, "start_at": ANCHOR}, "interval_seconds"),
        ({"interval_seconds": True, "start_at": ANCHOR}, "interval_seconds"),
        ({"interval_seconds": "60", "start_at": ANCHOR}, "interval_seconds"),
        ({"start_at": ANCHOR}, "interval_seconds"),
        ({"interval_seconds": 60}, "start_at"),
        ({"interval_seconds": 60, "start_at": ANCHOR, "expression": "* * * * *"}, "expression"),
    ],
)
def test_a_bad_interval_is_refused(fields: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidSchedule) as refusal:
        triggers.build("interval", fields)
    assert refusal.value.field == field
