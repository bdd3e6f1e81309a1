"""``/audit-events``: who changed what, sealed, to be read, filtered and exported. Nobody writes here."""

# ruff: noqa: ARG002 - DRF hands request and path to every action

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.http import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from tenants.api import sparse
from tenants.api.fields import EARLIEST, Instant
from tenants.api.pagination import PAGED
from tenants.api.parameters import choice, instant, text
from tenants.api.streaming import Download
from tenants.api.views import TenantViewSet
from tenants.models import AuditEvent, AuditSeal
from tenants.rules import ids
from tenants.services import audit_export, audit_sealing

_FILES = ("application/x-ndjson", "text/csv")


FILTERS = (
    text("actor", "actor", "By this actor: `key:<id>`, `user:<e-mail>` or `system`."),
    text("action", "action", "This was done, such as `job.updated`."),
    text("object_type", "object_type", "To this kind of object, such as `job`."),
    text("object_id", "object_id", "To the object with this id."),
    text("request_id", "request_id", "In the request with this `X-Request-Id`."),
    instant("at[gte]", "at__gte", "At this instant or later."),
    instant("at[lte]", "at__lte", "At this instant or earlier."),
)


def _with_id_range(conditions: dict[str, Any]) -> dict[str, Any]:
    """The same with bounds of ids, which begin with their instant: lists are ordered by them."""
    bounds = {}
    if (since := conditions.get("at__gte")) is not None:
        bounds["id__gte"] = ids.floor_id(max(since - audit_export.APART, EARLIEST))
    if (until := conditions.get("at__lte")) is not None:
        bounds["id__lte"] = ids.floor_id(until + audit_export.APART)
    return {**conditions, **bounds}


class SealShape(serializers.Serializer[AuditSeal]):
    """Where a row stands in its tenant's chain."""

    position = serializers.IntegerField()
    seal = serializers.SerializerMethodField()
    sealed_at = Instant()

    def get_seal(self, seal: AuditSeal) -> str:
        return bytes(seal.seal).hex()


class AuditEventShape(serializers.Serializer[AuditEvent]):
    """One change. ``changes`` holds old and new value by field."""

    id = serializers.UUIDField()
    at = Instant()
    actor = serializers.CharField()
    action = serializers.CharField()
    object_type = serializers.CharField()
    object_id = serializers.CharField()
    changes = serializers.DictField()
    reason = serializers.CharField()
    request_id = serializers.CharField()
    address = serializers.CharField(allow_null=True)
    seal = serializers.SerializerMethodField(help_text="Null for about a second after the change.")

    @extend_schema_field(SealShape(allow_null=True))
    def get_seal(self, event: AuditEvent) -> dict[str, Any] | None:
        found = self.context["seals"].get(event.pk)
        return SealShape(found).data if found else None


class HeadShape(serializers.Serializer[Any]):
    """Where a chain stands."""

    anchor = serializers.CharField(allow_null=True, help_text="Keep it elsewhere: see `verify_audit --head`.")


class AuditEventViewSet(TenantViewSet):
    """The audit trail of this tenant. Rows are sealed into a chain about once a second and never change."""

    queryset = AuditEvent.objects.all()
    serializer_class = AuditEventShape
    noun = "audit event"
    read_scope = write_scope = "audit:read"
    answers_files = {"export": _FILES}
    query_parameters = {
        "list": (*PAGED, *FILTERS),
        "export": (choice("as", tuple(audit_export.FORMS), "The file's form; `ndjson` can be verified."), *FILTERS),
    }

    def list(self, request: Request) -> Response:
        """Changes, newest first."""
        return self.listed(AuditEventShape, self.get_queryset())

    def retrieve(self, request: Request, id: str) -> Response:
        """One change."""
        return Response(self._shown([self.row()])[0])

    @extend_schema(responses={200: HeadShape})
    @action(detail=False, url_path="head")
    def chain_head(self, request: Request) -> Response:
        """Where this tenant's chain stands now."""
        anchor = audit_sealing.head_of(self.tenant.pk)
        return Response({"anchor": str(anchor) if anchor else None})

    @extend_schema(responses={(200, kind): OpenApiResponse(OpenApiTypes.BINARY) for kind in _FILES})
    @action(detail=False)
    def export(self, request: Request) -> HttpResponseBase:
        """All changes that match, with their seals, as a file. Without filters: all that are sealed, in the chain's order."""
        form = self.query.get("as", "ndjson")
        filters = {name: value for name, value in request.query_params.items() if name != "as"}
        conditions = self.conditions()
        chosen: Any = self.get_queryset().filter(**conditions) if conditions else None
        parts = audit_export.export(tenant=self.tenant, form=form, filters=filters, chosen=chosen)
        return Download(parts, name=f"audit-{self.tenant.slug}.{form}", content_type=audit_export.FORMS[form])

    def shown_rows(self, shape: type[Any], page: Any) -> Any:
        return sparse.shown(shape, page, self.asked, {"seals": audit_export.seals_of(page)})

    def conditions(self) -> dict[str, Any]:
        return _with_id_range(super().conditions())

    def _shown(self, events: Iterable[AuditEvent]) -> Any:
        found: Any = [*events]
        return AuditEventShape(found, many=True, context={"seals": audit_export.seals_of(found)}).data
