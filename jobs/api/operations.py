"""``/operations``: long work over many executions, until it has ended."""

# ruff: noqa: ARG002 - DRF hands request and path to every action

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from jobs import errors
from jobs.api.shapes.operations import STATES, AbortInput, OperationShape, PaceInput, TrimInput
from jobs.models import Operation
from jobs.services import operations, trimming
from jobs.services.operation_kinds import KINDS
from tenants.api.fields import NoFields
from tenants.api.pagination import PAGED
from tenants.api.parameters import one_of
from tenants.api.views import TenantViewSet


class OperationViewSet(TenantViewSet):
    """Operations of this tenant. They are made by `POST /executions/bulk`, by failure groups, by backfills of schedules, and
    by the engine itself: a recovery, when it catches up with many missed slots."""

    queryset = Operation.objects.select_related("tenant")
    serializer_class = OperationShape
    noun = "operation"
    read_scope = "executions:read"
    write_scope = "executions:run"
    refusals = dict.fromkeys(("pause", "resume", "cancel", "partial_update"), (errors.InvalidState,)) | {
        "trim": (errors.InvalidState, errors.Conflict)
    }
    query_parameters = {
        "list": (
            *PAGED,
            one_of("state", "state", STATES, "Any of these states."),
            one_of("kind", "kind", sorted(KINDS), "Any of these kinds."),
        )
    }

    def list(self, request: Request) -> Response:
        """Operations, newest first."""
        return self.listed(OperationShape, self.get_queryset().defer("conditions"))

    def retrieve(self, request: Request, id: str) -> Response:
        """One operation, with how far it has come."""
        return self.shown(OperationShape, self.row())

    @extend_schema(request=PaceInput)
    def partial_update(self, request: Request, id: str) -> Response:
        """Go slower or faster: by the rate of its steps, or by how many of its executions may be in flight."""
        operation = self.row()
        return self.shown(OperationShape, operations.change_pace(operation=operation, **self.body(PaceInput)))

    @extend_schema(request=TrimInput)
    @action(detail=True, methods=["post"])
    def trim(self, request: Request, id: str) -> Response:
        """Leave out older slots of a recovery. What has started goes on; the others are skipped, `NO_LONGER_NEEDED`."""
        operation = self.row()
        return self.shown(OperationShape, trimming.trim(operation=operation, **self.body(TrimInput)))

    @extend_schema(request=None)
    @action(detail=True, methods=["post"])
    def pause(self, request: Request, id: str) -> Response:
        """Hold it. Nothing more of it is done until it is resumed."""
        operation = self.row()
        self.body(NoFields)
        return self.shown(OperationShape, operations.pause(operation=operation))

    @extend_schema(request=None)
    @action(detail=True, methods=["post"])
    def resume(self, request: Request, id: str) -> Response:
        """Go on where it was."""
        operation = self.row()
        self.body(NoFields)
        return self.shown(OperationShape, operations.resume(operation=operation))

    @extend_schema(request=AbortInput)
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, id: str) -> Response:
        """End it. What is done stays done; what it has not come to is left as it is. What was to run at its pace and no
        worker has taken is skipped with `NO_LONGER_NEEDED`; what runs goes on, unless `cancel_running`."""
        operation = self.row()
        return self.shown(OperationShape, operations.cancel(operation=operation, **self.body(AbortInput)))
