"""Runs slots of a schedule whose time has passed, each as an execution of its own that keeps to the operation's pace.

    slots beyond the last one ──► how each stands ──► wanted ──► room of the pace, of the quota ──► executions, reached_at

They are made no further ahead of those that have ended than what is in flight needs. Their ids follow from the operation
and the slot, and rows and place move in one transaction: a slot is never run twice by one backfill.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from jobs import errors, selectors, slot_runs, triggers
from jobs.engine import dispatch, paced, planner, quotas, transitions
from jobs.engine.operations import CannotGoOnError
from jobs.engine.records import NewExecution
from jobs.models import Job, JobState, Operation, Schedule, TriggerKind
from jobs.rules import backfills, background, identity
from jobs.rules import operations as rules
from jobs.rules.backfills import Order, Which
from jobs.rules.slots import TICK, Slot
from jobs.rules.states import State
from jobs.services import executions, new_executions
from jobs.services.operation_kinds.replay import NO_ROOM
from tenants.errors import ServiceError

UNFINISHED = "UNFINISHED"
DISABLED = "JOB_DISABLED"
#: Slots that one look takes, and that one step looks at.
LOOK, MOST_LOOKED = 200, 1000
#: Until those that it made are counted again, and until a job that is held or a full quota is looked at again.
WATCH, HELD = timedelta(milliseconds=500), timedelta(seconds=1)

_MOVED = ["made", "done", "failed", "left_out", "waiting_on", "reached_at", "next_step_at"]


@dataclass(slots=True)
class _Found:
    """The next slots that run again, and how far was looked for them."""

    slots: list[Slot] = field(default_factory=list)
    reached_at: datetime | None = None
    unfinished: int = 0
    exhausted: bool = False


class Backfill:
    """By the rule that the schedule has at each step; what is wanted of a slot is judged when its turn comes."""

    name = "backfill"

    def follow(self, operation: Operation, now: datetime) -> bool:
        """See :class:`jobs.engine.operations.Following`."""
        unfinished = _counted(operation)
        schedule = _schedule(operation)
        operation.waiting_on, operation.next_step_at = "", now + WATCH
        ended = False
        if schedule.job.state == JobState.DISABLED:
            operation.waiting_on, operation.next_step_at = DISABLED, now + HELD
        else:
            room = min(rules.at_once(operation.rate_per_second), backfills.room(operation.max_active or 1, unfinished))
            found = _next(operation, schedule, room) if room else _Found(reached_at=operation.reached_at)
            unfinished += _make(operation, schedule, found, now)
            ended = found.exhausted and not operation.waiting_on and not unfinished
        operation.save(update_fields=_MOVED)
        return ended

    def count(self, operation: Operation, now: datetime) -> bool:
        """See :class:`jobs.engine.operations.Following`."""
        unfinished = _counted(operation)
        operation.next_step_at = now + WATCH
        operation.save(update_fields=_MOVED)
        return not unfinished


def _counted(operation: Operation) -> int:
    """How many have not ended. Those that succeeded are the rest: they are not counted each time."""
    found = paced.tally(operation, made_at=operation.created_at, states=[s for s in State if s is not State.SUCCEEDED])
    operation.failed, operation.done = found.failed, operation.made - found.total
    operation.left_out = {**operation.left_out, **found.left_out}
    return found.unfinished


def _schedule(operation: Operation) -> Schedule:
    found = selectors.schedules().filter(tenant_id=operation.tenant_id, pk=operation.conditions["schedule"]).first()
    if found is None:
        raise CannotGoOnError("its schedule was deleted")
    found.job.tenant = operation.tenant  # is at hand
    return found


def _next(operation: Operation, schedule: Schedule, room: int) -> _Found:
    which, found = Which(operation.conditions["which"]), _Found(reached_at=operation.reached_at)
    coming = islice(_slots(operation, schedule), MOST_LOOKED)
    while look := list(islice(coming, LOOK)):
        stands = slot_runs.standings(schedule, look)
        for slot in look:
            if len(found.slots) == room:
                return found
            found.reached_at = slot.at
            if backfills.is_wanted(which, stands[slot.at]):
                found.slots.append(slot)
            elif which is Which.ALL:
                found.unfinished += 1
    found.exhausted = next(_slots(operation, schedule, beyond=found.reached_at), None) is None
    return found


def _slots(operation: Operation, schedule: Schedule, *, beyond: datetime | None = None) -> Any:
    asked = operation.conditions
    try:
        return backfills.slots(
            planner.trigger_of(schedule), since=datetime.fromisoformat(asked["from"]),
            until=datetime.fromisoformat(asked["until"]), order=Order(asked["order"]), beyond=beyond or operation.reached_at,
        )  # fmt: skip
    except triggers.InvalidSchedule as error:
        raise CannotGoOnError(f"its schedule cannot be read: {error}") from None


def _make(operation: Operation, schedule: Schedule, found: _Found, now: datetime) -> int:
    """Make executions of these slots, as far as the quota allows, and note the place. Returns how many."""
    granted = quotas.draw_up_to(operation.tenant, len(found.slots))
    if granted < len(found.slots):
        operation.waiting_on, operation.next_step_at = NO_ROOM, now + HELD
        found.reached_at = found.slots[granted - 1].at if granted else operation.reached_at
    elif found.unfinished:
        operation.left_out = dict(Counter(operation.left_out) + Counter({UNFINISHED: found.unfinished}))
    made = len(transitions.create(rows(operation, schedule, found.slots[:granted], now))) if granted else 0
    if made:
        operation.made += made
        operation.next_step_at = rules.next_step_at(now, now, made, operation.rate_per_second)
        dispatch.ring_after_commit()
    elif found.reached_at != operation.reached_at and not found.exhausted and not operation.waiting_on:
        operation.next_step_at = now
    operation.reached_at = found.reached_at
    return made


def rows(operation: Operation, schedule: Schedule, slots: Sequence[Slot], now: datetime) -> list[NewExecution]:
    """An execution to be for each of these slots."""
    prepared = _prepared(
        schedule.job, {**(schedule.payload or {}), **(operation.payload or {})}, operation.payload, now
    )
    return [
        replace(
            prepared,
            id=identity.backfill_id(operation.pk, schedule.pk, slot.kind, slot.nominal, operation.created_at),
            schedule_id=schedule.pk,
            scheduled_for=slot.at,
            # Among equals the one that is due first goes first: in the order asked for.
            not_before=now + place * TICK,
            priority=background.behind(schedule.job.priority),
            operation_id=operation.pk,
            with_downstream=operation.with_downstream,
        )
        for place, slot in enumerate(slots)
    ]


def _prepared(job: Job, overrides: dict[str, Any], given: Any, now: datetime) -> NewExecution:
    try:
        executions.require_run(job, given)
        return new_executions.prepare(job, TriggerKind.BACKFILL, now=now, overrides=overrides)
    except errors.TaskLocked:
        raise
    except ServiceError as error:
        raise CannotGoOnError(str(error)) from None
