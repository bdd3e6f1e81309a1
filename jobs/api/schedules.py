"""``/schedules``: when jobs run."""

# ruff: noqa: ARG002 - DRF hands request and path to every action

from __future__ import annotations

from itertools import islice
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from jobs import errors, selectors, triggers
from jobs.api import fires, lookups
from jobs.api.lists import executions as executions_of
from jobs.api.lists import schedules as lists
from jobs.api.shapes.executions import ExecutionShape
from jobs.api.shapes.schedules import NewScheduleInput, PreviewInput, PreviewShape, ScheduleChanges, ScheduleShape
from jobs.models import Execution
from jobs.services import schedules
from tenants.api.fields import NoFields
from tenants.api.pagination import PAGED
from tenants.api.views import TenantViewSet


class ScheduleViewSet(TenantViewSet):
    """Schedules of this tenant's jobs."""

    queryset = selectors.schedules()
    serializer_class = ScheduleShape
    noun = "schedule"
    read_scope = "jobs:read"
    write_scope = "jobs:write"
    action_scopes = {"preview": "jobs:read", "executions": "executions:read"}
    query_parameters = {
        "list": (*PAGED, *lists.FILTERS),
        "executions": (*PAGED, *executions_of.OF_ANY_JOB),
    }
    listings = {"list": lists.LISTING, "executions": executions_of.LISTING}

    def list(self, request: Request) -> Response:
        """Schedules, newest first."""
        return self.listed(ScheduleShape, self.get_queryset())

    @extend_schema(request=NewScheduleInput, responses={201: ScheduleShape})
    def create(self, request: Request) -> Response:
        """A further schedule of a job."""
        fields: Any = self.body(NewScheduleInput)
        job = lookups.job_in_body(self.tenant, fields.pop("job"))
        return self.shown(ScheduleShape, schedules.create(job=job, fields=fields), status=201)

    def retrieve(self, request: Request, id: str) -> Response:
        """One schedule."""
        return self.shown(ScheduleShape, self.row())

    @extend_schema(request=ScheduleChanges)
    def partial_update(self, request: Request, id: str) -> Response:
        """Change some of it. A changed rule begins after now."""
        schedule = self.row()
        fields: Any = self.body(ScheduleChanges, partial=True)
        return self.shown(ScheduleShape, schedules.update(schedule=schedule, fields=fields))

    def destroy(self, request: Request, id: str) -> Response:
        """End it; its executions stay until retention."""
        schedules.delete(schedule=self.row())
        return Response(status=204)

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

    @extend_schema(request=PreviewInput, responses=PreviewShape)
    @action(detail=False, methods=["post"])
    def preview(self, request: Request) -> Response:
        """The next slots of a rule that need not be stored."""
        rule = self.body(PreviewInput)
        after, count, kind = rule.pop("after", timezone.now()), rule.pop("count"), rule.pop("kind")
        try:
            trigger = triggers.build(kind, {**rule, "expression": rule.get("expression") or None})
        except triggers.InvalidSchedule as error:
            raise errors.InvalidSchedule.about(error.field, error.message) from None
        zone = rule.get("timezone", "UTC")
        slots = [fires.shown(slot, zone) for slot in islice(trigger.after(after), count)]
        return self.shown(PreviewShape, {"next": slots})

    def _become(self, service: Any) -> Response:
        schedule = self.row()
        self.body(NoFields)
        return self.shown(ScheduleShape, service(schedule=schedule))
