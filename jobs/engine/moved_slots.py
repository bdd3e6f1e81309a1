"""A slot that calendars may move runs once, whatever becomes of its calendars meanwhile.

Its id begins with the instant at which it takes place, so another day is another id. Before it is inserted it is asked
whether it has been made for a day that it would have had by other calendars: one look by key for each such day.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from jobs import sql
from jobs.rules import identity
from jobs.rules.calendars import OnHit
from jobs.rules.slots import Slot, SlotKind
from jobs.triggers import zones
from jobs.triggers.business_days import FARTHEST

_DAY = timedelta(days=1)


def may_move(schedule: Any) -> bool:
    """Whether any of its calendars shifts slots."""
    stored = schedule.calendars if isinstance(schedule.calendars, list) else []
    return any(isinstance(each, dict) and each.get("on_hit", OnHit.SKIP) != OnHit.SKIP for each in stored)


def without_those_made(schedule: Any, slots: Sequence[Slot], horizon: datetime) -> list[Slot]:
    """The slots that have not been made for another day."""
    if not slots or not may_move(schedule):
        return list(slots)
    others = {slot: set(_elsewhere(schedule, slot, horizon)) for slot in slots}
    asked = sorted({each for ids in others.values() for each in ids})
    there = {row.id for row in sql.run("executions_there", ids=asked)} if asked else set()
    return [slot for slot in slots if not others[slot] & there]


def _elsewhere(schedule: Any, slot: Slot, horizon: datetime) -> Iterator[Any]:
    """Ids that it would have on the days around the one that it is named for, as far as any may have been planned."""
    place = zones.zone(schedule.timezone)
    named = datetime.fromisoformat(slot.nominal)
    wall = named.astimezone(place).replace(tzinfo=None)
    walls = [(wall + number * _DAY).replace(tzinfo=place) for number in range(-FARTHEST, FARTHEST + 1)]
    instants = {each.replace(fold=fold).astimezone(UTC) for each in walls for fold in (0, 1)}
    for at in instants - {slot.at}:
        if at <= horizon:
            yield identity.slot_id(schedule.id, SlotKind.RUN, slot.nominal, at)
