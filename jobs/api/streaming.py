"""``GET /executions/{id}/stream`` and ``…/events``: its states and log lines as they come, and its states so far."""

# ruff: noqa: ARG002 - DRF hands request and path to every action

from __future__ import annotations

from typing import Any, cast
from uuid import UUID

from django.http import HttpResponse, HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.decorators import action
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from jobs import timelines
from jobs.api.shapes.executions import StateChangeShape
from jobs.api.streams.follower import Follower
from jobs.api.streams.rounds import Asked
from jobs.rules import timeline
from jobs.rules.timeline import Place
from jobs.timelines import Wish
from tenants.api.errors import InvalidCursor
from tenants.api.event_streams import CONTENT_TYPE, EventStream
from tenants.api.parameters import Parameter, flag
from tenants.api.views import ApiViewSet
from tenants.requests import Actor

LINES = "logs:read"
_NO_FACTS = dict.fromkeys(StateChangeShape().fields)
AFTER = Parameter("after", str, "Only what comes after the event with this id.")
PARAMETERS = (
    Parameter(
        "after", str, "Only what comes after the event with this id; the header `Last-Event-ID` says so as well."
    ),
    flag("states_only", "Leave log lines out; so it is without `logs:read`."),
)


class Streamed(ApiViewSet):
    """Gives a viewset of executions the actions ``stream`` and ``events``."""

    def perform_content_negotiation(self, request: Request, force: bool = False) -> Any:
        if self.action == "stream":
            # Whatever a client says that it reads, errors are JSON here as well.
            return JSONRenderer(), JSONRenderer.media_type
        return super().perform_content_negotiation(request, force)

    @extend_schema(
        parameters=[OpenApiParameter("Last-Event-ID", str, OpenApiParameter.HEADER, description="Go on after this event.")],
        responses={
            (200, CONTENT_TYPE): OpenApiResponse(OpenApiTypes.ANY, description="Server-Sent Events: `state`, `log`, `end`."),
            204: OpenApiResponse(description="The event that is named was the last."),
        },
    )  # fmt: skip
    @action(detail=True)
    def stream(self, request: Request, id: str) -> HttpResponseBase:
        """Its states and log lines from the beginning, then as they come; ends by itself after the last."""
        execution_id = self.row().pk
        # What a browser sends when it connects again is newer than its address.
        place = _place(execution_id, request.headers.get("Last-Event-ID") or self.query.get("after"))
        if place.is_end:
            return HttpResponse(status=204)
        if request.method == "HEAD":
            return HttpResponse(content_type=CONTENT_TYPE)  # nobody reads on, so it takes no place among the streams
        wish = Wish(execution_id, place, self._with_lines())
        return EventStream(Follower(Asked(self._actor, self.tenant.pk, wish)))

    @extend_schema(responses=StateChangeShape(many=True))
    @action(detail=True)
    def events(self, request: Request, id: str) -> Response:
        """The changes of its state so far, first to last, with the ids they have in the stream."""
        execution_id = self.row().pk
        place = _place(execution_id, self.query.get("after"))
        (news,) = timelines.news([Wish(execution_id, place, with_lines=False)])
        changes = [told for told in news.told if told.name == "state"]
        data = [{**_NO_FACTS, **told.data, "id": timeline.cursor(execution_id, told.place)} for told in changes]
        return Response({"data": data, "next_cursor": None if news.settled or not data else data[-1]["id"]})

    @property
    def _actor(self) -> Actor:
        return cast(Actor, self.request.auth)

    def _with_lines(self) -> bool:
        return self._actor.may(LINES) and not self.query.get("states_only", False)


def _place(execution_id: UUID, named: str | None) -> Place:
    """After which event to begin."""
    if named is None:
        return Place()
    try:
        return timeline.parse(execution_id, named)
    except ValueError:
        message = "this is not the id of an event of this execution: take one as it was sent, or leave it out"
        raise InvalidCursor(message) from None
