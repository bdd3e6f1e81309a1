"""Dead letters of the executions that an operation comes to, locked and closed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from jobs.engine import selection
from jobs.engine.operations import Outcome
from jobs.models import DeadLetter, DeadLetterState, Operation
from tenants.services import audit

CLOSED = "LETTER_CLOSED"


def hold_open(operation: Operation, ids: Sequence[UUID], outcome: Outcome) -> dict[UUID, DeadLetter]:
    """The open letters of these, locked, by execution; closed ones go into ``outcome``, with what somebody else holds."""
    letters = DeadLetter.objects.filter(tenant_id=operation.tenant_id)
    states = dict(letters.filter(execution_id__in=list(ids)).values_list("execution_id", "state"))
    still = [key for key in ids if states.get(key) == DeadLetterState.OPEN]
    rows, held_at = selection.hold(letters.filter(state=DeadLetterState.OPEN), still, by="execution_id")
    outcome.left_out |= {key: CLOSED for key, state in states.items() if state != DeadLetterState.OPEN}
    outcome.hold(held_at)
    return {row.execution_id: row for row in rows}


def close(
    operation: Operation,
    letters: Sequence[DeadLetter],
    state: DeadLetterState,
    now: datetime,
    became: Mapping[UUID, UUID] | None = None,
) -> None:
    """Close letters that are held; ``became``: the executions they are redriven as, by the former one."""
    for letter in letters:
        letter.state, letter.closed_by, letter.closed_at = state, operation.created_by, now
        letter.note = operation.reason
        letter.redriven_as = (became or {}).get(letter.execution_id)
    DeadLetter.objects.bulk_update(letters, ["state", "closed_by", "closed_at", "redriven_as", "note"])
    changed = {"state": [DeadLetterState.OPEN, state], "operation": [None, str(operation.pk)]}
    audit.record_all(
        action=f"dead_letter.{state}",
        object_type="dead_letter",
        tenant=operation.tenant,
        changes={letter.pk: changed for letter in letters},
    )
