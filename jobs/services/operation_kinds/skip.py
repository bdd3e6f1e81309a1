"""Skips what waits: it will not run, for the reason that the operation was asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from jobs.engine import dispatch, selection, transitions
from jobs.engine.operations import Outcome
from jobs.models import Execution, Operation
from jobs.rules.codes import Absence
from jobs.rules.states import WAITING, State
from tenants.services import audit


class Skip:
    """One that a worker has taken meanwhile goes on, and is left out."""

    name = "skip"
    states: Sequence[str] = sorted(WAITING)
    unfit = "NOT_WAITING"
    runs_again = False

    def conditions(self, made_by: datetime) -> Mapping[str, Any]:  # noqa: ARG002 - every kind is asked
        return {}

    def carry_out(self, operation: Operation, ids: Sequence[UUID], now: datetime) -> Outcome:  # noqa: ARG002
        rows = Execution.objects.filter(tenant_id=operation.tenant_id).only("pk", "state")
        held, held_at = selection.hold(rows, ids)
        before = {row.pk: row.state for row in held}
        done = transitions.skip_all([*before], Absence.SKIPPED_BY_HAND, because=operation.reason) if before else set()
        audit.record_all(
            action="execution.skipped",
            object_type="execution",
            tenant=operation.tenant,
            changes={
                key: {"state": [before[key], State.SKIPPED], "operation": [None, str(operation.pk)]} for key in done
            },
        )
        if done:
            dispatch.ring_after_commit()  # what they kept waiting may go on
        left_out = {key: self.unfit for key in before if key not in done}
        return Outcome(done=len(done), left_out=left_out, held_at=held_at)
