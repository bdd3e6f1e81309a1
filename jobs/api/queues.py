"""``/queues``: every tenant sees them, the platform's operators change them."""

# ruff: noqa: ARG002 - DRF hands request and path to every action

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from jobs import errors, neighbours, selectors
from jobs.api.shapes.queues import QueueChanges, QueueInput, QueueShape, QueueSharesShape
from jobs.api.shapes.throttles import ThrottleInput
from jobs.models import Queue
from jobs.services import descriptions, queue_states, queues
from tenants import context
from tenants.api.conditions import Conditional
from tenants.api.fields import NoFields
from tenants.api.pagination import PAGED
from tenants.api.parameters import whole
from tenants.rules import permissions

USUAL_MINUTES = 60


class QueueViewSet(Conditional):
    """Queues of the platform. In paths `{id}` is the name. Changing them takes a key with the scope `platform`."""

    queryset = selectors.queues()
    serializer_class = QueueShape
    keyset = "name"
    noun = "queue"
    read_scope = "jobs:read"
    write_scope = permissions.PLATFORM
    named_by = "name"
    refusals = {
        "create": (errors.Conflict,),
        **dict.fromkeys(("partial_update", "destroy", "pause", "resume"), (errors.InvalidState,)),
    }
    query_parameters = {
        "list": PAGED,
        "shares": (whole("minutes", 1, 1440, "So many minutes until now.", default=USUAL_MINUTES),),
    }

    def row(self) -> Queue:
        name = self.kwargs["id"]
        with context.within(context.PLATFORM):
            queue = self.get_queryset().filter(name=name).first() if "\0" not in name else None
        if queue is None:
            raise self.missing()
        return queue  # type: ignore[no-any-return]

    def tag_of(self, row: Queue) -> str:
        return descriptions.tag_of_queue(row)

    def facts_of(self, row: Queue) -> Mapping[str, Any]:
        return {}

    def lock(self, row: Queue) -> Queue:
        with context.within(context.PLATFORM):
            return queue_states.lock(row)

    def list(self, request: Request) -> Response:
        """Queues by name."""
        with context.within(context.PLATFORM):
            return self.listed(QueueShape, self.get_queryset())

    @extend_schema(responses=QueueSharesShape)
    @action(detail=True)
    def shares(self, request: Request, id: str) -> Response:
        """Who used it in the last minutes: by name for the platform's people, else one's own tenant and all others."""
        lately = timedelta(minutes=self.query.get("minutes", USUAL_MINUTES))
        return self.shown(QueueSharesShape, neighbours.of_queue(self.row().name, lately=lately, now=timezone.now()))

    @extend_schema(request=QueueInput, responses={201: QueueShape})
    def create(self, request: Request) -> Response:
        """A new queue. Nothing runs there before a worker of its pool consumes `jobs.{name}`."""
        fields: Any = self.body(QueueInput)
        return self._stored(queues.create(name=fields.pop("name"), fields=fields), status=201)

    def retrieve(self, request: Request, id: str) -> Response:
        """One queue."""
        queue = self.row()
        return self.tagged(self.shown(QueueShape, queue), queue)

    @extend_schema(request=QueueChanges)
    def partial_update(self, request: Request, id: str) -> Response:
        """Change some of it, from the next admission on. Its pool is fixed while jobs or executions use it."""
        queue = self.held()
        fields: Any = self.body(QueueChanges, partial=True)
        return self._stored(queues.update(queue=queue, fields=fields))

    def destroy(self, request: Request, id: str) -> Response:
        """Delete a queue that no job uses and where nothing waits or runs; never `default`."""
        queues.delete(queue=self.held())
        return Response(status=204)

    @extend_schema(request=None)
    @action(detail=True, methods=["post"])
    def pause(self, request: Request, id: str) -> Response:
        """Start nothing more of it, of any tenant; what runs goes on, so it drains."""
        return self._become(queue_states.pause)

    @extend_schema(request=None)
    @action(detail=True, methods=["post"])
    def resume(self, request: Request, id: str) -> Response:
        """Go on, by priority and fairly among tenants."""
        return self._become(queue_states.resume)

    @extend_schema(request=ThrottleInput)
    @action(detail=True, methods=["post"])
    def throttle(self, request: Request, id: str) -> Response:
        """Let at most `max_running` of it be in flight until an instant; it ends by itself."""
        queue = self.held()
        wish: Any = self.body(ThrottleInput)
        return self._stored(queue_states.throttle(queue=queue, **wish))

    @extend_schema(request=None)
    @action(detail=True, methods=["post"])
    def unthrottle(self, request: Request, id: str) -> Response:
        """End its throttle before its time."""
        return self._become(queue_states.unthrottle)

    def _become(self, service: Any) -> Response:
        queue = self.held()
        self.body(NoFields)
        return self._stored(service(queue=queue))

    def _stored(self, queue: Queue, *, status: int = 200) -> Response:
        """The queue as it is stored now, with its load."""
        with context.within(context.PLATFORM):
            stored = self.get_queryset().get(pk=queue.pk)
            return self.tagged(self.shown(QueueShape, stored, status=status), stored)
