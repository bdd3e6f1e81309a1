"""``/executors``: who claims executions over HTTP, registered by themselves, switched on and off by people."""

# ruff: noqa: ARG002 - DRF hands request and path to every action

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from jobs import errors, executors
from jobs.api.shapes.executors import (
    BeatInput,
    BeatShape,
    ExecutorInput,
    ExecutorShape,
    LeaseInput,
    RegisteredShape,
)
from jobs.models import ExecutorState
from jobs.services import executors as services
from tenants.api import parameters
from tenants.api.fields import NoFields
from tenants.api.pagination import PAGED
from tenants.api.views import TenantViewSet
from tenants.quotas import QuotaExceeded


class ExecutorViewSet(TenantViewSet):
    """Executors of this tenant; see docs/executors.md."""

    queryset = executors.executors()
    serializer_class = ExecutorShape
    noun = "executor"
    read_scope = "jobs:read"
    write_scope = services.MANAGE
    action_scopes = dict.fromkeys(("create", "heartbeat", "leave"), services.SERVE)
    refusals = {
        "create": (errors.Conflict, QuotaExceeded),
        **dict.fromkeys(("heartbeat", "leave"), (services.LeaseTaken,)),
        **dict.fromkeys(("activate", "deactivate", "destroy"), (errors.InvalidState,)),
    }
    query_parameters = {
        "list": (
            *PAGED,
            parameters.texts("name", "name", "Of this name."),
            parameters.one_of("state", "state", ExecutorState.values, "In any of these states."),
        )
    }

    def list(self, request: Request) -> Response:
        """Executors, newest first."""
        return self.listed(ExecutorShape, self.get_queryset())

    @extend_schema(request=ExecutorInput, responses={200: RegisteredShape, 201: RegisteredShape})
    def create(self, request: Request) -> Response:
        """Register: the executor of that name becomes what is said here, and this process speaks for it from now on."""
        given: Any = self.body(ExecutorInput)
        name, instance = given.pop("name"), given.pop("instance")
        executor, made = services.register(tenant=self.tenant, name=name, instance=instance, fields=given)
        return self.shown(RegisteredShape, self._counted(executor), status=201 if made else 200)

    def retrieve(self, request: Request, id: str) -> Response:
        """One executor."""
        return self.shown(ExecutorShape, self.row())

    def destroy(self, request: Request, id: str) -> Response:
        """Delete one that holds nothing. Its process is refused until it registers again."""
        services.delete(executor=self.row())
        return Response(status=204)

    @extend_schema(request=BeatInput, responses=BeatShape)
    @action(detail=True, methods=["post"])
    def heartbeat(self, request: Request, id: str) -> Response:
        """Its process lives: renews the lease of all that it holds, and says what to stop."""
        executor = self.row()
        given = self.body(BeatInput)
        return self.shown(BeatShape, services.beat(executor=executor, **given))

    @extend_schema(request=LeaseInput)
    @action(detail=True, methods=["post"])
    def leave(self, request: Request, id: str) -> Response:
        """Its process ends: what it still holds goes back at once, unpunished."""
        executor = self.row()
        return self._shown(services.leave(executor=executor, **self.body(LeaseInput)))

    @extend_schema(request=None)
    @action(detail=True, methods=["post"])
    def activate(self, request: Request, id: str) -> Response:
        """Give it work again."""
        executor = self.row()
        self.body(NoFields)
        return self._shown(services.activate(executor=executor))

    @extend_schema(request=None)
    @action(detail=True, methods=["post"])
    def deactivate(self, request: Request, id: str) -> Response:
        """Give it nothing new; what it holds goes on, so it drains."""
        executor = self.row()
        self.body(NoFields)
        return self._shown(services.deactivate(executor=executor))

    def _shown(self, executor: Any) -> Response:
        return self.shown(ExecutorShape, self._counted(executor))

    def _counted(self, executor: Any) -> Any:
        return self.get_queryset().get(pk=executor.pk)
