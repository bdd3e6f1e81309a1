"""What a blocked execution waits for: steps of its workflow run, or slots that its job's gates name."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from jobs.engine import gates
from jobs.models import Execution, WorkflowRun
from jobs.rules import reruns
from jobs.rules.states import TERMINAL

#: Upstreams that are named.
MOST_NAMED = 5


def awaited(execution: Execution) -> tuple[str, datetime | None]:
    """In words, and until when at most; an empty text if it waits for no upstream."""
    if execution.workflow_run_id and execution.step and execution.decide_at is None:
        return _said(_of_step(execution, execution.workflow_run_id)), None
    if execution.decide_at is not None and execution.scheduled_for is not None:
        left, until = gates.waited_for(execution.pk)
        return _said([(name, gate.said()) for name, gate in left]), until
    return "", None


def _of_step(execution: Execution, run_id: UUID) -> list[tuple[str, str]]:
    """(step, state) of those before it that have not ended."""
    run = WorkflowRun.objects.filter(pk=run_id).only("graph").first()
    names = reruns.upstreams(run.graph).get(execution.step, []) if run else []
    rows = Execution.objects.filter(
        tenant=execution.tenant_id, workflow_run_id=run_id, step__in=names, superseded=False
    )
    states = dict(rows.values_list("step", "state"))
    return [(name, states.get(name, "not made yet")) for name in names if states.get(name) not in TERMINAL]


def _said(found: list[tuple[str, str]]) -> str:
    named = ", ".join(f"{name} ({state})" for name, state in found[:MOST_NAMED])
    more = f" and {len(found) - MOST_NAMED} more" if len(found) > MOST_NAMED else ""
    return f"it waits for {named}{more}" if found else ""
