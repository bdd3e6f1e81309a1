"""The runs of stored schedules that are to come: their slots, and when each starts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from jobs.engine import maintenance, planner, spreads
from jobs.engine.maintenance import Closures
from jobs.models import Job
from jobs.rules.slots import TICK, Slot, SlotKind, Trigger
from jobs.rules.starts import Spread, Start

#: Openings of its hours in a row that pass without a slot, before a schedule is taken as one that has none in them.
MOST_BARREN = 500


@dataclass(frozen=True, slots=True)
class Run:
    """A slot that runs, and when."""

    slot: Slot
    start: Start


def runs(schedule: Any, after: datetime, trigger: Trigger | None = None) -> Iterator[Run]:
    """Those of slots strictly later than an instant, up to the last that it may have. ``schedule``: a model's row, or one
    with its columns; ``trigger``: what makes its slots, if that is known."""
    found = spread_runs(trigger or planner.trigger_of(schedule), spreads.of_schedule(schedule), after)
    return found if schedule.max_runs is None else _within_rest(found, schedule)


def spread_runs(trigger: Trigger, spread: Spread, after: datetime) -> Iterator[Run]:
    """The same of a rule and the way its runs are moved."""
    barren = 0
    slots = trigger.after(after)
    while (slot := next(slots, None)) is not None and barren <= MOST_BARREN:
        if slot.kind is not SlotKind.RUN:
            continue
        if start := spread.start(slot.at, slot.nominal):
            barren = 0
            yield Run(slot, start)
            continue
        barren += 1
        if (opens_at := spread.opens_at(slot.at)) is None:
            return
        slots = trigger.after(max(opens_at - TICK, slot.at))


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
    windows = maintenance.between(now, min(until, now + maintenance.LOOK_BACK))
    return maintenance.of_job(windows, tenant_id=job.tenant_id, queue_id=str(job.queue_id), job_id=job.pk)
