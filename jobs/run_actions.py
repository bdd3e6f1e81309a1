"""What may be asked of a workflow run as it stands: its state, and while it runs whether a step of it went wrong."""

from __future__ import annotations

from django.db.models import BooleanField, Case, Exists, OuterRef, Q, QuerySet, Value, When

from jobs.models import Execution, WorkflowRun
from jobs.rules import reruns, workflow_runs
from jobs.rules.states import State
from jobs.rules.workflow_runs import RunState

_WRONG = Q(state__in=[State.FAILED, State.CANCELLED]) | Q(state=State.SKIPPED, reason__in=sorted(reruns.WANTING))


def beside(runs: QuerySet[WorkflowRun]) -> QuerySet[WorkflowRun]:
    """The same rows with what :func:`allowed` looks up, for many at once; only what runs is looked at."""
    steps = Execution.objects.filter(_WRONG, workflow_run_id=OuterRef("pk"), superseded=False)
    return runs.annotate(
        went_wrong=Case(
            When(state=RunState.RUNNING, then=Exists(steps)), default=Value(True), output_field=BooleanField()
        )
    )


def allowed(run: WorkflowRun) -> tuple[str, ...]:
    """Its actions."""
    return workflow_runs.allowed_actions(
        run.state,
        of_parent=run.parent_execution_id is not None,
        cancelling=run.cancel_requested_at is not None,
        went_wrong=_went_wrong(run),
    )


def _went_wrong(run: WorkflowRun) -> bool:
    if (known := run.__dict__.get("went_wrong")) is not None:
        return bool(known)
    if run.state != RunState.RUNNING or run.parent_execution_id is not None:
        return True
    return Execution.objects.filter(_WRONG, workflow_run_id=run.pk, superseded=False).exists()
