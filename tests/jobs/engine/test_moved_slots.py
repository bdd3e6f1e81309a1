"""The ids that a slot would have on other days, where clocks change on one of them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest

from jobs import triggers
from jobs.engine import moved_slots
from jobs.rules import identity
from jobs.rules.calendars import CalendarUse, OnHit
from jobs.rules.slots import Slot, SlotKind

SCHEDULE = UUID(int=7)
BEGIN, END = datetime(2027, 3, 1, tzinfo=UTC), datetime(2027, 11, 30, tzinfo=UTC)
#: The nights of both changes of Europe/Berlin, and the days next to them.
NEAR = [
    date(2027, 3, 27),
    date(2027, 3, 28),
    date(2027, 3, 29),
    date(2027, 10, 30),
    date(2027, 10, 31),
    date(2027, 11, 1),
]


def slots(day: date, fold: str, *uses: CalendarUse) -> dict[str, Slot]:
    """Those of one day of the year that run, by what they are named."""
    spec = {
        "expression": f"30 2 {day.day} {day.month} *",
        "timezone": "Europe/Berlin",
        "dst_fold": fold,
        "calendars": uses,
    }
    found: dict[str, Slot] = {}
    for slot in triggers.build("cron", spec).after(BEGIN):
        if slot.at > END:
            return found
        if slot.kind is SlotKind.RUN:
            found[slot.nominal] = slot
    return found


def of(slot: Slot) -> UUID:
    return identity.slot_id(SCHEDULE, SlotKind.RUN, slot.nominal, slot.at)


def elsewhere(slot: Slot) -> Any:
    schedule = SimpleNamespace(
        id=SCHEDULE, timezone="Europe/Berlin", calendars=[{"on_hit": OnHit.NEXT}], moved_until=None
    )
    return moved_slots.elsewhere(schedule, [slot], END + timedelta(days=60))[of(slot)]


@pytest.mark.parametrize("fold", ["first", "second"])
@pytest.mark.parametrize("way", [OnHit.PREVIOUS, OnHit.NEXT])
@pytest.mark.parametrize("hit", NEAR)
def test_a_slot_that_a_clock_change_touches_is_known_by_its_other_days(hit: date, way: OnHit, fold: str) -> None:
    plain = slots(hit, fold)
    for weekend in (frozenset[int](), frozenset({5, 6})):
        moved = slots(hit, fold, CalendarUse({hit}, on_hit=way, weekend=weekend))
        others = [(slot, moved[name]) for name, slot in plain.items() if name in moved and moved[name].at != slot.at]
        assert others
        for here, there in others:
            assert of(there) in elsewhere(here)
            assert of(here) in elsewhere(there)
