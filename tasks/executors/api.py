"""What executors send: ``POST /executors/{id}/claim``, and their reports at ``/executions/{id}/…``."""

# ruff: noqa: ARG002 - DRF hands request and path to every action

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpResponseBase
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer

from jobs.api.streams.seats import Full
from jobs.models import Execution, Executor
from jobs.services.executors import SERVE, ClaimOver, LeaseTaken
from tasks.executors import claiming, reporting
from tasks.executors.polls import Awaited, Poll, Wish
from tasks.executors.reporting import Held
from tasks.executors.shapes import (
    ClaimInput,
    ClaimsShape,
    CompletionInput,
    FailureInput,
    HeldShape,
    LoggedShape,
    LogInput,
    OutcomeShape,
    ProgressInput,
    TokenInput,
    claims_shape,
)
from tenants.api import fields
from tenants.api.views import TenantViewSet


class ClaimViewSet(TenantViewSet):
    """Executors of this tenant; see docs/executors.md."""

    queryset = Executor.objects.all()
    serializer_class = ClaimsShape
    noun = "executor"
    read_scope = write_scope = SERVE
    refusals = {"claim": (LeaseTaken, Full)}
    #: Payloads may hold secrets.
    shows_secrets = ("claim",)

    @extend_schema(request=ClaimInput, responses=ClaimsShape)
    @action(detail=True, methods=["post"])
    def claim(self, request: Request, id: str) -> HttpResponseBase:
        """Take the next executions that fit it, or wait for them. What is answered is its own, and nobody else's."""
        executor = self.row()
        given = self.body(ClaimInput)
        found = claiming.take(executor, given["lease"], given["max"])
        if found or not given["wait_seconds"]:
            return Response(claims_shape(found), headers={"Cache-Control": "no-store"})
        actor: Any = request.auth
        return Awaited(Poll(Wish(actor, executor, given["lease"], given["max"]), given["wait_seconds"]))


class ReportViewSet(TenantViewSet):
    """Executions that an executor holds. Each report names the claim by its token."""

    queryset = Execution.objects.all()
    serializer_class = OutcomeShape
    noun = "execution"
    read_scope = write_scope = SERVE
    refusals = dict.fromkeys(("start", "log", "progress", "succeed", "fail", "cancelled", "release"), (ClaimOver,))

    @extend_schema(request=TokenInput, responses=HeldShape)
    @action(detail=True, methods=["post"])
    def start(self, request: Request, id: str) -> Response:
        """It has begun. Nobody needs to say so; it asks whether the claim still holds."""
        return self.shown(HeldShape, reporting.start(self._held(self.body(TokenInput))))

    @extend_schema(request=LogInput, responses=LoggedShape)
    @action(detail=True, methods=["post"])
    def log(self, request: Request, id: str) -> Response:
        """Append lines to its log. What is a secret of its payload is masked."""
        given = self.body(LogInput)
        return self.shown(LoggedShape, reporting.log(self._held(given), chunk=given["chunk"], lines=given["lines"]))

    @extend_schema(request=ProgressInput, responses=HeldShape)
    @action(detail=True, methods=["post"])
    def progress(self, request: Request, id: str) -> Response:
        """How far it is."""
        given = self.body(ProgressInput)
        held = reporting.progress(self._held(given), fraction=given["fraction"], message=given["message"])
        return self.shown(HeldShape, held)

    @extend_schema(request=CompletionInput, responses=OutcomeShape)
    @action(detail=True, methods=["post"], url_path="complete", url_name="complete")
    def succeed(self, request: Request, id: str) -> Response:
        """It succeeded. Sent again, it is answered again."""
        given = self.body(CompletionInput)
        return self._ended(reporting.complete(self.tenant, self._id(), given["token"], result=given["result"]))

    @extend_schema(request=FailureInput, responses=OutcomeShape)
    @action(detail=True, methods=["post"])
    def fail(self, request: Request, id: str) -> Response:
        """It failed; its job's retry policy decides what follows. Sent again, it is answered again."""
        given = self.body(FailureInput)
        token = given.pop("token")
        message, retry_after = given.pop("message"), given.pop("retry_after_seconds")
        error = reporting.failure(message, retry_after=retry_after, **given)
        return self._ended(reporting.fail(self.tenant, self._id(), token, error=error))

    @extend_schema(request=TokenInput, responses=OutcomeShape)
    @action(detail=True, methods=["post"])
    def cancelled(self, request: Request, id: str) -> Response:
        """It has stopped because somebody asked for that. Sent again, it is answered again."""
        given = self.body(TokenInput)
        return self._ended(reporting.cancelled(self.tenant, self._id(), given["token"]))

    @extend_schema(request=TokenInput, responses=OutcomeShape)
    @action(detail=True, methods=["post"])
    def release(self, request: Request, id: str) -> Response:
        """Its executor goes: the same attempt runs elsewhere, unpunished. Sent again, it is answered again."""
        given = self.body(TokenInput)
        return self._ended(reporting.release(self.tenant, self._id(), given["token"]))

    def body(self, shape: type[BaseSerializer[Any]], *, partial: bool = False) -> dict[str, Any]:
        """What is not there is told before what is wrong with what was sent."""
        self.row()
        return super().body(shape, partial=partial)

    def _id(self) -> UUID:
        found = fields.id_of(self.kwargs["id"])
        if found is None:
            raise self.missing()
        return found

    def _held(self, given: Any) -> Held:
        return reporting.hold(self.tenant, self._id(), given["token"])

    def _ended(self, outcome: reporting.Outcome) -> Response:
        return self.shown(OutcomeShape, outcome)
