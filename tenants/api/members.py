"""``/members`` and ``/invitations``: who belongs to this tenant, and who is asked to."""

# ruff: noqa: ARG002 - DRF hands request and path to every action

from __future__ import annotations

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from tenants import errors, mail
from tenants.api import sites
from tenants.api.fields import Instant, NoFields, StrictSerializer
from tenants.api.pagination import PAGED
from tenants.api.views import TenantViewSet
from tenants.models import Invitation, Membership, Role
from tenants.rules import permissions
from tenants.services import invitations, members


class MemberChanges(StrictSerializer):
    """What a member may do."""

    example = {"role": "runner"}

    role = serializers.ChoiceField(Role.choices, required=False)
    own_jobs_only = serializers.BooleanField(
        required=False, help_text="Of an editor: changes only jobs whose owner is their e-mail address."
    )


class MemberShape(serializers.Serializer[Membership]):
    """A person in this tenant."""

    id = serializers.UUIDField()
    email = serializers.CharField(source="user.email")
    name = serializers.CharField(source="user.name")
    role = serializers.CharField()
    own_jobs_only = serializers.BooleanField()
    active = serializers.BooleanField(source="user.is_active", help_text="Whether they may log in at all.")
    created_at = Instant(help_text="When they joined.")


class InvitationInput(MemberChanges):
    """Who is asked to join, as what."""

    example = {"email": "maria@example.com", "role": "editor"}

    email = serializers.EmailField(max_length=254)
    role = serializers.ChoiceField(Role.choices)
    own_jobs_only = serializers.BooleanField(required=False, default=False)


class InvitationShape(serializers.Serializer[Invitation]):
    """Somebody who is asked to join; says nothing of whether they are known here."""

    id = serializers.UUIDField()
    email = serializers.CharField()
    role = serializers.CharField()
    own_jobs_only = serializers.BooleanField()
    state = serializers.SerializerMethodField(help_text="sent, accepted, revoked or expired.")
    sent_at = Instant()
    expires_at = Instant()
    accepted_at = Instant(allow_null=True)
    revoked_at = Instant(allow_null=True)
    created_at = Instant()
    created_by = serializers.CharField()

    def get_state(self, invitation: Invitation) -> str:
        return invitation.state_at(timezone.now())


class SentInvitationShape(InvitationShape):
    """An invitation just sent."""

    link = serializers.CharField(
        allow_null=True, help_text="Shown this once. Null where it is mailed, but for the platform's administrators."
    )
    mailed = serializers.BooleanField(help_text="Whether the link is mailed.")


class MemberViewSet(TenantViewSet):
    """People of this tenant. They join by invitation."""

    queryset = Membership.objects.select_related("user", "tenant")
    serializer_class = MemberShape
    noun = "member"
    read_scope = write_scope = permissions.ADMIN
    refusals = dict.fromkeys(("partial_update", "destroy"), (members.LastAdmin,))
    query_parameters = {"list": PAGED}

    def list(self, request: Request) -> Response:
        """All members, who joined last first."""
        return self.listed(MemberShape, self.get_queryset())

    def retrieve(self, request: Request, id: str) -> Response:
        """One member."""
        return self.shown(MemberShape, self.row())

    @extend_schema(request=MemberChanges)
    def partial_update(self, request: Request, id: str) -> Response:
        """Another role, in force from their next request on. The last administrator stays one."""
        member = self.row()
        return self.shown(MemberShape, members.change(membership=member, **self.body(MemberChanges, partial=True)))

    def destroy(self, request: Request, id: str) -> Response:
        """Remove somebody, in force from their next request on. The last administrator stays."""
        members.remove(membership=self.row())
        return Response(status=204)


class InvitationViewSet(TenantViewSet):
    """Invitations into this tenant. A link is mailed, or shown once where no mail is set up, and works once."""

    queryset = Invitation.objects.select_related("tenant")
    serializer_class = InvitationShape
    noun = "invitation"
    read_scope = write_scope = permissions.ADMIN
    refusals = dict.fromkeys(("create", "resend"), (errors.ServiceError,))
    query_parameters = {"list": PAGED}
    shows_secrets = ("create", "resend")

    def list(self, request: Request) -> Response:
        """All invitations, used, revoked and expired ones too, newest first."""
        return self.listed(InvitationShape, self.get_queryset())

    @extend_schema(request=InvitationInput, responses={201: SentInvitationShape})
    def create(self, request: Request) -> Response:
        """Invite an e-mail address. Its link is in a mail, or, where no mail is set up, in this answer."""
        given: Any = self.body(InvitationInput)
        invitation, link = invitations.create(tenant=self.tenant, site=sites.of(request), **given)
        return _sent(invitation, link, status=201)

    def retrieve(self, request: Request, id: str) -> Response:
        """One invitation."""
        return self.shown(InvitationShape, self.row())

    def destroy(self, request: Request, id: str) -> Response:
        """Revoke: its link is void from now on."""
        invitations.revoke(invitation=self.row())
        return Response(status=204)

    @extend_schema(request=None, responses={200: SentInvitationShape})
    @action(detail=True, methods=["post"])
    def resend(self, request: Request, id: str) -> Response:
        """A new link; the former is void."""
        invitation = self.row()
        self.body(NoFields)
        return _sent(*invitations.resend(invitation=invitation, site=sites.of(request)))


def _sent(invitation: Invitation, link: str | None, *, status: int = 200) -> Response:
    shape = InvitationShape(invitation).data
    answer = {**shape, "link": link, "mailed": mail.is_sent()}
    return Response(answer, status=status, headers={"Cache-Control": "no-store"})
