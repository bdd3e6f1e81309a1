"""What becomes of an exhausted execution: run again, or let go."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from jobs import errors, selectors
from jobs.models import DeadLetter, DeadLetterState, Execution
from jobs.services import executions
from tenants import actors, requests
from tenants.services import audit


def redrive(
    *, dead_letter: DeadLetter, payload: Mapping[str, Any] | None = None, with_downstream: bool = False
) -> tuple[DeadLetter, Execution]:
    """Replay its execution and close it. ``payload`` goes over the former overrides, key by key."""
    with transaction.atomic():
        dead_letter = _lock_open(dead_letter)
        failed = selectors.executions().filter(pk=dead_letter.execution_id).first()
        if failed is None:
            raise errors.Conflict("its execution is no longer kept: trigger the job instead, and discard this")
        execution = executions.replay(execution=failed, payload=payload, with_downstream=with_downstream)
        dead_letter.redriven_as = execution.pk
        _close(dead_letter, DeadLetterState.REDRIVEN)
    return dead_letter, execution


def discard(*, dead_letter: DeadLetter) -> DeadLetter:
    """Close it without running it again."""
    with transaction.atomic():
        dead_letter = _lock_open(dead_letter)
        _close(dead_letter, DeadLetterState.DISCARDED)
    return dead_letter


def allowed_actions(state: str) -> list[str]:
    """What a client may ask of a dead letter in ``state``."""
    return ["redrive", "discard"] if state == DeadLetterState.OPEN else []


def close_of(became: Mapping[UUID, UUID]) -> None:
    """Close what is open of executions in whose place others run now, by the former ones; in the caller's transaction."""
    actors.require("executions:run")
    rows = DeadLetter.objects.select_related("job__tenant").select_for_update(of=("self",), no_key=True)
    for letter in rows.filter(execution_id__in=list(became), state=DeadLetterState.OPEN).order_by("pk"):
        letter.redriven_as = became[letter.execution_id]
        _close(letter, DeadLetterState.REDRIVEN)


def _lock_open(dead_letter: DeadLetter) -> DeadLetter:
    actors.require("executions:run", tenant=dead_letter.tenant_id)
    rows = DeadLetter.objects.select_related("job").select_for_update(of=("self",), no_key=True)
    row = rows.get(pk=dead_letter.pk)
    if row.state != DeadLetterState.OPEN:
        raise errors.InvalidState(f"this dead letter is {row.state} already", state=row.state, allowed_actions=[])
    return row


def _close(dead_letter: DeadLetter, state: DeadLetterState) -> None:
    before = dead_letter.state
    dead_letter.state = state
    dead_letter.closed_by = actors.current().name
    dead_letter.closed_at = timezone.now()
    dead_letter.note = requests.current().reason
    dead_letter.save(update_fields=["state", "redriven_as", "closed_by", "closed_at", "note"])
    audit.record(
        action=f"dead_letter.{state}",
        object_type="dead_letter",
        object_id=dead_letter.pk,
        tenant=dead_letter.job.tenant,
        changes={"state": [before, state]},
    )
