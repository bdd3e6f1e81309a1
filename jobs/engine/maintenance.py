"""Maintenance windows as the engine sees them: which cover what, and moving them on when they are over.

    opens_at ──── admission passes over what is in scope, the planner leaves its schedules alone ──── closes_at ─► next

Whether one is open is told by the clock and its row alone. So nothing happens at an opening; after a closing its row is
moved on to the next occurrence, and schedules are planned again since their ``due_at`` was set to that instant.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import takewhile
from typing import Any
from uuid import UUID

import structlog
from django.db import transaction

from jobs import sql, triggers
from jobs.rules import maintenance
from jobs.rules.codes import Absence
from jobs.rules.holding import Hold
from jobs.rules.maintenance import Action, Occurrence
from jobs.rules.slots import Slot, Trigger

ROLL_BATCH = 500
#: Nobody asks why a slot did not run that is older: it expired.
LOOK_BACK = timedelta(days=40)

log = structlog.get_logger(__name__)


def trigger_of(window: Any) -> Trigger:
    """What makes the openings of a window, a model's or a statement's row. Raises :class:`jobs.triggers.InvalidSchedule`."""
    if window.starts_at is not None:
        return triggers.build("once", {"run_at": window.starts_at})
    return triggers.build("cron", {"expression": window.expression, "timezone": window.timezone})


def length_of(window: Any) -> timedelta:
    """How long it is open each time."""
    if window.starts_at is not None:
        return timedelta(seconds=(window.ends_at - window.starts_at).total_seconds())
    return timedelta(seconds=window.duration_seconds)


def upcoming(window: Any, now: datetime) -> Iterator[Occurrence]:
    """What is open now, and what comes."""
    found = maintenance.occurrences(trigger_of(window), length_of(window), since=now)
    return (one for one in found if one.closes_at > now)


def roll() -> int:
    """Move on all that are over. Returns how many."""
    rolled = 0
    while True:
        with transaction.atomic():
            rows = sql.run("windows_over", limit=ROLL_BATCH)
            if not rows:
                return rolled
            now = sql.run("clock")[0].now
            sql.run("roll_windows", rows=[_next_of(row, now) for row in rows])
            rolled += len(rows)


def _next_of(row: Any, now: datetime) -> dict[str, Any]:
    try:
        found = next(upcoming(row, now), None)
    except triggers.InvalidSchedule as error:
        # Such as a zone that is no longer known: it opens no more, and others are moved on.
        log.warning("maintenance.invalid", window=str(row.id), problem=str(error))
        found = None
    return {
        "id": str(row.id),
        "opens_at": found and found.opens_at.isoformat(),
        "closes_at": found and found.closes_at.isoformat(),
    }


@dataclass(frozen=True, slots=True)
class Window:
    """When one was or is open in the time that is planned, and what it covers."""

    tenant_id: UUID | None
    queue_id: str | None
    job_id: UUID | None
    action: Action
    times: tuple[Occurrence, ...]
    #: Why its slots do not run: a tag's pause is taken for a window of its jobs.
    absence: Absence = Absence.BLACKOUT

    def covers(self, *, tenant_id: UUID, queue_id: str, job_id: UUID) -> bool:
        """Whether a job is in its scope."""
        return (
            self.tenant_id in (None, tenant_id) and self.queue_id in (None, queue_id) and self.job_id in (None, job_id)
        )


@dataclass(frozen=True, slots=True)
class Closures:
    """What windows mean for the slots of one schedule."""

    held: tuple[Occurrence, ...] = ()
    left_out: tuple[Occurrence, ...] = ()
    paused: tuple[Occurrence, ...] = ()

    def until(self, instant: datetime) -> datetime | None:
        """When that hold ends which is in force at an instant."""
        return maintenance.end_of(instant, (*self.held, *self.paused))

    def is_paused(self, instant: datetime) -> bool:
        """Whether it is a tag's pause that holds what starts then, and no window."""
        return any(one.covers(instant) for one in self.paused) and not any(one.covers(instant) for one in self.held)

    def horizon(self, now: datetime, horizon: datetime) -> datetime:
        """How far ahead may be planned."""
        return maintenance.clear_until(now, horizon, (*self.held, *self.paused))

    def holds(self) -> list[Hold]:
        """Why slots did not run that were missed meanwhile."""
        paused = [Hold(one.opens_at, one.closes_at, Absence.PAUSED_TAG) for one in self.paused]
        return [*paused, *(Hold(one.opens_at, one.closes_at, Absence.BLACKOUT) for one in self.held)]

    def leave_out(self, slot: Slot) -> bool:
        """Whether a slot is left out, also if it is on time."""
        return any(one.covers(slot.at) for one in self.left_out)


