"""``POST /invitations/accept``: the one route without a key, since who accepts has none yet."""

# ruff: noqa: ARG002 - DRF hands the request to every action

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from tenants import context, errors
from tenants.api.fields import StrictSerializer
from tenants.api.views import ApiViewSet
from tenants.models import Membership
from tenants.services import joining


class Acceptance(StrictSerializer):
    """What the link of an invitation ends with, and a password."""

    example = {"token": "made-up", "password": "a long password", "name": "Maria"}

    token = serializers.CharField(max_length=100)
    password = serializers.CharField(
        max_length=500, trim_whitespace=False, help_text="Yours here, or one of 12 characters or more to be yours."
    )
    name = serializers.CharField(max_length=200, required=False, allow_blank=True, default="")


class JoinedShape(serializers.Serializer[Membership]):
    """Where somebody has become a member, and as what."""

    tenant = serializers.CharField(source="tenant.slug")
    tenant_name = serializers.CharField(source="tenant.name")
    email = serializers.CharField(source="user.email")
    role = serializers.CharField()


class AcceptViewSet(ApiViewSet):
    """Accepting an invitation. The token is the permission; it works once."""

    authentication_classes = []
    permission_classes = []
    queryset = Membership.objects.none()
    serializer_class = JoinedShape
    noun = "invitation"
    read_scope = write_scope = "none"
    refusals = {"create": (joining.VoidInvitation, errors.NotFound, errors.TenantSuspended)}

    @extend_schema(request=Acceptance, responses={201: JoinedShape}, auth=[])
    def create(self, request: Request) -> Response:
        """Become a member: with the password this address has here, or with one that it has from now on."""
        given: Any = self.body(Acceptance)
        # Its own transactions: a wrong password is refused, and yet counted.
        with context.within(context.NOBODY):
            membership = joining.accept(**given)
            return self.shown(JoinedShape, membership, status=201)
