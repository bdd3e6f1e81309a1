"""The runs of stored schedules that are to come: their slots, and when each starts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any

from jobs.engine import maintenance, planner, spreads
from jobs.engine.maintenance import Closures
from jobs.models import Job
from jobs.rules.slots import TICK, Slot, SlotKind, Trigger
from jobs.rules.starts import Spread, Start
from jobs.triggers import zones

#: Openings of its hours in a row that pass without a slot, before a schedule is taken as one that has none in them.
MOST_BARREN = 500
#: Days in a row that calendars leave out, before a schedule is taken as one that has no other. Only days that have a
#: slot are looked at: of one slot a day five years.
MOST_LEFT_OUT = 2000
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Run:
    """A slot that runs, and when."""

    slot: Slot
    start: Start


def runs(
    schedule: Any, after: datetime, trigger: Trigger | None = None, *, until: datetime | None = None
) -> Iterator[Run]:
    """Those of slots strictly later than an instant, up to the last that it may have. ``schedule``: a model's row, or one
    with its columns; ``trigger``: what makes its slots, if that is known; what lies from ``until`` on nobody asks for."""
    made, spread = trigger or planner.trigger_of(schedule), spreads.of_schedule(schedule)
    found = _spread_runs(made, spread, after, schedule.timezone, until)
    return found if schedule.max_runs is None else _within_rest(found, schedule)


def running(trigger: Trigger, after: datetime, zone: str, until: datetime | None = None) -> Iterator[Slot]:
    """Slots that run. Days that calendars leave out are left at once, however many slots they have: a rule of seconds
    whose calendars never let it run would else be looked through for centuries."""
    left_out = 0
    slots = trigger.after(after)
    while (slot := next(slots, None)) is not None and left_out <= MOST_LEFT_OUT and (until is None or slot.at < until):
        if slot.kind is SlotKind.RUN:
            left_out = 0
            yield slot
        elif slot.kind is SlotKind.HOLIDAY:
            left_out += 1
            slots = trigger.after(max(_midnight_after(slot.at, zone) - TICK, slot.at))


def _midnight_after(instant: datetime, zone: str) -> datetime:
    """When the next day begins on a zone's clock, for the first time if it does so twice."""
    place = zones.zone(zone)
    return datetime.combine(instant.astimezone(place).date() + _DAY, time(), place).astimezone(UTC)


def _spread_runs(
    trigger: Trigger, spread: Spread, after: datetime, zone: str, until: datetime | None = None
) -> Iterator[Run]:
    barren = 0
    slots = running(trigger, after, zone, until)
    while (slot := next(slots, None)) is not None and barren <= MOST_BARREN:
        if start := spread.start(slot.at, slot.nominal):
            barren = 0
            yield Run(slot, start)
            continue
        barren += 1
        if (opens_at := spread.opens_at(slot.at)) is None:
            return
        slots = running(trigger, max(opens_at - TICK, slot.at), zone, until)


def _within_rest(found: Iterator[Run], schedule: Any) -> Iterator[Run]:
    """What is planned already has been counted."""
    rest = schedule.max_runs - schedule.runs
    for run in found:
        if run.slot.at > schedule.planned_until:
            if rest <= 0:
                return
            rest -= 1
        yield run


def closures_of(job: Job, now: datetime, until: datetime) -> Closures:
    """What maintenance windows do to a job's slots from now until then; of what is far ahead nothing is told."""
    windows = maintenance.between(now, min(until, now + maintenance.LOOK_BACK), jobs=[job.pk])
    return maintenance.of_job(windows, tenant_id=job.tenant_id, queue_id=str(job.queue_id), job_id=job.pk)
