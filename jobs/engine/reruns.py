"""Puts new executions in the place of steps of a workflow run that run again.

    run locked ─► members locked ─► new ones inserted ─► former ones superseded ─► upstreams untold ─► run running

What is inserted waits blocked until jobs.engine.workflows lets it go, as at first; a root is due at once, but not the first steps of an
execution's children: their cap lets them go. A blocked step
whose upstreams are over would never be looked at: so they count as not yet told.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from jobs import sql
from jobs.engine import transitions
from jobs.engine.records import NewExecution
from jobs.models import WorkflowRun
from jobs.rules import identity
from jobs.rules.states import State
from jobs.rules.workflow_runs import RunState


def members(run: WorkflowRun) -> dict[str, Any]:
    """Rows (id, step, state, reason) that stand for its steps, locked, by step. The run is locked."""
    return {row.step: row for row in sql.run("lock_members", run=run.pk)}


def insert(
    run: WorkflowRun,
    rows: Mapping[str, NewExecution],
    *,
    upstreams: Mapping[str, Collection[str]],
    former: Sequence[UUID],
) -> list[UUID]:
    """Have these steps run again; returns the new ids. Ids are derived, so the same rerun meets its own rows."""
    number = run.reruns + 1
    placed = [
        _placed(run, step, row, number, waits=bool(upstreams.get(step) or run.parent_execution_id))
        for step, row in rows.items()
    ]
    transitions.create(placed)
    sql.run("supersede", ids=list(former))
    run.state, run.finished_at, run.cancel_requested_at, run.reruns = RunState.RUNNING, None, None, number
    run.save(update_fields=["state", "finished_at", "cancel_requested_at", "reruns"])
    sql.run("tell_of_run", run=run.pk, word="started")
    sql.run("tell_again", run=run.pk, steps=sorted({each for step in rows for each in upstreams.get(step, ())}))
    return [row.id for row in placed]


def _placed(run: WorkflowRun, step: str, row: NewExecution, number: int, *, waits: bool) -> NewExecution:
    state = State.BLOCKED if waits else State.SCHEDULED
    if row.state == State.SKIPPED:  # its job is disabled
        state = State.SKIPPED
    id_ = identity.step_id(run.pk, step, number)
    return replace(row, id=id_, state=state, workflow_run_id=run.pk, step=step, with_downstream=False)
