"""``/api-keys``: the tenant's own keys; for the platform's administrators, without a tenant named, the platform's."""

# ruff: noqa: ARG002 - DRF hands request and path to every action

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from django.db.models import Q, QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from tenants.api import parameters
from tenants.api.at_large import AtLargeViewSet
from tenants.api.fields import Instant, StrictSerializer
from tenants.api.pagination import PAGED
from tenants.models import ApiKey, Tenant
from tenants.rules import key_addresses
from tenants.rules.permissions import OF_TENANTS, PLATFORM
from tenants.services import api_keys

_SCOPES = (*OF_TENANTS, PLATFORM)
_STATES = ("live", "expired", "revoked")
_SCOPE = parameters.one_of("scope", "scopes", _SCOPES, "With this scope; repeated, with any of them.")
_STATE = parameters.one_of("state", "state", _STATES, "Whether it is good, and if not, why.")


class _Addresses(serializers.ListField):
    child = serializers.CharField(max_length=64)


class ApiKeyInput(StrictSerializer):
    """A key to be."""

    example = {"name": "deploy", "scopes": ["jobs:read", "jobs:write"], "addresses": ["203.0.113.0/24"]}

    name = serializers.CharField(max_length=100)
    scopes = serializers.ListField(child=serializers.ChoiceField(_SCOPES), min_length=1, max_length=len(_SCOPES))
    expires_at = Instant(required=False, allow_null=True, default=None)
    addresses = _Addresses(
        required=False,
        default=list,
        max_length=key_addresses.MOST,
        help_text="Addresses and networks it may be used from, such as 203.0.113.7 or 10.0.0.0/8; empty for any.",
    )


class ApiKeyChanges(StrictSerializer):
    """What may be changed of a key."""

    example = {"name": "deploy of the shop"}

    name = serializers.CharField(max_length=100)
    expires_at = Instant(allow_null=True)
    addresses = _Addresses(max_length=key_addresses.MOST)


class RotationInput(StrictSerializer):
    """How long both keys are good."""

    example = {"overlap_seconds": 3600}

    overlap_seconds = serializers.IntegerField(
        min_value=0, max_value=int(api_keys.LONGEST_OVERLAP.total_seconds()), default=86_400
    )


class ApiKeyShape(serializers.Serializer[ApiKey]):
    """A key, without its secret."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    tenant = serializers.CharField(
        source="tenant.slug", allow_null=True, default=None, help_text="Null is the platform's."
    )
    prefix = serializers.SerializerMethodField(help_text="How the key begins.")
    scopes = serializers.ListField(child=serializers.CharField())
    addresses = serializers.ListField(child=serializers.CharField())
    expires_at = Instant(allow_null=True)
    revoked_at = Instant(allow_null=True)
    last_used_at = Instant(allow_null=True, help_text="To the minute.")
    last_used_address = serializers.CharField(allow_null=True)
    created_at = Instant()
    created_by = serializers.CharField()

    def get_prefix(self, key: ApiKey) -> str:
        return f"ck_{key.key_id}"


class NewApiKeyShape(ApiKeyShape):
    """A key just made: the only time its text is shown."""

    key = serializers.CharField()


class ApiKeyViewSet(AtLargeViewSet):
    """Keys of this tenant. A key's text is shown once, when it is made.

    The platform's people and keys who name no tenant work with the platform's own keys, which belong to none.
    """

    queryset = ApiKey.objects.select_related("tenant")
    serializer_class = ApiKeyShape
    noun = "API key"
    read_scope = write_scope = "admin"
    refusals = {
        "create": (api_keys.TooMany,),
        "destroy": (api_keys.Dead,),
        **dict.fromkeys(("partial_update", "rotate"), (api_keys.TooMany, api_keys.Dead)),
    }
    query_parameters = {
        "list": (
            *PAGED,
            parameters.text("name", "name", "Of this name."),
            parameters.text("created_by", "created_by", "Made by: user:<e-mail> or key:<id>."),
            replace(_SCOPE, lookup="scopes__overlap"),
            replace(_STATE, lookup=""),  # no column of its own: see list
        )
    }
    must_be_counted = shows_secrets = ("create", "rotate")

    def get_queryset(self) -> QuerySet[Any]:
        return ApiKey.objects.filter(tenant=None) if self._at_large else super().get_queryset()

    def list(self, request: Request) -> Response:
        """All keys, revoked ones too, newest first."""
        return self.listed(ApiKeyShape, self.get_queryset().filter(_standing(self.query.get("state"))))

    @extend_schema(request=ApiKeyInput, responses={201: NewApiKeyShape})
    def create(self, request: Request) -> Response:
        """A new key. Its text is in this answer and nowhere else. At most two live keys share a name."""
        tenant: Tenant | None = None if self._at_large else self.tenant
        return self._shown_once(*api_keys.create(tenant=tenant, **self.body(ApiKeyInput)))

    def retrieve(self, request: Request, id: str) -> Response:
        """One key."""
        return self.shown(ApiKeyShape, self.row())

    @extend_schema(request=ApiKeyChanges)
    def partial_update(self, request: Request, id: str) -> Response:
        """Change its name, its addresses or its expiry, from the next request on. Its scopes stay as they are."""
        key = self.row()
        fields: Any = self.body(ApiKeyChanges, partial=True)
        return self.shown(ApiKeyShape, api_keys.update(key=key, fields=fields))

    def destroy(self, request: Request, id: str) -> Response:
        """Revoke: it is refused from now on."""
        api_keys.revoke(key=self.row())
        return Response(status=204)

    @extend_schema(request=RotationInput, responses={201: NewApiKeyShape})
    @action(detail=True, methods=["post"])
    def rotate(self, request: Request, id: str) -> Response:
        """A successor with the same name, scopes and addresses. The old key is good for the overlap, a day unless you say."""
        key = self.row()
        overlap = timedelta(seconds=self.body(RotationInput)["overlap_seconds"])
        return self._shown_once(*api_keys.rotate(key=key, overlap=overlap))

    def _shown_once(self, key: ApiKey, text: str) -> Response:
        answer: dict[str, Any] = {**ApiKeyShape(key).data, "key": text}
        return Response(answer, status=201, headers={"Cache-Control": "no-store"})


def _standing(states: list[str] | None) -> Q:
    now = timezone.now()
    of = {
        "revoked": Q(revoked_at__isnull=False),
        "expired": Q(revoked_at=None, expires_at__lte=now),
        "live": Q(revoked_at=None) & (Q(expires_at=None) | Q(expires_at__gt=now)),
    }
    wanted = Q()
    for state in states or ():
        wanted |= of[state]
    return wanted
