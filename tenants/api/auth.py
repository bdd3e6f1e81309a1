"""``/auth``: people log in, stay so, and see and end what they have open. Programs use API keys."""

# ruff: noqa: ARG002 - DRF hands request and path to every action

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from tenants import actors, errors
from tenants.api.fields import Instant, StrictSerializer
from tenants.api.pagination import PAGED
from tenants.api.views import ApiViewSet
from tenants.models import LoginSession
from tenants.rules import permissions, sessions
from tenants.services import logins
from tenants.services.logins import LoggedIn


class Credentials(StrictSerializer):
    """Who somebody says they are."""

    example = {"email": "maria@example.com", "password": "a long password", "tenant": "acme"}

    email = serializers.CharField(max_length=254)
    password = serializers.CharField(max_length=1000, trim_whitespace=False)
    tenant = serializers.CharField(
        max_length=63,
        required=False,
        help_text="Its slug. Needed by who belongs to several; optional for the platform's.",
    )


class RefreshInput(StrictSerializer):
    """A refresh token."""

    example = {"refresh": "eyJhbGciOiJIUzI1NiJ9.made-up.token"}

    refresh = serializers.CharField(max_length=4000)


class TokensShape(serializers.Serializer[LoggedIn]):
    """The tokens of a log-in. The refresh token is good once."""

    access = serializers.CharField(help_text="Send it as Authorization: Bearer.")
    refresh = serializers.CharField(help_text="Good for one POST to /auth/refresh.")
    token_type = serializers.SerializerMethodField(help_text="Always Bearer.")
    expires_in_seconds = serializers.SerializerMethodField(help_text="Of the access token.")
    session = serializers.UUIDField(source="session.id")
    session_expires_at = Instant(source="session.expires_at", help_text="Unless it is refreshed before.")

    def get_token_type(self, made: LoggedIn) -> str:
        return "Bearer"

    def get_expires_in_seconds(self, made: LoggedIn) -> int:
        return int(sessions.ACCESS.total_seconds())


class SessionShape(serializers.Serializer[LoginSession]):
    """A log-in over the API."""

    id = serializers.UUIDField()
    person = serializers.EmailField(source="person.email")
    current = serializers.SerializerMethodField(help_text="Whether it is the one this request comes from.")
    state = serializers.SerializerMethodField(help_text="live, expired, or why it was ended.")
    address = serializers.CharField(allow_null=True)
    user_agent = serializers.CharField()
    created_at = Instant()
    refreshed_at = Instant()
    expires_at = Instant()
    ended_at = Instant(allow_null=True)

    def get_current(self, session: LoginSession) -> bool:
        return bool(self.context["request"].auth.session == session.pk)

    def get_state(self, session: LoginSession) -> str:
        if session.ended_at is not None:
            return session.ended_because
        return "live" if session.is_live(timezone.now()) else "expired"


class TokenViewSet(ApiViewSet):
    """Log-ins of people. Each of these opens its own transactions, since what is refused must be remembered."""

    queryset = None
    serializer_class = TokensShape
    authentication_classes = []
    permission_classes = []
    noun = "token"
    read_scope = write_scope = permissions.ANYBODY
    refusals = {
        "log_in": (errors.Unauthenticated, errors.NotFound, errors.TenantSuspended, actors.MissingPermission),
        "refresh": (errors.Unauthenticated, errors.NotFound, errors.TenantSuspended, logins.JustUsed),
    }

    @extend_schema(request=Credentials, responses=TokensShape, auth=[], operation_id="auth_token")
    def log_in(self, request: Request) -> Response:
        """Log in with e-mail address and password. After five wrong ones nobody from there may try that account for 15 minutes."""
        given = self.body(Credentials)
        made = logins.log_in(
            request=request._request,
            email=given["email"],
            password=given["password"],
            slug=given.get("tenant"),
            user_agent=request.headers.get("User-Agent", ""),
        )
        return self._answer(made)

    @extend_schema(request=RefreshInput, responses=TokensShape, auth=[], operation_id="auth_refresh")
    def refresh(self, request: Request) -> Response:
        """New tokens for a refresh token. One shown twice ends its log-in; within five seconds it is a 409 and ends nothing."""
        return self._answer(logins.refresh(text=self.body(RefreshInput)["refresh"]))

    @extend_schema(request=RefreshInput, responses={204: None}, auth=[], operation_id="auth_revoke")
    def revoke(self, request: Request) -> Response:
        """Log out: end the log-in of a refresh token. Answers 204 whatever the token is."""
        logins.forget(text=self.body(RefreshInput)["refresh"])
        return Response(status=204)

    def _answer(self, made: LoggedIn) -> Response:
        answer = self.shown(TokensShape, made)
        answer["Cache-Control"] = "no-store"
        return answer


class SessionViewSet(ApiViewSet):
    """Log-ins over the API: your own; with `admin` everybody's of the tenant; the platform's administrators see all."""

    queryset = LoginSession.objects.all()
    serializer_class = SessionShape
    noun = "session"
    read_scope = write_scope = permissions.ANYBODY
    query_parameters = {"list": PAGED}

    def get_queryset(self) -> QuerySet[Any]:
        return logins.visible(self.request.auth, self.request.user)  # type: ignore[arg-type]

    def list(self, request: Request) -> Response:
        """Log-ins, the newest first; ended ones stay for a week."""
        return self.listed(SessionShape, self.get_queryset())

    def retrieve(self, request: Request, id: str) -> Response:
        """One log-in."""
        return self.shown(SessionShape, self.row())

    def destroy(self, request: Request, id: str) -> Response:
        """End it: its tokens are refused from now on."""
        logins.end(session=self.row())
        return Response(status=204)
