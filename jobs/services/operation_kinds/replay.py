"""Runs again what has ended, each execution once: one that anybody has replayed before is left out."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog
from django.core.serializers.json import DjangoJSONEncoder
from django.db import Error

from jobs.engine import dispatch, quotas, selection, transitions
from jobs.engine.operations import Outcome, Refusal
from jobs.engine.records import NewExecution
from jobs.models import Execution, Operation, TriggerKind
from jobs.rules import identity
from jobs.rules.states import TERMINAL
from jobs.services import executions, new_executions
from tenants.errors import ServiceError
from tenants.services import audit

REPLAYED = "ALREADY_REPLAYED"
NO_ROOM = "QUOTA_EXCEEDED"

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Again:
    """An execution, and the one that it becomes."""

    former: Execution
    row: NewExecution


class Replay:
    """A new execution of the job's newest revision for each, with its overrides and the operation's over them."""

    name = "replay"
    states: Sequence[str] = sorted(TERMINAL)
    unfit = "NOT_ENDED"
    runs_again = True

    def conditions(self, made_by: datetime) -> Mapping[str, Any]:
        # What has ended never changes: so these are the very ones that there were when the operation was made.
        return {"finished_at__lte": made_by}

    def carry_out(self, operation: Operation, ids: Sequence[UUID], now: datetime) -> Outcome:
        rows = Execution.objects.filter(tenant_id=operation.tenant_id).select_related("job")
        held, held_at = selection.hold(rows, ids)
        outcome = Outcome(held_at=held_at)
        wanted, opened = self.open(operation, _not_replayed(held, outcome), outcome)
        made = _within_quota(operation, _prepared(operation, wanted, now, outcome), outcome)
        transitions.create([each.row for each in made])
        self.note(operation, made, opened, now)
        if made:
            dispatch.ring_after_commit()
        outcome.done, outcome.made = len(made), [(each.former.pk, each.row.id) for each in made]
        return outcome

    def open(self, operation: Operation, wanted: Sequence[Execution], outcome: Outcome) -> tuple[list[Execution], Any]:  # noqa: ARG002
        """Those that nobody has decided on otherwise, and what is to be noted of them; the others go into ``outcome``."""
        return list(wanted), None

    def note(self, operation: Operation, made: Sequence[Again], opened: Any, now: datetime) -> None:  # noqa: ARG002
        """Tell the audit trail, as of each by itself."""
        audit.record_all(
            action="execution.replayed",
            object_type="execution",
            tenant=operation.tenant,
            changes={each.row.id: _asked(operation, each) for each in made},
        )


def _asked(operation: Operation, again: Again) -> dict[str, Any]:
    told: dict[str, Any] = {
        "job": [None, again.former.job.name],
        "replay_of": [None, str(again.former.pk)],
        "operation": [None, str(operation.pk)],
    }
    return {**told, "payload": sorted(again.row.payload)} if again.row.payload else told


def _not_replayed(held: Sequence[Execution], outcome: Outcome) -> list[Execution]:
    """Read after their rows are locked, as whoever replays one locks it: so whoever comes second sees the first."""
    if not held:
        return []
    replays = Execution.objects.filter(
        tenant_id=held[0].tenant_id, replay_of__in=[row.pk for row in held], pk__gt=held[0].pk
    )
    again = {key for key in replays.values_list("replay_of", flat=True) if key is not None}
    outcome.left_out |= dict.fromkeys(again, REPLAYED)
    return [row for row in held if row.pk not in again]


def _prepared(operation: Operation, wanted: Sequence[Execution], now: datetime, outcome: Outcome) -> list[Again]:
    made: list[Again] = []
    # Most of a page are of few jobs with the same overrides: each is checked once.
    known: dict[tuple[UUID, str], NewExecution | Refusal] = {}
    for execution in wanted:
        overrides = {**(execution.payload or {}), **(operation.payload or {})}
        key = (execution.job_id, json.dumps(overrides, sort_keys=True, cls=DjangoJSONEncoder))
        if key not in known:
            known[key] = _checked(operation, execution, overrides, now)
        checked = known[key]
        if isinstance(checked, Refusal):
            outcome.refusals.append(replace(checked, execution=execution.pk))
        else:
            row = replace(
                checked,
                id=identity.request_id(now),
                replay_of=execution.pk,
                event=execution.event,
                with_downstream=operation.with_downstream,
            )
            made.append(Again(execution, row))
    return made


def _checked(
    operation: Operation, execution: Execution, overrides: Mapping[str, Any], now: datetime
) -> NewExecution | Refusal:
    job = execution.job
    job.tenant = operation.tenant  # is at hand
    try:
        executions.require_run(job, operation.payload)
        return new_executions.prepare(job, TriggerKind.REPLAY, now=now, overrides=overrides)
    except ServiceError as error:
        return Refusal(execution.pk, error.code, str(error))
    except Error:
        raise  # the database's trouble, not the row's
    except Exception as error:
        # Whatever one holds must not end an operation over many.
        log.exception("operation.row_failed", operation=str(operation.pk), execution=str(execution.pk))
        return Refusal(execution.pk, "CONFIG_INVALID", f"cannot be run again: {error}")


def _within_quota(operation: Operation, made: list[Again], outcome: Outcome) -> list[Again]:
    """As many as the tenant may have; the rest waits until some of its executions have ended."""
    room = quotas.draw_up_to(operation.tenant, len(made))
    if room < len(made):
        outcome.hold(made[room].former.pk)
        outcome.waiting_on = NO_ROOM
    return made[:room]
