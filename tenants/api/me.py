"""``/me``: who is asking, what they may, and their password."""

# ruff: noqa: ARG002 - DRF hands request and path to every action

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from tenants import standing
from tenants.actors import MissingPermission
from tenants.api.fields import StrictSerializer
from tenants.api.views import ApiViewSet
from tenants.models import Membership, User
from tenants.requests import Actor
from tenants.rules import permissions
from tenants.services import people


class MembershipShape(serializers.Serializer[Membership]):
    """One's role in a tenant."""

    tenant = serializers.CharField(source="tenant.slug")
    name = serializers.CharField(source="tenant.name")
    role = serializers.CharField()
    own_jobs_only = serializers.BooleanField()


class MeShape(serializers.Serializer[Actor]):
    """Who asks."""

    name = serializers.CharField(help_text="`user:` and an e-mail address, or `key:` and a key's id.")
    tenant = serializers.CharField(source="tenant.slug", allow_null=True, default=None)
    of_platform = serializers.BooleanField(help_text="Whether any tenant may be named with ?tenant=slug.")
    permissions = serializers.ListField(child=serializers.CharField(), source="listed")
    own_jobs_of = serializers.CharField(help_text="Jobs of whose owner alone may be changed; empty for any.")
    session = serializers.UUIDField(allow_null=True)
    memberships = serializers.SerializerMethodField(help_text="All of a person's; none of a key's.")

    def get_memberships(self, actor: Actor) -> list[dict[str, Any]]:
        person = self.context["request"].user
        theirs = standing.memberships(person) if isinstance(person, User) else []
        return [dict(MembershipShape(each).data) for each in theirs]


class PasswordInput(StrictSerializer):
    """One's password, and the one to be."""

    example = {"current_password": "a long password", "new_password": "another long password"}

    current_password = serializers.CharField(max_length=1000, trim_whitespace=False)
    new_password = serializers.CharField(max_length=1000, trim_whitespace=False)


class MeViewSet(ApiViewSet):
    """Whoever asks."""

    queryset = None
    serializer_class = MeShape
    noun = "person"
    read_scope = write_scope = permissions.ANYBODY

    @extend_schema(responses=MeShape, operation_id="me")
    def show(self, request: Request) -> Response:
        """Who you are, and what you may do in which tenant."""
        return self.shown(MeShape, request.auth)

    @extend_schema(request=PasswordInput, responses={204: None}, operation_id="me_password")
    def password(self, request: Request) -> Response:
        """Change your password. All your other sessions end, at the console too."""
        if not isinstance(request.user, User):
            raise MissingPermission("an API key has no password: log in as yourself")
        given = self.body(PasswordInput)
        actor: Any = request.auth
        people.change_password(
            person=request.user,
            current=given["current_password"],
            password=given["new_password"],
            keep=actor.session,
        )
        return Response(status=204)
