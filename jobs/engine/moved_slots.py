"""A slot that calendars may move runs once, whatever becomes of its calendars meanwhile.

Its id begins with the instant at which it takes place, so another day is another id. Before it is inserted it is asked
whether it has been made for a day that it would have had by other calendars: one look by key for each such day, and
one statement for all slots of a batch.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from jobs import sql
from jobs.rules import identity
from jobs.rules.calendars import OnHit
from jobs.rules.slots import Slot, SlotKind
from jobs.triggers import business_days, zones
from jobs.triggers.business_days import FARTHEST

_DAY = timedelta(days=1)
#: Most ids in one statement.
MOST_ASKED = 10_000


def may_move(schedule: Any) -> bool:
    """Whether any of its calendars shifts slots."""
    stored = schedule.calendars if isinstance(schedule.calendars, list) else []
    return any(isinstance(each, dict) and each.get("on_hit", OnHit.SKIP) != OnHit.SKIP for each in stored)


def elsewhere(schedule: Any, slots: Sequence[Slot], horizon: datetime) -> dict[UUID, frozenset[UUID]]:
    """Of each slot that calendars may have moved, by its id: the ids that it would have for other days."""
    if not may_move(schedule) and (schedule.moved_until is None or schedule.moved_until < horizon):
        return {}
    return {
        identity.slot_id(schedule.id, SlotKind.RUN, slot.nominal, slot.at): frozenset(
            _elsewhere(schedule, slot, horizon)
        )
        for slot in slots
    }


def made(others: Mapping[UUID, frozenset[UUID]]) -> frozenset[UUID]:
    """Those of :func:`elsewhere`, of many schedules together, that have been made for another day."""
    asked = sorted({each for ids in others.values() for each in ids})
    there: set[UUID] = set()
    for first in range(0, len(asked), MOST_ASKED):
        there |= {row.id for row in sql.run("executions_there", ids=asked[first : first + MOST_ASKED])}
    return frozenset(slot for slot, ids in others.items() if ids & there) if there else frozenset()


def _elsewhere(schedule: Any, slot: Slot, horizon: datetime) -> Iterator[UUID]:
    """Ids that it would have on the days around the one that it is named for, as far as any may have been planned."""
    place = zones.zone(schedule.timezone)
    named = datetime.fromisoformat(slot.nominal)
    # A time that clocks leave out is named as if it were there, and shown as another.
    walls = {named.replace(tzinfo=None), named.astimezone(place).replace(tzinfo=None, fold=0)}
    days = [number * _DAY for number in range(-FARTHEST, FARTHEST + 1)]
    instants = {at for wall in walls for day in days for at in business_days.instants(place, wall + day)}
    for at in instants - {slot.at}:
        if at <= horizon:
            yield identity.slot_id(schedule.id, SlotKind.RUN, slot.nominal, at)
