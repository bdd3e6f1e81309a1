"""Runs of slots whose time has passed: many, as an operation that keeps to a pace, or one that was skipped, at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from django.db import transaction

from jobs import errors, job_stats, selectors, slot_runs, sql, triggers
from jobs.engine import dispatch, planner, quotas, transitions
from jobs.engine import operations as engine
from jobs.models import Execution, Operation, Schedule, TriggerKind
from jobs.rules import backfills, background, states
from jobs.rules import operations as rules
from jobs.rules.backfills import MOST_SLOTS, Order, Which
from jobs.rules.slots import TICK, Slot, SlotKind, Trigger
from jobs.rules.states import TERMINAL, State
from jobs.services import changes, executions, new_executions, operations
from tenants import actors
from tenants.services import audit

#: Slots that a preview looks at; beyond, its figures are those found by then.
MOST_EXAMINED, _LOOK = 10_000, 500
#: How far back the slot next to an instant is looked for.
_NEAR = timedelta(days=366)
#: A job's history that an estimate is made from.
_LATELY, _FEW = timedelta(days=30), 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """Slots of [since, until) of a schedule; ``payload`` goes over the schedule's overrides, and
    ``with_downstream`` starts the jobs that depend on it with each."""

    schedule: Schedule
    since: datetime
    until: datetime
    which: Which = Which.MISSING
    order: Order = Order.OLDEST
    max_active: int = background.USUAL_ACTIVE
    payload: Mapping[str, Any] | None = None
    with_downstream: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """``slots`` there are; of the first ``examined`` in the order asked for, ``matched`` would run, and so they stand.

    ``first`` and ``last`` are of all slots, in time. The estimate is None without a history.
    """

    slots: int
    examined: int
    matched: int
    by_state: Mapping[str, int]
    first: Slot | None
    last: Slot | None
    estimate_seconds: float | None

    @property
    def is_capped(self) -> bool:
        """Whether there are slots that were not looked at."""
        return self.examined < self.slots


def preview(*, wish: Wish) -> Preview:
    """What a backfill would be about; nothing is stored."""
    trigger, count = _checked(wish)
    stands = _stands(wish, trigger)
    by_state = Counter(stands)
    matched = sum(many for state, many in by_state.items() if backfills.is_wanted(wish.which, state))
    runs = count if len(stands) == MOST_EXAMINED else len(stands)
    ends = (trigger.after(wish.since - TICK), trigger.before(wish.until - TICK, wish.since)) if stands else ((), ())
    first, last = (next((slot for slot in slots if slot.kind is SlotKind.RUN), None) for slots in ends)
    return Preview(
        slots=runs, examined=len(stands), matched=matched, by_state=dict(by_state), first=first, last=last,
        estimate_seconds=_estimate(wish, matched),
    )  # fmt: skip


def create(*, wish: Wish, reason: str) -> Operation:
    """Have the engine run them, at its pace and behind all that is live."""
    found = preview(wish=wish)
    schedule = wish.schedule
    asked = {
        "schedule": str(schedule.pk), "from": _text(wish.since), "until": _text(wish.until), "which": wish.which,
        "order": wish.order,
    }  # fmt: skip
    operation = operations.blank(tenant=schedule.job.tenant, kind="backfill", conditions=asked)
    operation.filter = {**operation.conditions, "job": schedule.job.name}
    operation.matched, operation.matched_is_capped = found.matched, found.is_capped
    operation.max_active, operation.rate_per_second = wish.max_active, rules.FASTEST
    operation.with_downstream = wish.with_downstream
    operation.payload, operation.reason = dict(wish.payload) if wish.payload else None, reason
    return operations.begin(operation=operation)


def run_anyway(
    *,
    schedule: Schedule,
    scheduled_for: datetime,
    payload: Mapping[str, Any] | None = None,
    with_downstream: bool = False,
) -> Execution:
    """Run one slot of a schedule that did not run, whatever the reason: now, at the job's own priority."""
    executions.require_run(schedule.job, payload)
    with transaction.atomic():
        schedule = _held(schedule)
        slot = _slot(schedule, scheduled_for)
        _refuse_if_run(schedule, slot)
        return _run(schedule, slot, payload, with_downstream)


def run_skipped(
    *,
    execution: Execution,
    scheduled_for: datetime | None = None,
    payload: Mapping[str, Any] | None = None,
    with_downstream: bool = False,
) -> Execution:
    """The same for the slot of a skipped execution; of one that stands for many, which of them is to be said."""
    executions.require_run(execution.job, payload)
    if execution.state != State.SKIPPED or execution.schedule_id is None or execution.scheduled_for is None:
        message = f"only a slot that was skipped can be run anyway; this execution is {execution.state}"
        allowed = states.allowed_actions(State(execution.state))
        raise errors.InvalidState(message, state=execution.state, allowed_actions=allowed)
    at = execution.scheduled_for if scheduled_for is None else scheduled_for
    first, last = execution.scheduled_for, execution.folded_until or execution.scheduled_for
    if execution.folded_count and scheduled_for is None:
        message = f"this row stands for {execution.folded_count} slots: name the one to run"
        raise errors.invalid({"scheduled_for": [message]})
    if not first <= at <= last:
        message = f"is none of this row's, which are from {_text(first)} to {_text(last)}"
        raise errors.invalid({"scheduled_for": [message]})
    with transaction.atomic():
        schedule = _held(_schedule_of(execution))
        # A row's own slot ran by the rule of its time, whatever the rule is now.
        single = Slot(at, at.isoformat())
        slot = _slot(schedule, at) if execution.folded_count else single
        _refuse_if_run(schedule, slot)
        return _run(schedule, slot, payload, with_downstream)


