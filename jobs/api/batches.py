"""``/executions/batch``, ``/jobs/batch`` and ``/schedules/batch``: many in one request and one transaction, all or none."""

# ruff: noqa: ARG002 - DRF hands the request to every action

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema, inline_serializer
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from jobs.api import lookups
from jobs.api.shapes.executions import ExecutionsInput, TriggeredShape
from jobs.api.shapes.jobs import JobShape, JobsInput
from jobs.api.shapes.schedules import ScheduleShape, SchedulesInput
from jobs.services import executions, jobs, schedules
from jobs.services.executions import Wish
from jobs.services.schedules import Wanted
from tenants.api.views import TenantViewSet

_EXECUTIONS = inline_serializer("ExecutionBatch", {"data": TriggeredShape(many=True)})
_SCHEDULES = inline_serializer("ScheduleBatch", {"data": ScheduleShape(many=True)})
_JOBS = inline_serializer("JobBatch", {"data": JobShape(many=True)})


class ExecutionBatch(TenantViewSet):
    """Adds ``batch`` to executions."""

    @extend_schema(request=ExecutionsInput, responses={202: _EXECUTIONS}, operation_id="executions_batch")
    @action(detail=False, methods=["post"], pagination_class=None)
    def batch(self, request: Request) -> Response:
        """Run up to 500 jobs, or one as often, now or at their `run_at`: all of them, or none."""
        wanted: Any = self.body(ExecutionsInput)["executions"]
        known = lookups.jobs(self.tenant, {each["job"] for each in wanted})
        wishes = [Wish(known.get(each.pop("job")), **each) for each in wanted]
        return self.all_shown(TriggeredShape, executions.trigger_all(tenant=self.tenant, wishes=wishes), status=202)


class JobBatch(TenantViewSet):
    """Adds ``batch`` to jobs."""

    @extend_schema(request=JobsInput, responses={201: _JOBS}, operation_id="jobs_batch")
    @action(detail=False, methods=["post"], pagination_class=None)
    def batch(self, request: Request) -> Response:
        """Up to 100 new jobs with their schedules: all of them, or none."""
        wanted: Any = self.body(JobsInput)["jobs"]
        return self.all_shown(JobShape, jobs.create_all(tenant=self.tenant, wanted=wanted), status=201)


class ScheduleBatch(TenantViewSet):
    """Adds ``batch`` to schedules."""

    @extend_schema(request=SchedulesInput, responses={201: _SCHEDULES}, operation_id="schedules_batch")
    @action(detail=False, methods=["post"], pagination_class=None)
    def batch(self, request: Request) -> Response:
        """Up to 100 further schedules of jobs that exist, such as one `once` for each run to come: all of them, or none."""
        given: Any = self.body(SchedulesInput)["schedules"]
        known = lookups.jobs(self.tenant, {each["job"] for each in given})
        wanted = [Wanted(known.get(each.pop("job")), each) for each in given]
        made = schedules.create_all(tenant=self.tenant, wanted=wanted)
        return self.all_shown(ScheduleShape, made, status=201)
