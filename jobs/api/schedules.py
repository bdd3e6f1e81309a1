"""``/schedules``: when jobs run."""

# ruff: noqa: ARG002 - DRF hands request and path to every action

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from jobs import errors, selectors
from jobs.api import lookups
from jobs.api.backfills import ScheduleBackfills
from jobs.api.batches import ScheduleBatch
from jobs.api.changing import ChangingSchedules
from jobs.api.lists import executions as executions_of
from jobs.api.lists import schedules as lists
from jobs.api.shapes.declarations import DeclaredScheduleShape, ScheduleDryRunShape
from jobs.api.shapes.executions import ExecutionShape
from jobs.api.shapes.schedules import NewScheduleInput, ScheduleChanges, ScheduleInput, ScheduleShape
from jobs.models import Execution
from jobs.services import declaring, descriptions, schedules
from jobs.services.declaring import Declared
from tenants.api.dry_runs import DRY_RUN
from tenants.api.fields import NoFields
from tenants.api.pagination import PAGED
from tenants.quotas import QuotaExceeded


class ScheduleViewSet(ScheduleBackfills, ScheduleBatch, ChangingSchedules):
    """Schedules of this tenant's jobs."""

    queryset = selectors.schedules()
    serializer_class = ScheduleShape
    read_scope = "jobs:read"
    write_scope = "jobs:write"
    refusals = {
        **dict.fromkeys(
            ("create", "batch"), (errors.Conflict, errors.InvalidSchedule, errors.TaskLocked, QuotaExceeded)
        ),
        **dict.fromkeys(("update", "partial_update"), (errors.InvalidSchedule, errors.TaskLocked)),
        **dict.fromkeys(("pause", "resume"), (errors.InvalidState, errors.TaskLocked)),
        "destroy": (errors.TaskLocked,),
        "backfill": (errors.InvalidSchedule, errors.InvalidState, errors.Conflict),
        "run_anyway": (errors.InvalidSchedule, errors.InvalidState, errors.Conflict, errors.TaskLocked, QuotaExceeded),
    }
    action_scopes = {
        "executions": "executions:read",
        **dict.fromkeys(("backfill", "run_anyway"), "executions:run"),
    }
    query_parameters = {
        "list": (*PAGED, *lists.FILTERS),
        "executions": (*PAGED, *executions_of.OF_ANY_JOB),
        **dict.fromkeys(("create", "update", "partial_update", "destroy"), (DRY_RUN,)),
    }
    listings = {"list": lists.LISTING, "executions": executions_of.LISTING}

    def list(self, request: Request) -> Response:
        """Schedules, newest first."""
        return self.listed(ScheduleShape, self.get_queryset())

    @extend_schema(request=NewScheduleInput, responses={200: ScheduleDryRunShape, 201: ScheduleShape})
    def create(self, request: Request) -> Response:
        """A further schedule of a job."""
        fields: Any = self.body(NewScheduleInput)
        job = lookups.job_in_body(self.tenant, fields.pop("job"))
        schedule = schedules.create(job=job, fields=fields)
        return self.changed(Declared(schedule, {}, descriptions.of_schedule(schedule)), status=201)

    def retrieve(self, request: Request, id: str) -> Response:
        """One schedule."""
        schedule = self.row()
        return self.tagged(self.shown(ScheduleShape, schedule), schedule)

    @extend_schema(request=ScheduleInput, responses=DeclaredScheduleShape)
    def update(self, request: Request, id: str) -> Response:
        """Replace it; what is left out has its default. A changed rule begins after now."""
        schedule = self.held()
        fields: Any = self.body(ScheduleInput)
        change = declaring.put_schedule(schedule=schedule, fields=fields)
        return self.changed(change, declared=True)

    @extend_schema(request=ScheduleChanges)
    def partial_update(self, request: Request, id: str) -> Response:
        """Merge changes (RFC 7396). A changed rule begins after now."""
        return self.change(schedules.update, lambda: {"fields": self.body(ScheduleChanges, partial=True)})

    @extend_schema(responses={200: ScheduleDryRunShape, 204: None})
    def destroy(self, request: Request, id: str) -> Response:
        """End it; its executions stay until retention."""
        return self.ended(schedules.delete)

    @extend_schema(request=None)
    @action(detail=True, methods=["post"])
    def pause(self, request: Request, id: str) -> Response:
        """Hold it."""
        return self._become(schedules.pause)

    @extend_schema(request=None)
    @action(detail=True, methods=["post"])
    def resume(self, request: Request, id: str) -> Response:
        """Go on; its misfire policy decides about missed slots."""
        return self._become(schedules.resume)

    @extend_schema(responses=ExecutionShape(many=True))
    @action(detail=True)
    def executions(self, request: Request, id: str) -> Response:
        """What became of its slots, newest first."""
        schedule = self.row()
        return self.listed(ExecutionShape, Execution.objects.filter(tenant=self.tenant), schedule_id=schedule.pk)

    def _become(self, service: Any) -> Response:
        return self.change(service, lambda: self.body(NoFields))
