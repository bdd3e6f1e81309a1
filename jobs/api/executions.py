"""``/executions``: every run, what it did and what may be done about it."""

# ruff: noqa: ARG002 - DRF hands request and path to every action

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from jobs import errors, selectors
from jobs.api import lookups, streaming
from jobs.api.backfills import RunningAnyway
from jobs.api.batches import ExecutionBatch
from jobs.api.bulk import Bulk
from jobs.api.lists import executions as lists
from jobs.api.shapes.executions import (
    AttemptShape,
    ExecutionShape,
    LogLineShape,
    NewExecutionInput,
    OneExecutionShape,
    ReplayInput,
    SkipInput,
    TriggeredShape,
)
from jobs.models import Execution
from jobs.rules import states
from jobs.services import executions
from tenants.api.errors import InvalidCursor
from tenants.api.fields import NoFields
from tenants.api.pagination import PAGED
from tenants.api.parameters import one_of, whole
from tenants.quotas import QuotaExceeded

LEVELS = ("debug", "info", "warning", "error")


class ExecutionViewSet(Bulk, ExecutionBatch, RunningAnyway, streaming.Streamed):
    """Executions of this tenant's jobs."""

    queryset = selectors.executions()
    serializer_class = ExecutionShape
    noun = "execution"
    read_scope = "executions:read"
    write_scope = "executions:run"
    refusals = {
        **dict.fromkeys(("cancel", "skip"), (errors.InvalidState,)),
        **dict.fromkeys(("create", "batch"), (errors.InvalidState, errors.Conflict, errors.TaskLocked, QuotaExceeded)),
        **dict.fromkeys(("retry", "replay"), (errors.InvalidState, QuotaExceeded)),
        "run_anyway": (
            errors.InvalidSchedule,
            errors.InvalidState,
            errors.Conflict,
            errors.TaskLocked,
            QuotaExceeded,
        ),
        "bulk": (errors.Conflict,),
        **dict.fromkeys(("stream", "events"), (InvalidCursor,)),
    }
    action_scopes = {"logs": "logs:read"}
    listings = {"list": lists.LISTING}
    query_parameters = {
        "list": (*PAGED, *lists.FILTERS),
        "logs": (
            whole("after", 0, 2**63 - 1, "Only lines after this `seq`; `next_cursor` of the former page.", default=0),
            one_of("level", "level", LEVELS, "Of any of these levels."),
            whole("limit", 1, 5000, "Most lines in a page.", default=1000),
        ),
        "stream": streaming.PARAMETERS,
        "events": (streaming.AFTER,),
    }

    def list(self, request: Request) -> Response:
        """Executions, newest first."""
        return self.listed(ExecutionShape, Execution.objects.filter(tenant=self.tenant))

    @extend_schema(request=NewExecutionInput, responses={200: TriggeredShape, 202: TriggeredShape})
    def create(self, request: Request) -> Response:
        """Run a job now, or at `run_at`; 200 with the execution that has the `dedup_key` already."""
        wish: Any = self.body(NewExecutionInput)
        job = lookups.job_in_body(self.tenant, wish.pop("job"))
        execution = executions.trigger(job=job, **wish)
        return self.shown(TriggeredShape, execution, status=200 if execution.deduplicated else 202)

    @extend_schema(responses=OneExecutionShape)
    def retrieve(self, request: Request, id: str) -> Response:
        """One execution, with what it waits for."""
        return self.shown(OneExecutionShape, self.row())

    @extend_schema(request=None, responses={200: ExecutionShape, 202: ExecutionShape})
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, id: str) -> Response:
        """Cancelled at once while it waits (200); a running one is asked to stop (202)."""
        execution = self.row()
        self.body(NoFields)
        execution = executions.cancel(execution=execution)
        ended = states.State(execution.state) in states.TERMINAL
        return self.shown(ExecutionShape, execution, status=200 if ended else 202)

    @extend_schema(request=SkipInput)
    @action(detail=True, methods=["post"])
    def skip(self, request: Request, id: str) -> Response:
        """It will not run, for a reason that is kept with it. Only what waits can be skipped."""
        execution = self.row()
        return self.shown(ExecutionShape, executions.skip(execution=execution, **self.body(SkipInput)))

    @extend_schema(request=None, responses={202: ExecutionShape})
    @action(detail=True, methods=["post"])
    def retry(self, request: Request, id: str) -> Response:
        """Run it again as it was, as a new execution of the job's newest revision."""
        execution = self.row()
        self.body(NoFields)
        return self.shown(ExecutionShape, executions.replay(execution=execution), status=202)

    @extend_schema(request=ReplayInput, responses={202: ExecutionShape})
    @action(detail=True, methods=["post"])
    def replay(self, request: Request, id: str) -> Response:
        """Run it again with an edited payload, as a new execution of the job's newest revision."""
        execution = self.row()
        again = executions.replay(execution=execution, **self.body(ReplayInput))
        return self.shown(ExecutionShape, again, status=202)

    @extend_schema(responses=AttemptShape(many=True))
    @action(detail=True)
    def attempts(self, request: Request, id: str) -> Response:
        """Every try, first to last."""
        return self.complete(AttemptShape, selectors.attempts(self.row().pk))

    @extend_schema(responses=LogLineShape(many=True))
    @action(detail=True)
    def logs(self, request: Request, id: str) -> Response:
        """What it printed and logged, in order, over all attempts."""
        levels = frozenset(self.query.get("level", LEVELS))
        after, limit = self.query.get("after", 0), self.query.get("limit", 1000)
        lines, following = selectors.log(self.row().pk, after=after, levels=levels, limit=limit)
        return Response({"data": lines, "next_cursor": None if following is None else str(following)})
