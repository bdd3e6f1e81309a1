"""``/secrets`` and ``/connection-types``: values are written here, and read by workers alone."""

# ruff: noqa: ARG002 - DRF hands request and path to every action

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from jobs import connections, errors
from jobs.api.shapes.executions import ExecutionShape
from jobs.api.shapes.secrets import (
    ConnectionTypeShape,
    SecretChanges,
    SecretInput,
    SecretShape,
    SecretVersionShape,
    UserShape,
    VersionInput,
)
from jobs.services import secret_uses
from jobs.services import secrets as service
from tenants.api import fields, parameters
from tenants.api.fields import NoFields
from tenants.api.pagination import PAGED
from tenants.api.views import ApiViewSet, TenantViewSet
from tenants.models import Secret
from tenants.quotas import QuotaExceeded
from tenants.services import secrets


class SecretViewSet(TenantViewSet):
    """Secrets of this tenant. In paths `{id}` is the id or the name. No answer holds a value."""

    queryset = Secret.objects.select_related("tenant")
    serializer_class = SecretShape
    noun = "secret"
    read_scope = write_scope = secrets.PERMISSION
    refusals = {
        "create": (errors.Conflict, QuotaExceeded),
        "destroy": (errors.Conflict,),
        "discard": (errors.Conflict,),
        "test": (errors.Conflict, errors.InvalidState, QuotaExceeded),
    }
    query_parameters = {
        "list": (
            *PAGED,
            parameters.one_of("kind", "kind", (secrets.TEXT, *connections.kinds()), "text, or a connection type."),
        ),
        "destroy": (parameters.flag("force", "Also while jobs use it."),),
        "used_by": PAGED,
    }

    def row(self) -> Secret:
        text = self.kwargs["id"]
        found = fields.id_of(text)
        if found is None and not secrets.NAME.fullmatch(text):
            raise self.missing()
        wanted: Any = {"pk": found} if found else {"name": text}
        secret = self.get_queryset().filter(**wanted).first()
        if secret is None:
            raise self.missing()
        return secret  # type: ignore[return-value]

    def list(self, request: Request) -> Response:
        """Secrets, newest first."""
        return self.listed(SecretShape, self.get_queryset())

    @extend_schema(request=SecretInput, responses={201: SecretShape})
    def create(self, request: Request) -> Response:
        """A new secret, version 1. Its value is shown nowhere, now or later."""
        secret = service.create(tenant=self.tenant, **self.body(SecretInput))
        return self.shown(SecretShape, secret, status=201)

    def retrieve(self, request: Request, id: str) -> Response:
        """One secret."""
        return self.shown(SecretShape, self.row())

    @extend_schema(request=SecretChanges)
    def partial_update(self, request: Request, id: str) -> Response:
        """A new value is a new version, in force for whatever starts from now on."""
        secret = self.row()
        return self.shown(SecretShape, service.change(secret=secret, **self.body(SecretChanges, partial=True)))

    def destroy(self, request: Request, id: str) -> Response:
        """Destroy it with all its versions. Refused while jobs name it, unless forced."""
        service.delete(secret=self.row(), force=self.query.get("force", False))
        return Response(status=204)

    @extend_schema(responses=SecretVersionShape(many=True))
    @action(detail=True)
    def versions(self, request: Request, id: str) -> Response:
        """The versions that are kept, newest first."""
        return self.complete(SecretVersionShape, self.row().versions.select_related("secret").order_by("-number"))

    @extend_schema(request=VersionInput)
    @action(detail=True, methods=["post"])
    def rollback(self, request: Request, id: str) -> Response:
        """Put another of its versions in force."""
        secret = self.row()
        return self.shown(SecretShape, service.rollback(secret=secret, **self.body(VersionInput)))

    @extend_schema(request=VersionInput, responses={204: None})
    @action(detail=True, methods=["post"])
    def discard(self, request: Request, id: str) -> Response:
        """Destroy the value of a version that is not in force."""
        secret = self.row()
        secrets.discard(secret=secret, **self.body(VersionInput))
        return Response(status=204)

    @extend_schema(responses=UserShape(many=True))
    @action(detail=True, url_path="used-by")
    def used_by(self, request: Request, id: str) -> Response:
        """The jobs whose payload, or a schedule's, names it, newest first."""
        return self.listed(UserShape, secret_uses.users_of(self.row()))

    @extend_schema(request=None, responses={202: ExecutionShape})
    @action(detail=True, methods=["post"])
    def test(self, request: Request, id: str) -> Response:
        """Try a connection out on a worker: the execution's `result` says how far it got."""
        secret = self.row()
        self.body(NoFields)
        return self.shown(ExecutionShape, service.test_connection(secret=secret), status=202)


class ConnectionTypeViewSet(ApiViewSet):
    """What secrets of each kind must hold. In paths `{id}` is the kind."""

    queryset = None
    serializer_class = ConnectionTypeShape
    noun = "connection type"
    read_scope = write_scope = secrets.PERMISSION
    named_by = "kind"

    def list(self, request: Request) -> Response:
        """Every connection type by name."""
        return self.complete(ConnectionTypeShape, [known for _, known in sorted(connections.types().items())])

    def retrieve(self, request: Request, id: str) -> Response:
        """One connection type, with the schema of its value."""
        known = connections.types().get(id)
        if known is None:
            raise self.missing()
        return self.shown(ConnectionTypeShape, known)