def _checked(wish: Wish) -> tuple[Trigger, int]:
    """What makes its slots, and how many there are; or a refusal."""
    schedule = wish.schedule
    actors.require(engine.PERMISSION, tenant=schedule.tenant_id)
    executions.require_run(schedule.job, wish.payload)
    now = _now()
    if wish.until > now:
        raise errors.invalid({"until": ["lies ahead: a backfill is about slots whose time has passed"]})
    if wish.since >= wish.until:
        raise errors.invalid({"from": ["must be before until"]})
    if not 1 <= wish.max_active <= background.MOST_ACTIVE:
        raise errors.invalid({"max_active": [f"must be from 1 to {background.MOST_ACTIVE}"]})
    # What cannot be run at all is refused now, and not one step later.
    overrides = _overrides(schedule, wish.payload)
    new_executions.prepare(schedule.job, TriggerKind.BACKFILL, now=now, overrides=overrides)
    trigger = _trigger(schedule)
    count = trigger.count(wish.since - TICK, wish.until - TICK)
    if count > MOST_SLOTS:
        message = f"there are {count:,} slots between from and until, and {MOST_SLOTS:,} at most in one backfill"
        raise errors.invalid({"from": [f"{message}: ask for a shorter time"]})
    return trigger, count


def _trigger(schedule: Schedule) -> Trigger:
    try:
        return planner.trigger_of(schedule)
    except triggers.InvalidSchedule as error:
        raise errors.InvalidSchedule.about("schedule", f"cannot be read: {error}") from None


def _stands(wish: Wish, trigger: Trigger) -> list[str]:
    """How each of the first slots stands."""
    slots = islice(
        backfills.slots(trigger, since=wish.since, until=wish.until, order=wish.order, beyond=None), MOST_EXAMINED
    )
    found: list[str] = []
    while look := list(islice(slots, _LOOK)):
        stands = slot_runs.standings(wish.schedule, look)
        found += [stands[slot.at] for slot in look]
    return found


def _estimate(wish: Wish, matched: int) -> float | None:
    """By the middle one of the job's durations lately, as many at a time as may be."""
    now, job = _now(), wish.schedule.job
    took = job_stats.of_job(job, since=now - _LATELY, until=now, most=_FEW).duration_seconds
    if took is None:
        return None
    at_once = min(wish.max_active, job.max_running or wish.max_active)
    return matched * took.p50 / at_once


def _overrides(schedule: Schedule, payload: Mapping[str, Any] | None) -> dict[str, Any]:
    return {**(schedule.payload or {}), **(payload or {})}


def _schedule_of(execution: Execution) -> Schedule:
    found = selectors.schedules().filter(tenant_id=execution.tenant_id, pk=str(execution.schedule_id)).first()
    if found is None:
        message = "its schedule was deleted: run the job itself, or replay this"
        raise errors.InvalidState(message, state=execution.state, allowed_actions=("retry", "replay"))
    return found


def _held(schedule: Schedule) -> Schedule:
    """As it is stored now: nobody else runs a slot of it before this transaction ends."""
    with errors.locking(schedule.job.name):
        found = selectors.schedules().select_for_update(of=("self",), no_key=True).filter(pk=schedule.pk).first()
    if found is None:
        raise errors.Conflict("this schedule was deleted meanwhile")
    found.job.tenant = schedule.job.tenant
    return found


def _slot(schedule: Schedule, at: datetime) -> Slot:
    """The schedule's slot at this instant, whatever its clock-change policy makes of it."""
    if at > _now():
        raise errors.invalid({"scheduled_for": ["lies ahead: it runs when its time has come"]})
    trigger = _trigger(schedule)
    here = list(trigger.before(at, at))
    if here:
        return next((slot for slot in here if slot.kind is SlotKind.RUN), here[0])
    near = [next(iter(trigger.before(at, at - _NEAR)), None), next(iter(trigger.after(at)), None)]
    told = " and ".join(_text(slot.at) for slot in near if slot is not None)
    message = "is no slot of this schedule" + (f"; those next to it are {told}" if told else "")
    raise errors.invalid({"scheduled_for": [message]})


def _refuse_if_run(schedule: Schedule, slot: Slot) -> None:
    for row in slot_runs.of_instants(schedule, [slot.at]):
        if row.state not in TERMINAL:
            message = f"this slot is being run, as execution {row.id}: wait until that has ended"
            raise errors.Conflict(message, details={"execution": str(row.id)})
        if row.state == State.SUCCEEDED:
            message = f"this slot has been run, as execution {row.id}: replay that"
            raise errors.Conflict(message, details={"execution": str(row.id)})


def _run(schedule: Schedule, slot: Slot, payload: Mapping[str, Any] | None, with_downstream: bool) -> Execution:
    job, now = schedule.job, _now()
    row = new_executions.prepare(job, TriggerKind.BACKFILL, now=now, overrides=_overrides(schedule, payload))
    row = replace(row, schedule_id=schedule.pk, scheduled_for=slot.at, with_downstream=with_downstream)
    quotas.draw(job.tenant)
    transitions.create([row])
    asked: dict[str, Any] = {
        "job": job.name,
        "schedule": str(schedule.pk),
        "slot": _text(slot.at),
        "payload": row.payload,
    }
    asked["with_downstream"] = with_downstream or None
    audit.record(
        action="execution.run_anyway", object_type="execution", object_id=row.id, tenant=job.tenant,
        changes=changes.between({}, asked),
    )  # fmt: skip
    dispatch.ring_after_commit()
    return selectors.executions().get(pk=row.id)


def _text(instant: datetime) -> str:
    return instant.isoformat().replace("+00:00", "Z")


def _now() -> datetime:
    now: datetime = sql.run("clock")[0].now
    return now
