"""``/workers``, ``/job-types`` and ``/callables``: what the platform offers a tenant."""

# ruff: noqa: ARG002 - DRF hands request and path to every action

from __future__ import annotations

from rest_framework.request import Request
from rest_framework.response import Response

from jobs import handlers
from jobs.api.shapes.platform import CallableShape, JobTypeShape, WorkerShape
from jobs.callables import registry
from jobs.models import Worker
from tenants.api.pagination import PAGED
from tenants.api.views import ApiViewSet


class _Platform(ApiViewSet):
    read_scope = "jobs:read"
    write_scope = "admin"


class WorkerViewSet(_Platform):
    """Workers, each boot of one a row of its own; those that ended stay for a day."""

    queryset = Worker.objects.all()
    serializer_class = WorkerShape
    noun = "worker"
    query_parameters = {"list": PAGED}

    def list(self, request: Request) -> Response:
        """Workers, the last started first."""
        return self.listed(WorkerShape, self.get_queryset())

    def retrieve(self, request: Request, id: str) -> Response:
        """One worker."""
        return self.shown(WorkerShape, self.row())


class JobTypeViewSet(_Platform):
    """Job types. In paths `{id}` is the type."""

    queryset = None
    serializer_class = JobTypeShape
    named_by = "type"
    noun = "job type"

    def list(self, request: Request) -> Response:
        """Every job type by name."""
        known = [handler for _, handler in sorted(handlers.registered().items())]
        return self.complete(JobTypeShape, known)

    def retrieve(self, request: Request, id: str) -> Response:
        """One job type, with the schema of its payload."""
        handler = handlers.registered().get(id)
        if handler is None:
            raise self.missing()
        return self.shown(JobTypeShape, handler)


class CallableViewSet(_Platform):
    """What `python` jobs of this tenant may call."""

    queryset = None
    serializer_class = CallableShape
    noun = "callable"

    def list(self, request: Request) -> Response:
        """Every callable this tenant may use, by name."""
        allowed = self.tenant.allowed_callables
        known = [entry for name, entry in sorted(registry.registered().items()) if registry.allows(allowed, name)]
        return self.complete(CallableShape, known)
