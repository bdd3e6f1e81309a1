"""``/api-keys``: the tenant's own keys."""

# ruff: noqa: ARG002 - DRF hands request and path to every action

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from tenants.api.fields import Instant, StrictSerializer
from tenants.api.pagination import PAGED
from tenants.api.views import TenantViewSet
from tenants.models import ApiKey
from tenants.rules.permissions import OF_TENANTS
from tenants.services import api_keys


class ApiKeyInput(StrictSerializer):
    """A key to be."""

    name = serializers.CharField(max_length=100)
    scopes = serializers.ListField(child=serializers.ChoiceField(OF_TENANTS), min_length=1, max_length=len(OF_TENANTS))
    expires_at = Instant(required=False, allow_null=True, default=None)


class ApiKeyShape(serializers.Serializer[ApiKey]):
    """A key, without its secret."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    prefix = serializers.SerializerMethodField(help_text="How the key begins.")
    scopes = serializers.ListField(child=serializers.CharField())
    expires_at = Instant(allow_null=True)
    revoked_at = Instant(allow_null=True)
    last_used_at = Instant(allow_null=True)
    created_at = Instant()
    created_by = serializers.CharField()

    def get_prefix(self, key: ApiKey) -> str:
        return f"ck_{key.key_id}"


class NewApiKeyShape(ApiKeyShape):
    """A key just made: the only time its text is shown."""

    key = serializers.CharField()


class ApiKeyViewSet(TenantViewSet):
    """Keys of this tenant. A key's text is shown once, when it is made."""

    queryset = ApiKey.objects.all()
    serializer_class = ApiKeyShape
    noun = "API key"
    read_scope = write_scope = "admin"
    query_parameters = {"list": PAGED}
    must_be_counted = ("create",)

    def list(self, request: Request) -> Response:
        """All keys, revoked ones too, newest first."""
        return self.listed(ApiKeyShape, self.get_queryset())

    @extend_schema(request=ApiKeyInput, responses={201: NewApiKeyShape})
    def create(self, request: Request) -> Response:
        """A new key. Its text is in this answer and nowhere else."""
        key, text = api_keys.create(tenant=self.tenant, **self.body(ApiKeyInput))
        answer: dict[str, Any] = {**ApiKeyShape(key).data, "key": text}
        return Response(answer, status=201)

    def retrieve(self, request: Request, id: str) -> Response:
        """One key."""
        return self.shown(ApiKeyShape, self.row())

    def destroy(self, request: Request, id: str) -> Response:
        """Revoke: it is refused from now on."""
        api_keys.revoke(key=self.row())
        return Response(status=204)
