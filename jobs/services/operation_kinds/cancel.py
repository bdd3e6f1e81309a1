"""Cancels what has not ended: at once while it waits; a running one is asked to stop."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from jobs.engine import dispatch, selection, transitions
from jobs.engine.operations import Outcome
from jobs.models import Execution, Operation
from jobs.rules.states import TERMINAL, State
from tenants.services import audit


class Cancel:
    """An execution that somebody has asked to stop before is none of these."""

    name = "cancel"
    states: Sequence[str] = [state for state in State if state not in TERMINAL]
    unfit = "ENDED"
    runs_again = False

    def conditions(self, made_by: datetime) -> Mapping[str, Any]:  # noqa: ARG002 - every kind is asked
        return {"cancel_requested_at__isnull": True}

    def carry_out(self, operation: Operation, ids: Sequence[UUID], now: datetime) -> Outcome:  # noqa: ARG002
        rows = Execution.objects.filter(tenant_id=operation.tenant_id).only("pk")
        held, held_at = selection.hold(rows, ids)
        wanted = [row.pk for row in held]
        done = transitions.cancel_all(wanted) if wanted else set()
        audit.record_all(
            action="execution.cancel_requested",
            object_type="execution",
            tenant=operation.tenant,
            changes={key: {"cancel_requested": [False, True], "operation": [None, str(operation.pk)]} for key in done},
        )
        if done:
            dispatch.ring_after_commit()  # the room they leave may be waited for
        ended = {key: self.unfit for key in wanted if key not in done}
        return Outcome(done=len(done), left_out=ended, held_at=held_at)
