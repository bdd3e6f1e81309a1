"""When the runs of stored schedules start, and the second chance of those whose execution window closed too soon."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any

from django.db import transaction

from jobs import sql, triggers
from jobs.engine import transitions
from jobs.models import Schedule
from jobs.rules import opening_hours
from jobs.rules.codes import Absence
from jobs.rules.starts import Spread, Start
from jobs.triggers import zones

BATCH = 500


def of_schedule(schedule: Any) -> Spread:
    """How a schedule, a model's or a statement's row, moves its runs. Raises :class:`jobs.triggers.InvalidSchedule`."""
    jitter = timedelta(seconds=schedule.jitter_seconds)
    if schedule.execution_window is None:
        return Spread(key=schedule.id, jitter=jitter)
    try:
        hours = opening_hours.parse(schedule.execution_window)
    except opening_hours.InvalidHours as error:
        field = ".".join(filter(None, ("execution_window", error.field)))
        raise triggers.InvalidSchedule(field, error.message) from None
    return Spread(key=schedule.id, jitter=jitter, hours=hours, stretches=partial(zones.upward, schedule.timezone))


def postpone_late() -> int:
    """What still waits although its execution window has closed waits for the next, or is skipped. Returns how many."""
    moved = 0
    while True:
        with transaction.atomic():
            rows = sql.run("closed_meanwhile", limit=BATCH)
            moved += judge_again(rows)
            if len(rows) < BATCH:
                return moved


def judge_again(rows: Any) -> int:
    """Give these, which the caller has locked, their start by the hours of now. Returns how many were moved or skipped."""
    if not rows:
        return 0
    now = sql.run("clock")[0].now
    schedules = Schedule.objects.in_bulk({row.schedule_id for row in rows})
    given: list[tuple[Any, Start]] = []
    skipped: list[Any] = []
    for row in rows:
        start = _start(schedules.get(row.schedule_id), row, now)
        if start is None:
            skipped.append(row)
        else:
            given.append((row.id, start))
    done = sum(transitions.skip(row.id, Absence.OUTSIDE_WINDOW) for row in skipped)
    transitions.return_runs([row.schedule_id for row in skipped])
    return done + transitions.postpone(given)


def _start(schedule: Schedule | None, row: Any, now: Any) -> Start | None:
    if schedule is None:
        return Start(now)
    try:
        # Its slot's nominal time is not stored; the instant tells slots apart as well.
        return of_schedule(schedule).start(row.scheduled_for, row.scheduled_for.isoformat(), now=now)
    except triggers.InvalidSchedule:
        return Start(now)
