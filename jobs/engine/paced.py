"""Executions that keep to an operation's pace: how far they have come, and what of them is no longer wanted.

    ended or trimmed ─► skip a page of what no worker has taken ─► … ─► nothing left ─► trimmed: done
                                                                                   ─► ended: count, until all have ended

Recoveries and backfills alike. What an operation that has ended left running may come back, as for a retry, and is skipped
then; so it is looked at until nothing of it can.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from jobs import sql
from jobs.engine import transitions
from jobs.models import Execution, Operation
from jobs.rules import identity
from jobs.rules import operations as rules
from jobs.rules.states import TERMINAL, State
from tenants import requests
from tenants.services import audit

CLEARED_AT_ONCE = 500
#: Before a page of what is to be cleared that follows another.
AGAIN = timedelta(milliseconds=50)
#: Before what has ended and has executions that have not is looked at again, at the least.
LOOK = timedelta(seconds=1)
#: In the conditions of one that was ended: what runs is to stop as well.
STOP = "cancel_running"

_LAST = UUID(int=(1 << 128) - 1)
_MILLISECOND = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Tally:
    """How many there are of those that were counted; ``left_out`` are those skipped or cancelled, by reason. Steps that come
    after them, in workflow runs, count among the ``unfinished`` alone."""

    total: int
    unfinished: int
    succeeded: int
    failed: int
    left_out: Mapping[str, int]


def tally(operation: Operation, *, made_at: datetime | None = None, states: Collection[State] = tuple(State)) -> Tally:
    """Count its executions in these states; all have ids of the instant ``made_at``, if that is given."""
    totals, left_out, steps = Counter[State](), Counter[str](), Counter[State]()
    low = UUID(int=0) if made_at is None else identity.floor_id(made_at)
    high = _LAST if made_at is None else identity.floor_id(made_at + _MILLISECOND)
    asked = [str(state) for state in states]
    for row in sql.run("count_of_operation", operation_id=operation.pk, states=asked, low=low, high=high):
        if row.is_step:
            steps[State(row.state)] += row.total
            continue
        totals[State(row.state)] += row.total
        if row.state in (State.SKIPPED, State.CANCELLED):
            left_out[row.reason or str(row.state).upper()] += row.total
    return Tally(
        total=totals.total(), unfinished=sum((totals + steps)[state] for state in State if state not in TERMINAL),
        succeeded=totals[State.SUCCEEDED], failed=totals[State.FAILED], left_out=left_out,
    )  # fmt: skip


def clear(operation: Operation, count: Callable[[Operation, datetime], bool], now: datetime) -> None:
    """Skip the next of its executions that are no longer wanted: all, where it has ended. ``count`` notes how far they have
    come, and says whether all have ended."""
    trimmed = {} if rules.State(operation.state) in rules.TERMINAL else operation.conditions.get("trim", {})
    before = trimmed.get("before")
    done = transitions.skip_of_operation(
        operation.pk, limit=CLEARED_AT_ONCE, cuts=trimmed.get("cuts"),
        before=datetime.fromisoformat(before) if before else None,
    )  # fmt: skip
    operation.next_step_at = now + AGAIN if done.skipped else now + LOOK
    if trimmed:
        operation.clearing = done.unwanted
        operation.next_step_at = operation.next_step_at if done.unwanted else now
    elif not done.skipped:
        _stop(operation)
        operation.clearing = not count(operation, now)
        operation.next_step_at = max(operation.next_step_at, now + LOOK)
    operation.save(update_fields=["clearing", "next_step_at"])


def _stop(operation: Operation) -> None:
    """What runs, if it was ended so: what was being claimed then, too."""
    if operation.conditions.get(STOP):
        with requests.continued(requests.SYSTEM, request_id=operation.request_id, reason=operation.reason):
            ask_to_stop(operation)


def ask_to_stop(operation: Operation) -> None:
    """Ask those that run to stop; the audit trail has a row of each. Those that somebody holds are asked by the next look."""
    running = Execution.objects.filter(
        tenant_id=operation.tenant_id, operation_id=operation.pk, state=State.RUNNING, cancel_requested_at=None
    )
    held = running.order_by("pk").select_for_update(no_key=True, skip_locked=True)
    asked = transitions.cancel_all(list(held.values_list("pk", flat=True)))
    audit.record_all(
        action="execution.cancel_requested", object_type="execution", tenant=operation.tenant,
        changes={key: {"cancel_requested": [False, True], "operation": [None, str(operation.pk)]} for key in asked},
    )  # fmt: skip
