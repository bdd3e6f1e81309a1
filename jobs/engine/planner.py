"""Turns due schedules into executions.

One transaction a batch: lock the schedules due up to a few seconds ahead, let the pure rules say what
becomes of their slots, insert the executions (derived ids: a slot planned twice meets its own row),
advance the schedules. A slot for which its tenant's quota has no room is inserted as skipped. Many missed slots of a
tenant at once make a recovery (jobs.engine.recoveries). The planner only inserts; overlap is judged when the slot is due.
While a maintenance window holds a schedule it is left alone, and looked at again when that closes. A schedule that cannot
be planned is marked invalid with its problem and taken out, so it never holds up others.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import structlog
from django.conf import settings
from django.db import IntegrityError, transaction

from jobs import sql, triggers
from jobs.engine import maintenance, moved_slots, plans, quotas, recoveries, slot_rows, spreads, transitions
from jobs.engine.calendars import Calendars
from jobs.engine.maintenance import Closures, Window
from jobs.engine.records import NewExecution
from jobs.models import Schedule
from jobs.rules.misfires import Misfire
from jobs.rules.slots import TICK, Trigger
from jobs.rules.states import State
from jobs.triggers import contract
from tenants.rules.quotas import UNFINISHED

#: Slots are inserted this long before they are due, so that being on time costs no planning.
AHEAD = timedelta(seconds=3)
BATCH = 500
#: A batch ends early once it has made about so many: after an outage one schedule alone may have a thousand.
ROWS = 5000
#: Slots that expired longer ago than any partition reaches are filed under this age instead.
OLDEST_ID = timedelta(days=6)

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Found:
    """What has been looked up for a batch."""

    calendars: Calendars
    windows: Mapping[UUID | None, Sequence[Window]]

    def closures(self, schedule: Any) -> Closures:
        """What windows mean for a schedule: its tenant's and the platform's."""
        near = (*self.windows.get(None, ()), *self.windows.get(schedule.tenant_id, ()))
        return maintenance.of_schedule(near, schedule)


@dataclass(frozen=True, slots=True)
class _Planned:
    schedule: Any
    rows: Sequence[NewExecution]
    planned_until: datetime
    next_run_at: datetime | None
    state: str = "active"
    problem: str = ""
    #: Slots before this were missed.
    missed_before: datetime | None = None
    #: When to look again; at the next run if not said.
    due_at: datetime | None = None
    #: Of its rows, those that calendars may have moved, with the ids that they would have for other days.
    elsewhere: Mapping[UUID, frozenset[UUID]] = field(default_factory=dict)

    def caught_up(self) -> Iterator[UUID]:
        """Those of its rows that run although they were missed."""
        before = self.missed_before
        if before is not None:
            yield from (
                row.id for row in self.rows if not row.reason and row.scheduled_for and row.scheduled_for < before
            )

    def advance(self, ran: frozenset[UUID] = frozenset()) -> dict[str, Any]:
        next_run_at = self.next_run_at.isoformat() if self.next_run_at else None
        due_at = self.due_at.isoformat() if self.due_at else next_run_at
        return {
            "id": str(self.schedule.id),
            "planned_until": self.planned_until.isoformat(),
            "next_run_at": next_run_at,
            "due_at": None if self.schedule.held else due_at,
            "state": self.state,
            "problem": self.problem[:500],
            "held": self.schedule.held,
            "ran": sum(row.id in ran for row in self.rows),
        }


def plan_due(most: int | None = None) -> int:
    """Plan everything due, or until about ``most`` executions were made. Returns how many were."""
    made = 0
    while True:
        count, more = _plan_batch()
        made += count
        if not more or (most is not None and made >= most):
            return made


def _plan_batch() -> tuple[int, bool]:
    with transaction.atomic():
        now = sql.run("clock")[0].now
        schedules = sql.run("lock_due_schedules", horizon=now + AHEAD, only=None, limit=BATCH)
        if not schedules:
            return 0, False
        found = _look_up(schedules, Calendars(schedules), now + AHEAD)
        planned: list[_Planned] = []
        rows = 0
        for schedule in schedules:
            planned.append(_plan(schedule, now, now + AHEAD, found))
            rows += len(planned[-1].rows)
            if rows >= ROWS:
                break
        return _store(_without_moved(planned)), len(schedules) == BATCH or len(planned) < len(schedules)


def plan_what_is_due_of(schedule_id: UUID) -> None:
    """Account for what is due by a rule that is about to change, if no engine has come to it yet."""
    while schedules := sql.run(
        "lock_due_schedules", horizon=(now := sql.run("clock")[0].now), only=schedule_id, limit=1
    ):
        _store(_without_moved([_plan(schedules[0], now, now, _look_up(schedules, Calendars(), now))]))


def leave_out_missed_of(schedule: Schedule) -> None:
    """Account for what was missed, while it was held, by a rule that is about to change: none of it runs.

    ``schedule`` is locked, as it is stored, and with its job.
    """
    now, row = sql.run("clock")[0].now, plans.row_of(schedule)
    found = _look_up([row], Calendars(), now)
    closures = found.closures(row)
    if not row.held and closures.until(now) is None:
        return
    try:
        trigger, spread = trigger_of(row, found.calendars), spreads.of_schedule(row)
    except triggers.InvalidSchedule:
        return  # what it meant is not known
    policy = replace(plans.policy_of(row), misfire=Misfire.SKIP, misfire_grace=timedelta())
    plan = plans.of(row, trigger, spread, closures, policy, now=now, horizon=now - TICK)
    transitions.create(list(slot_rows.of(row, plan, now - OLDEST_ID, spread, now)))


def _look_up(schedules: Sequence[Any], calendars: Calendars, horizon: datetime) -> _Found:
    windows: dict[UUID | None, list[Window]] = {}
    for window in maintenance.near(schedules, horizon):
        windows.setdefault(window.tenant_id, []).append(window)
    return _Found(calendars, windows)


def _plan(schedule: Any, now: datetime, horizon: datetime, found: _Found) -> _Planned:
    if schedule.held:
        # It was made or resumed while its job or tenant was being held: neither transaction saw the other.
        return _Planned(schedule, [], schedule.planned_until, None)
    closures = found.closures(schedule)
    try:
        if until := closures.until(now):
            return _held_until(schedule, until, found.calendars)
        return _planned(schedule, now, closures.horizon(now, horizon), closures, found.calendars)
    except Exception as error:  # noqa: BLE001 - whatever one schedule holds, the others go on
        return _invalid(schedule, error)


def _held_until(schedule: Any, until: datetime, calendars: Calendars) -> _Planned:
    """Nothing of it is planned before a maintenance window closes: it would be looked at this much ahead of ``due_at``."""
    following = next(iter(trigger_of(schedule, calendars).after(max(until - TICK, schedule.planned_until))), None)
    next_run_at = until if following is None else following.at
    return _Planned(schedule, [], schedule.planned_until, next_run_at, due_at=until + AHEAD)


def _planned(schedule: Any, now: datetime, horizon: datetime, closures: Closures, calendars: Calendars) -> _Planned:
    rest = plans.rest_of(schedule)
    if rest is not None and rest <= 0:
        return _Planned(schedule, [], schedule.planned_until, None, state="ended")
    spread, policy = spreads.of_schedule(schedule), plans.policy_of(schedule)
    missed_before = policy.missed_before(now)
    plan = plans.of(schedule, trigger_of(schedule, calendars), spread, closures, policy, now=now, horizon=horizon)
    is_last = rest is not None and len(plan.runs) == rest
    rows = list(slot_rows.of(schedule, plan, now - OLDEST_ID, spread, now))
    elsewhere = moved_slots.elsewhere(schedule, plan.runs, horizon)
    known = partial(_Planned, schedule, rows, missed_before=missed_before, elsewhere=elsewhere)
    if is_last:
        # Ended, unless a quota leaves one of them out: that shows when it is looked at once more, at once.
        until = plan.last_at or schedule.planned_until
        return known(until, None, due_at=now)
    # A full plan stopped early: go on from where it came to. Else nothing is marked as planned that has not come and has
    # no slot: a rule that replaces this one may have one there.
    stopped = plan.next is not None and plan.next.at <= horizon and plan.last_at is not None
    last_at = plan.last_at or schedule.planned_until
    until = last_at if stopped else max(now, last_at, schedule.planned_until)
    if plan.next is None:
        return known(until, None, state="ended")
    held_until = closures.until(plan.next.at)
    due_at = held_until and held_until + AHEAD
    return known(until, plan.next.at, due_at=due_at)


def _invalid(schedule: Any, error: Exception) -> _Planned:
    log.warning("schedule.invalid", schedule=str(schedule.id), problem=str(error))
    return _Planned(schedule, [], schedule.planned_until, None, state="invalid", problem=f"CONFIG_INVALID: {error}")


def _without_moved(planned: Sequence[_Planned]) -> Sequence[_Planned]:
    """Without what has been made for another day."""
    made = moved_slots.made({row: ids for plan in planned for row, ids in plan.elsewhere.items()})
    if not made:
        return planned
    return [replace(plan, rows=[row for row in plan.rows if row.id not in made]) for plan in planned]


def _store(planned: Sequence[_Planned]) -> int:
    """Insert and advance; if the batch is refused, schedule by schedule, so that only the bad one stops."""
    try:
        with transaction.atomic():
            rows = [row for plan in planned for row in plan.rows]
            kept = quotas.skip_beyond(rows, _limits(planned)) if rows else rows
            kept = recoveries.behind_live(kept, {row for plan in planned for row in plan.caught_up()}) if kept else kept
            made = transitions.create(kept)
            ran = frozenset(made) & {row.id for row in kept if row.state != State.SKIPPED}
            sql.run("advance_schedules", rows=[plan.advance(ran) for plan in planned])
            return len(made)
    except IntegrityError as error:
        if len(planned) > 1:
            return sum(_store([plan]) for plan in planned)
        sql.run("advance_schedules", rows=[_invalid(planned[0].schedule, error).advance()])
        return 0


def _limits(planned: Sequence[_Planned]) -> dict[UUID, int]:
    """Most unfinished executions, of tenants that have such a quota."""
    found = {
        plan.schedule.tenant_id: UNFINISHED.limit(plan.schedule.max_unfinished, settings.QUOTAS) for plan in planned
    }
    return {tenant: most for tenant, most in found.items() if most is not None}


def trigger_of(schedule: Any, calendars: Calendars | None = None) -> Trigger:
    """What makes the slots of a schedule, a model's or a statement's row. Raises :class:`jobs.triggers.InvalidSchedule`.

    ``calendars`` are looked up before, where there are many schedules.
    """
    stored = {name: getattr(schedule, name) for name in contract.STORED if name != "kind"}
    # No text is an empty text in the database.
    said: dict[str, Any] = {name: None if value == "" else value for name, value in stored.items()}
    said["schedule_id"] = schedule.id
    said["calendars"] = (calendars or Calendars()).of(schedule)
    spec = triggers.Spec(**said)
    return triggers.build(schedule.kind, spec)
