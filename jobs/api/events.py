"""``/events``: what has happened elsewhere, and what became of it here."""

# ruff: noqa: ARG002 - DRF hands request and path to every action

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from jobs.api.shapes.events import EventInput, ReceivedEventShape
from jobs.models import ReceivedEvent
from jobs.rules.event_outcomes import Outcome
from jobs.services import events
from jobs.services.events import Event
from tenants.api.pagination import PAGED
from tenants.api.parameters import one_of, row_id, texts
from tenants.api.views import TenantViewSet


class EventViewSet(TenantViewSet):
    """Events that this tenant's schedules of kind event wait for. What became of each is kept for seven days."""

    queryset = ReceivedEvent.objects.all()
    serializer_class = ReceivedEventShape
    noun = "event"
    read_scope = "executions:read"
    write_scope = "executions:run"
    refusals = {"create": (events.TooMany,)}
    query_parameters = {
        "list": (
            *PAGED,
            texts("name", "name", "Of this name."),
            one_of("outcome", "outcome", [each.value for each in Outcome], "Any of these outcomes."),
            row_id("hook", "hook_id", "That came through this hook."),
        )
    }

    def list(self, request: Request) -> Response:
        """Events that came in, newest first, with what each started, and what it did not and why."""
        return self.listed(ReceivedEventShape, self.get_queryset())

    @extend_schema(request=EventInput, responses={202: ReceivedEventShape})
    def create(self, request: Request) -> Response:
        """Tell of an event: each schedule that waits for one of its name, and whose filter takes it, runs once."""
        received = events.send(tenant=self.tenant, event=Event(**self.body(EventInput)))
        return self.shown(ReceivedEventShape, received, status=202)

    def retrieve(self, request: Request, id: str) -> Response:
        """One event that came in."""
        return self.shown(ReceivedEventShape, self.row())