NONE = Closures()


def near(schedules: Sequence[Any], horizon: datetime) -> list[Window]:
    """Windows that matter for planning these up to a horizon; mostly none."""
    jobs = {schedule.job_id for schedule in schedules}
    return between(min(schedule.planned_until for schedule in schedules), horizon, jobs=jobs)


def between(since: datetime, horizon: datetime, *, jobs: Iterable[UUID]) -> list[Window]:
    """Windows that were or are open in a time, as far as whoever asks may see them, and pauses of tags of these jobs."""
    since = max(since, horizon - LOOK_BACK)
    rows = sql.run("windows_near", since=since, horizon=horizon, jobs=list(jobs))
    return [_window(row, since, horizon, Absence(row.absence)) for row in rows]


def of_schedule(windows: Iterable[Window], schedule: Any) -> Closures:
    """What they mean for one schedule."""
    return of_job(windows, tenant_id=schedule.tenant_id, queue_id=schedule.queue_id, job_id=schedule.job_id)


def of_job(windows: Iterable[Window], *, tenant_id: UUID, queue_id: str, job_id: UUID) -> Closures:
    """What they mean for one job."""
    mine = [window for window in windows if window.covers(tenant_id=tenant_id, queue_id=queue_id, job_id=job_id)]
    if not mine:
        return NONE

    def times(action: Action, absence: Absence) -> tuple[Occurrence, ...]:
        return tuple(one for each in mine if (each.action, each.absence) == (action, absence) for one in each.times)

    return Closures(
        times(Action.HOLD, Absence.BLACKOUT),
        times(Action.SKIP, Absence.BLACKOUT),
        times(Action.HOLD, Absence.PAUSED_TAG),
    )


def _window(row: Any, since: datetime, horizon: datetime, absence: Absence = Absence.BLACKOUT) -> Window:
    # Mostly the row knows all: nothing was open since the last time, and this time outlasts what is asked for.
    known = since >= (row.last_closed_at or row.ruled_at) and row.closes_at is not None and row.closes_at > horizon
    times = {} if known else {one.opens_at: one for one in _times(row, since, horizon)}
    # The row knows better than its rule: it may have been ended early, or changed since.
    for opens_at, closes_at in ((row.opens_at, row.closes_at), (row.last_opened_at, row.last_closed_at)):
        if opens_at is not None and opens_at <= horizon and closes_at > since:
            times[opens_at] = Occurrence(opens_at, closes_at)
    found = tuple(times[opens_at] for opens_at in sorted(times))
    return Window(row.tenant_id, row.queue_id, row.job_id, Action(row.action), found, absence)


def was_open(window: Any, at: datetime) -> bool:
    """Whether one, a model's row, was open at an instant, by its rule and by what was done to it since."""
    return any(one.covers(at) for one in _window(window, at, at).times)


def _times(row: Any, since: datetime, horizon: datetime) -> Iterator[Occurrence]:
    try:
        found = maintenance.occurrences(trigger_of(row), length_of(row), since=since)
        for _, one in zip(range(maintenance.MOST), takewhile(lambda one: one.opens_at <= horizon, found), strict=False):
            if (cut := one.cut(row.ruled_at, row.deleted_at)) is not None:
                yield cut
    except triggers.InvalidSchedule:
        return
