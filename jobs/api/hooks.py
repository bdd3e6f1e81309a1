"""``/hooks``: addresses at which others report events."""

# ruff: noqa: ARG002 - DRF hands request and path to every action

from __future__ import annotations

from datetime import timedelta
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from jobs import errors
from jobs.api.shapes.events import (
    HookChanges,
    HookInput,
    HookShape,
    NewHookShape,
    ReceivedEventShape,
    SecretRotationInput,
)
from jobs.models import Hook, ReceivedEvent
from jobs.services import hooks
from jobs.services.hooks import Shown
from tenants.api import parameters, sites
from tenants.api.fields import NoFields
from tenants.api.pagination import PAGED
from tenants.api.views import TenantViewSet


class HookViewSet(TenantViewSet):
    """Hooks of this tenant. Deliveries go to `/hooks/{token}`, outside of `/api/v1`; see docs/schedules.md."""

    queryset = Hook.objects.select_related("tenant")
    serializer_class = HookShape
    noun = "hook"
    read_scope = "jobs:read"
    write_scope = hooks.PERMISSION
    action_scopes = {"deliveries": "executions:read"}
    refusals = dict.fromkeys(("create", "enable", "disable", "rotate_secret"), (errors.Conflict,))
    query_parameters = {
        "list": (
            *PAGED,
            parameters.texts("name", "name", "Of this name."),
            parameters.texts("event", "event", "That raise it."),
        ),
        "deliveries": PAGED,
    }
    shows_secrets = ("create", "rotate_token", "rotate_secret")

    def list(self, request: Request) -> Response:
        """Hooks, newest first."""
        return self.listed(HookShape, self.get_queryset())

    @extend_schema(request=HookInput, responses={201: NewHookShape})
    def create(self, request: Request) -> Response:
        """A new hook. Its address and its secret are in this answer and nowhere else."""
        return self._shown_once(hooks.create(tenant=self.tenant, **self.body(HookInput)))

    def retrieve(self, request: Request, id: str) -> Response:
        """One hook."""
        return self.shown(HookShape, self.row())

    @extend_schema(request=HookChanges)
    def partial_update(self, request: Request, id: str) -> Response:
        """Change which event it raises, or which headers events tell of."""
        hook = self.row()
        fields: Any = self.body(HookChanges, partial=True)
        return self.shown(HookShape, hooks.update(hook=hook, fields=fields))

    def destroy(self, request: Request, id: str) -> Response:
        """Delete it: its address is unknown from now on."""
        hooks.delete(hook=self.row())
        return Response(status=204)

    @extend_schema(request=None, responses={201: NewHookShape})
    @action(detail=True, methods=["post"], url_path="rotate-token")
    def rotate_token(self, request: Request, id: str) -> Response:
        """Another address. The old one is unknown from now on."""
        hook = self.row()
        self.body(NoFields)
        return self._shown_once(hooks.rotate_token(hook=hook))

    @extend_schema(request=SecretRotationInput, responses={201: NewHookShape})
    @action(detail=True, methods=["post"], url_path="rotate-secret")
    def rotate_secret(self, request: Request, id: str) -> Response:
        """Another secret. The old one is good as well for the overlap, a day unless you say."""
        hook = self.row()
        given = self.body(SecretRotationInput)
        overlap = timedelta(seconds=given.pop("overlap_seconds"))
        return self._shown_once(hooks.rotate_secret(hook=hook, overlap=overlap, **given))

    @extend_schema(request=None)
    @action(detail=True, methods=["post"])
    def enable(self, request: Request, id: str) -> Response:
        """Take deliveries again."""
        hook = self.row()
        self.body(NoFields)
        return self.shown(HookShape, hooks.enable(hook=hook))

    @extend_schema(request=None)
    @action(detail=True, methods=["post"])
    def disable(self, request: Request, id: str) -> Response:
        """Refuse deliveries until it is enabled."""
        hook = self.row()
        self.body(NoFields)
        return self.shown(HookShape, hooks.disable(hook=hook))

    @extend_schema(responses=ReceivedEventShape(many=True))
    @action(detail=True)
    def deliveries(self, request: Request, id: str) -> Response:
        """What came in here, newest first, refused ones too. Kept for seven days."""
        hook = self.row()
        return self.listed(ReceivedEventShape, ReceivedEvent.objects.filter(tenant=self.tenant, hook_id=hook.pk))

    def _shown_once(self, shown: Shown) -> Response:
        url = f"{sites.of(self.request._request)}/hooks/{shown.token}" if shown.token else None
        answer: dict[str, Any] = {**HookShape(shown.hook).data, "url": url, "secret": shown.secret or None}
        return Response(answer, status=201, headers={"Cache-Control": "no-store"})
