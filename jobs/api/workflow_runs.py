"""``/workflow-runs``: how far each propagation through the graph of dependencies has come, and what may be done about it."""

# ruff: noqa: ARG002 - DRF hands request and path to every action

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from jobs import errors, run_actions, run_graphs
from jobs.api.lists import workflow_runs as lists
from jobs.api.shapes.executions import SkipInput
from jobs.api.shapes.workflow_runs import RerunInput, RunGraphShape, WorkflowRunShape
from jobs.models import WorkflowRun
from jobs.rules.workflow_runs import TERMINAL
from jobs.services import workflow_runs
from tenants.api.fields import NoFields
from tenants.api.pagination import PAGED
from tenants.api.views import TenantViewSet
from tenants.quotas import QuotaExceeded


class WorkflowRunViewSet(TenantViewSet):
    """Workflow runs of this tenant. Each is made with its root's execution, by whatever made that."""

    queryset = run_actions.beside(WorkflowRun.objects.select_related("root_job"))
    serializer_class = WorkflowRunShape
    noun = "workflow run"
    read_scope = "executions:read"
    write_scope = "executions:run"
    refusals = {
        **dict.fromkeys(("cancel", "skip"), (errors.InvalidState,)),
        **dict.fromkeys(("resume", "rerun"), (errors.InvalidState, QuotaExceeded)),
    }
    listings = {"list": lists.LISTING}
    query_parameters = {"list": (*PAGED, *lists.FILTERS)}

    def list(self, request: Request) -> Response:
        """Workflow runs, newest first."""
        return self.listed(WorkflowRunShape, self.get_queryset())

    def retrieve(self, request: Request, id: str) -> Response:
        """One workflow run."""
        return self.shown(WorkflowRunShape, self.row())

    @extend_schema(responses=RunGraphShape)
    @action(detail=True)
    def graph(self, request: Request, id: str) -> Response:
        """Its steps, each with the execution that stands for it and those it has taken the place of, and its edges."""
        return self.shown(RunGraphShape, run_graphs.of_run(self.row()))

    @extend_schema(request=None, responses={200: WorkflowRunShape, 202: WorkflowRunShape})
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, id: str) -> Response:
        """Nothing more of it starts, and what runs is asked to stop (202); it has ended once that has."""
        run = self.row()
        self.body(NoFields)
        run = workflow_runs.cancel(run=run)
        return self.shown(WorkflowRunShape, run, status=200 if run.state in TERMINAL else 202)

    @extend_schema(request=None, responses={202: WorkflowRunShape})
    @action(detail=True, methods=["post"])
    def resume(self, request: Request, id: str) -> Response:
        """Go on from what failed: every step that failed, was cancelled, or was skipped because of such a one runs again,
        with all after it; what else succeeded stays."""
        run = self.row()
        self.body(NoFields)
        return self.shown(WorkflowRunShape, workflow_runs.resume(run=run), status=202)

    @extend_schema(request=RerunInput, responses={202: WorkflowRunShape})
    @action(detail=True, methods=["post"])
    def rerun(self, request: Request, id: str) -> Response:
        """Run a step and all after it again, however they ended; none of them may be under way."""
        run = self.row()
        again = workflow_runs.rerun(run=run, **self.body(RerunInput))
        return self.shown(WorkflowRunShape, again, status=202)

    @extend_schema(request=SkipInput)
    @action(detail=True, methods=["post"], url_path="steps/<str:step>/skip")
    def skip(self, request: Request, id: str, step: str) -> Response:
        """Leave out a blocked step, `SKIPPED_BY_HAND`: what comes after it counts it as skipped."""
        run = self.row()
        return self.shown(WorkflowRunShape, workflow_runs.skip(run=run, step=step, **self.body(SkipInput)))
