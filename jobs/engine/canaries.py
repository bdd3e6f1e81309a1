"""The first few of what an operation runs again, which decide on the rest: they are begun, looked at, and judged.

What they are is stored with the operation, in the transaction that begins or judges them: an engine that dies has either
done a step or not.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from jobs.models import Execution, Operation
from jobs.rules import canaries as rules
from jobs.rules import operations
from jobs.rules.canaries import Run, Stage
from tenants.services import audit

WAITING = "CANARY"
#: Before they are looked at again.
WATCH = timedelta(seconds=1)


def is_waiting(operation: Operation) -> bool:
    """Whether those that were begun are to end first."""
    canary = rules.read(operation.canary)
    return canary is not None and canary.stage is Stage.WAITING


def at_most(operation: Operation, size: int) -> int:
    """How many a step may begin that would begin ``size``."""
    canary = rules.read(operation.canary)
    return min(size, canary.room) if canary is not None and canary.stage is Stage.STARTING else size


def note(operation: Operation, made: Sequence[tuple[UUID, UUID]], *, are_all: bool) -> bool:
    """Store what a step has begun, as (former, new); whether that is now waited for."""
    canary = rules.read(operation.canary)
    if canary is None or canary.stage is not Stage.STARTING:
        return False
    canary = canary.started([Run(str(new), str(former)) for former, new in made], are_all=are_all)
    operation.canary = rules.stored(canary)
    if canary.stage is Stage.WAITING:
        operation.waiting_on = WAITING
    operation.save(update_fields=["canary", "waiting_on"])
    return canary.stage is Stage.WAITING


def judge(operation: Operation, now: datetime) -> None:
    """Look how they stand: wait on, let the rest follow, or pause the operation."""
    canary = rules.read(operation.canary)
    assert canary is not None
    rows = Execution.objects.filter(tenant_id=operation.tenant_id, pk__in=[run.execution for run in canary.runs])
    canary = canary.looked_at({str(key): state for key, state in rows.values_list("pk", "state")})
    operation.canary, operation.next_step_at = rules.stored(canary), now
    if canary.stage is Stage.WAITING:
        operation.next_step_at = now + WATCH
    else:
        operation.waiting_on = ""
    if canary.stage is Stage.FAILED:
        _hold(operation, canary, now)
    operation.save(update_fields=["canary", "waiting_on", "next_step_at", "state", "paused_at"])


def _hold(operation: Operation, canary: rules.Canary, now: datetime) -> None:
    before = operations.State(operation.state)
    target = operations.after(before, operations.Event.HOLD)
    assert target is not None, f"held from {before}"
    operation.state, operation.paused_at = target, now
    audit.record(
        action="operation.paused", object_type="operation", object_id=operation.pk, tenant=operation.tenant,
        changes={"state": [before, target], "canary": [Stage.WAITING, canary.sentence()]}, reason=operation.reason,
    )  # fmt: skip
