"""Turns due schedules into executions.

One transaction a batch: lock the schedules due up to a few seconds ahead, let the pure rules say what
becomes of their slots, insert the executions (derived ids: a slot planned twice meets its own row),
advance the schedules. A slot for which its tenant's quota has no room is inserted as skipped. The planner only
inserts; overlap is judged when the slot is due. While a maintenance window holds a schedule it is left alone, and looked
at again when that closes. A schedule that cannot be planned is marked invalid with its problem and taken out, so it never holds up others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from django.conf import settings
from django.db import IntegrityError, transaction

from jobs import sql, triggers
from jobs.engine import maintenance, quotas, spreads, transitions
from jobs.engine.maintenance import Closures, Window
from jobs.engine.records import NewExecution
from jobs.rules import background, concurrency_keys, identity, misfires, planning, retry_fields
from jobs.rules.codes import Absence
from jobs.rules.misfires import Misfire, MisfirePolicy
from jobs.rules.slots import TICK, Slot, Trigger
from jobs.rules.starts import Spread, Start
from jobs.rules.states import State
from jobs.triggers import contract
from tenants.rules.quotas import UNFINISHED

#: Slots are inserted this long before they are due, so that being on time costs no planning.
AHEAD = timedelta(seconds=3)
BATCH = 500
#: Slots that expired longer ago than any partition reaches are filed under this age instead.
OLDEST_ID = timedelta(days=6)

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Planned:
    schedule: Any
    rows: Sequence[NewExecution]
    planned_until: datetime
    next_run_at: datetime | None
    state: str = "active"
    problem: str = ""
    #: When to look again; at the next run if not said.
    due_at: datetime | None = None

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
            "ran": sum(row.id in ran for row in self.rows),
        }


def plan_due() -> int:
    """Plan everything due. Returns how many executions were made."""
    made = 0
    while True:
        count, full = _plan_batch()
        made += count
        if not full:
            return made


def _plan_batch() -> tuple[int, bool]:
    with transaction.atomic():
        now = sql.run("clock")[0].now
        schedules = sql.run("lock_due_schedules", horizon=now + AHEAD, only=None, limit=BATCH)
        if not schedules:
            return 0, False
        windows = maintenance.near(schedules, now + AHEAD)
        planned = [_plan(schedule, now, now + AHEAD, windows) for schedule in schedules]
        return _store(planned), len(schedules) == BATCH


def plan_what_is_due_of(schedule_id: UUID) -> None:
    """Account for what is due by a rule that is about to change, if no engine has come to it yet."""
    while schedules := sql.run(
        "lock_due_schedules", horizon=(now := sql.run("clock")[0].now), only=schedule_id, limit=1
    ):
        _store([_plan(schedules[0], now, now, maintenance.near(schedules, now))])


def _plan(schedule: Any, now: datetime, horizon: datetime, windows: Sequence[Window]) -> _Planned:
    if schedule.held:
        # It was made or resumed while its job or tenant was being held: neither transaction saw the other.
        return _Planned(schedule, [], schedule.planned_until, None)
    closures = maintenance.of_schedule(windows, schedule)
    try:
        if until := closures.until(now):
            return _held_until(schedule, until)
        return _planned(schedule, now, closures.horizon(now, horizon), closures)
    except Exception as error:  # noqa: BLE001 - whatever one schedule holds, the others go on
        return _invalid(schedule, error)


def _held_until(schedule: Any, until: datetime) -> _Planned:
    """Nothing of it is planned before a maintenance window closes: it would be looked at this much ahead of ``due_at``."""
    following = next(iter(trigger_of(schedule).after(max(until - TICK, schedule.planned_until))), None)
    next_run_at = until if following is None else following.at
    return _Planned(schedule, [], schedule.planned_until, next_run_at, due_at=until + AHEAD)


def _planned(schedule: Any, now: datetime, horizon: datetime, closures: Closures) -> _Planned:
    rest = None if schedule.max_runs is None else schedule.max_runs - schedule.runs
    if rest is not None and rest <= 0:
        return _Planned(schedule, [], schedule.planned_until, None, state="ended")
    spread = spreads.of_schedule(schedule)
    plan = planning.plan(
        trigger_of(schedule),
        after=schedule.planned_until,
        now=now,
        horizon=horizon,
        policy=_policy(schedule),
        holds=closures.holds(),
        absent=_absence(closures, spread, now),
        rest=rest,
    )
    rows = list(_rows(schedule, plan, now, spread))
    if rest is not None and len(plan.runs) == rest:
        # Ended, unless a quota leaves one of them out: that shows when it is looked at once more, at once.
        return _Planned(schedule, rows, plan.last_at or schedule.planned_until, None, due_at=now)
    # A full plan stopped early: go on from where it came to.
    stopped = plan.next is not None and plan.next.at <= horizon and plan.last_at is not None
    until = plan.last_at if stopped and plan.last_at else max(horizon, schedule.planned_until)
    if plan.next is None:
        return _Planned(schedule, rows, until, None, state="ended")
    held_until = closures.until(plan.next.at)
    return _Planned(schedule, rows, until, plan.next.at, due_at=held_until and held_until + AHEAD)


def _absence(closures: Closures, spread: Spread, now: datetime) -> Callable[[Slot], Absence | None]:
    """Why a slot would not run even if it were on time."""

    def absent(slot: Slot) -> Absence | None:
        if reason := misfires.absence_of(slot):
            return reason
        if closures.leave_out(slot):
            return Absence.BLACKOUT
        return None if spread.start(slot.at, slot.nominal, now=now) else Absence.OUTSIDE_WINDOW

    return absent


def _invalid(schedule: Any, error: Exception) -> _Planned:
    log.warning("schedule.invalid", schedule=str(schedule.id), problem=str(error))
    return _Planned(schedule, [], schedule.planned_until, None, state="invalid", problem=f"CONFIG_INVALID: {error}")


def _store(planned: Sequence[_Planned]) -> int:
    """Insert and advance; if the batch is refused, schedule by schedule, so that only the bad one stops."""
    try:
        with transaction.atomic():
            rows = [row for plan in planned for row in plan.rows]
            kept = quotas.skip_beyond(rows, _limits(planned)) if rows else rows
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


def trigger_of(schedule: Any) -> Trigger:
    """What makes the slots of a schedule, a model's or a statement's row. Raises :class:`jobs.triggers.InvalidSchedule`."""
    stored = {name: getattr(schedule, name) for name in contract.STORED if name != "kind"}
    # No text is an empty text in the database.
    said: dict[str, Any] = {name: None if value == "" else value for name, value in stored.items()}
    said["schedule_id"] = schedule.id
    spec = triggers.Spec(**said)
    return triggers.build(schedule.kind, spec)


def _policy(schedule: Any) -> MisfirePolicy:
    return MisfirePolicy(
        misfire=Misfire(schedule.misfire),
        misfire_max=schedule.misfire_max,
        misfire_grace=timedelta(seconds=schedule.misfire_grace_seconds),
        catch_up_window=timedelta(seconds=schedule.catch_up_window_seconds),
    )


def _rows(schedule: Any, plan: planning.Plan, now: datetime, spread: Spread) -> Iterator[NewExecution]:
    oldest = now - OLDEST_ID
    for slot in plan.runs:
        yield _row(schedule, slot, slot.at, start=spread.start(slot.at, slot.nominal, now=now))
    for slot, reason in plan.skipped:
        yield _row(schedule, slot, max(slot.at, oldest), reason=reason)
    for fold in plan.folded:
        filed = max(fold.last.at, oldest)
        yield _row(
            schedule,
            fold.first,
            filed,
            kind=identity.FOLDED,
            reason=fold.reason,
            folded_until=fold.last.at,
            folded_count=fold.count,
        )


def _row(
    schedule: Any,
    slot: Slot,
    filed: datetime,
    *,
    kind: str | None = None,
    reason: Absence | None = None,
    start: Start | None = None,
    **folded: Any,
) -> NewExecution:
    """``filed`` gives the id its milliseconds, and so the row its partition."""
    start = start or Start(slot.at)
    return NewExecution(
        id=identity.slot_id(schedule.id, kind or slot.kind, slot.nominal, filed),
        tenant_id=schedule.tenant_id,
        job_id=schedule.job_id,
        schedule_id=schedule.id,
        revision=schedule.revision,
        trigger="schedule",
        state=State.SKIPPED if reason else State.SCHEDULED,
        reason=reason or "",
        scheduled_for=slot.at,
        not_before=start.at,
        start_before=start.before,
        queue_id=schedule.queue_id,
        priority=_priority(schedule, start),
        timeout_seconds=schedule.timeout_seconds,
        max_attempts=retry_fields.parse(schedule.retry).max_attempts,
        payload=schedule.payload,
        concurrency_key=concurrency_keys.render(
            schedule.concurrency_key, {**(schedule.job_payload or {}), **(schedule.payload or {})}
        ),
        **folded,
    )


def _priority(schedule: Any, start: Start) -> int:
    """Where overlaps are no limit, whatever has gathered before an opening goes behind what is live."""
    gathers = start.waits and schedule.overlap in ("allow", "queue_all")
    return background.behind(schedule.priority) if gathers else int(schedule.priority)
