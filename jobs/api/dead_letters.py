"""``/dead-letters``: exhausted executions, until somebody decides."""

# ruff: noqa: ARG002 - DRF hands request and path to every action

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from jobs import errors
from jobs.api.lists import dead_letters as lists
from jobs.api.shapes.dead_letters import DeadLetterShape
from jobs.api.shapes.executions import ReplayInput
from jobs.models import DeadLetter
from jobs.services import dead_letters
from tenants.api.fields import NoFields
from tenants.api.pagination import PAGED
from tenants.api.views import TenantViewSet
from tenants.quotas import QuotaExceeded


class DeadLetterViewSet(TenantViewSet):
    """Dead letters of this tenant's jobs."""

    queryset = DeadLetter.objects.select_related("job")
    serializer_class = DeadLetterShape
    noun = "dead letter"
    read_scope = "executions:read"
    write_scope = "executions:run"
    refusals = {
        "redrive": (errors.InvalidState, errors.Conflict, QuotaExceeded),
        "discard": (errors.InvalidState,),
    }
    query_parameters = {"list": (*PAGED, *lists.FILTERS)}
    listings = {"list": lists.LISTING}

    def list(self, request: Request) -> Response:
        """Dead letters, newest first."""
        return self.listed(DeadLetterShape, self.get_queryset())

    def retrieve(self, request: Request, id: str) -> Response:
        """One dead letter."""
        return self.shown(DeadLetterShape, self.row())

    @extend_schema(request=ReplayInput, responses={202: DeadLetterShape})
    @action(detail=True, methods=["post"])
    def redrive(self, request: Request, id: str) -> Response:
        """Replay its execution, with an edited payload if one is given, and close it; `redriven_as` is the new execution."""
        dead_letter = self.row()
        closed, _ = dead_letters.redrive(dead_letter=dead_letter, **self.body(ReplayInput))
        return self.shown(DeadLetterShape, closed, status=202)

    @extend_schema(request=None)
    @action(detail=True, methods=["post"])
    def discard(self, request: Request, id: str) -> Response:
        """Close it without running it again."""
        dead_letter = self.row()
        self.body(NoFields)
        return self.shown(DeadLetterShape, dead_letters.discard(dead_letter=dead_letter))
