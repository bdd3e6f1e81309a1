"""``/maintenance-windows``: times in which nothing starts, or slots are left out."""

# ruff: noqa: ARG002 - DRF hands request and path to every action

from __future__ import annotations

from itertools import islice
from typing import Any

from django.db.models import Q, QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from jobs import errors
from jobs.api import lookups
from jobs.api.shapes.maintenance_windows import OccurrenceShape, WindowChanges, WindowInput, WindowShape
from jobs.models import MaintenanceWindow, Queue, Scope
from jobs.services import maintenance
from tenants.api.fields import NoFields
from tenants.api.pagination import PAGED
from tenants.api.parameters import one_of, whole
from tenants.api.views import TenantViewSet


class MaintenanceWindowViewSet(TenantViewSet):
    """Maintenance windows of this tenant, and the platform's, which only its own people change."""

    queryset = MaintenanceWindow.objects.filter(deleted_at__isnull=True).select_related("tenant", "job")
    serializer_class = WindowShape
    noun = "maintenance window"
    read_scope = "jobs:read"
    write_scope = "jobs:write"
    refusals = {
        "create": (errors.Conflict, errors.InvalidSchedule),
        "partial_update": (errors.InvalidSchedule,),
        "end": (errors.InvalidState,),
    }
    query_parameters = {
        "list": (*PAGED, one_of("action", "action", ("hold", "skip"), "What it does.")),
        "next": (whole("count", 1, 100, "How many, at most.", default=10),),
    }

    def get_queryset(self) -> QuerySet[Any]:
        return self.queryset.filter(Q(tenant_id=self.tenant.pk) | Q(tenant_id=None))

    def list(self, request: Request) -> Response:
        """Maintenance windows, newest first, also those that are over."""
        return self.listed(WindowShape, self.get_queryset())

    @extend_schema(request=WindowInput, responses={201: WindowShape})
    def create(self, request: Request) -> Response:
        """A new maintenance window: once until `ends_at`, or again and again by `expression`."""
        fields: Any = self.body(WindowInput)
        scope, queue, job = fields.pop("scope"), fields.pop("queue", None), fields.pop("job", None)
        window = maintenance.create(
            tenant=None if scope == Scope.PLATFORM else self.tenant, fields=fields, **self._covered(scope, queue, job)
        )
        return self.shown(WindowShape, window, status=201)

    def retrieve(self, request: Request, id: str) -> Response:
        """One maintenance window."""
        return self.shown(WindowShape, self.row())

    @extend_schema(request=WindowChanges)
    def partial_update(self, request: Request, id: str) -> Response:
        """Change some of it; other times are in force at once. Its scope is for ever."""
        window = self.row()
        fields: Any = self.body(WindowChanges, partial=True)
        return self.shown(WindowShape, maintenance.update(window=window, fields=fields))

    def destroy(self, request: Request, id: str) -> Response:
        """It opens no more; one that is open closes."""
        maintenance.delete(window=self.row())
        return Response(status=204)

    @extend_schema(request=None)
    @action(detail=True, methods=["post"])
    def end(self, request: Request, id: str) -> Response:
        """Close it before its time; one that comes again opens when it is next due."""
        window = self.row()
        self.body(NoFields)
        return self.shown(WindowShape, maintenance.end(window=window))

    @extend_schema(responses=OccurrenceShape(many=True))
    @action(detail=True)
    def next(self, request: Request, id: str) -> Response:
        """When it is open from now on."""
        found = maintenance.upcoming(self.row(), timezone.now())
        return self.complete(OccurrenceShape, list(islice(found, self.query.get("count", 10))))

    def _covered(self, scope: str, queue: str | None, job: str | None) -> dict[str, Any]:
        """The queue and the job that it names, as its scope wants them."""
        if (job is not None) != (scope == Scope.JOB):
            raise errors.invalid({"job": ["belongs to the scope job, which needs it"]})
        if (queue is not None and scope not in (Scope.QUEUE, Scope.PLATFORM)) or (
            queue is None and scope == Scope.QUEUE
        ):
            raise errors.invalid({"queue": ["belongs to the scopes queue, which needs it, and platform"]})
        found: dict[str, Any] = {}
        if job is not None:
            found["job"] = lookups.job_in_body(self.tenant, job)
        if queue is not None:
            found["queue"] = Queue.objects.filter(pk=queue).first() if "\0" not in queue else None
            if found["queue"] is None:
                raise errors.invalid({"queue": ["there is no such queue"]})
        return found
