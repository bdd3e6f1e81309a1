"""DRF authentication: an API key or a person's access token, in either case made into who acts."""

from __future__ import annotations

from django.utils import timezone
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from tenants import context, errors, known_keys, requests, standing
from tenants.models import Tenant, User
from tenants.requests import Actor
from tenants.rules import api_keys
from tenants.services import logins


class KeyOrToken(BaseAuthentication):
    """Finds out who asks and for which tenant, and puts that tenant's scope in force.

    Returns the person, or None with a key, which is nobody; and who acts.
    """

    def authenticate(self, request: Request) -> tuple[User | None, Actor] | None:
        header, text = _sent(request)
        if not text:
            return None
        wanted = _wanted(request)
        person: User | None = None
        if header in api_keys.HEADERS or text.startswith("ck_"):
            actor = known_keys.actor_of(text, wanted, timezone.now())
        else:
            person, actor = _by_token(text, wanted)
        context.enter(context.Scope(tenant_id=actor.tenant.pk if actor.tenant else None))
        requests.known_as(actor)
        return person, actor

    def authenticate_header(self, request: Request) -> str:  # noqa: ARG002 - DRF's signature
        return 'Bearer realm="carillon"'


def _by_token(text: str, wanted: str | None) -> tuple[User, Actor]:
    session = logins.by_access_token(text)
    return session.person, standing.by_session(session, wanted)


def _sent(request: Request) -> tuple[str, str]:
    """The credentials, and the header they came in. Refused if two headers hold different ones: which was meant?"""
    kind, _, bearer = str(request.headers.get("Authorization", "")).partition(" ")
    given = {name: str(request.headers.get(name, "")).strip() for name in api_keys.HEADERS}
    given["Authorization"] = bearer.strip() if kind.lower() == "bearer" else ""
    named = {name: text for name, text in given.items() if text}
    if len(set(named.values())) > 1:
        raise errors.Unauthenticated(f"{' and '.join(named)} hold different credentials: send one of them")
    return next(iter(named.items()), ("Authorization", ""))


def _wanted(request: Request) -> str | None:
    """The tenant that the query names."""
    named = request.query_params.getlist("tenant")
    if len(named) > 1:
        raise errors.Invalid.about("tenant", "must be given once")
    return named[0] if named else None


def tenant_of(request: Request) -> Tenant:
    """The tenant a request speaks for."""
    actor = request.auth
    if not isinstance(actor, Actor):
        raise errors.Unauthenticated
    if actor.tenant is None:
        message = "name the tenant whose rows these are: add ?tenant=slug"
        raise errors.Invalid.about("tenant", message)
    return actor.tenant
