"""DRF authentication by API key."""

from __future__ import annotations

import hmac
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.utils import timezone
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from tenants import context, errors, requests
from tenants.models import ApiKey, Tenant, TenantState
from tenants.requests import Actor
from tenants.rules import api_keys

_NO_DIGEST = bytes(32)
_TOUCH_EVERY = timedelta(minutes=1)


class ApiKeyAuthentication(BaseAuthentication):
    """Finds the key, puts its tenant's scope in force and returns (None, who acts): a key is not a person."""

    def authenticate(self, request: Request) -> tuple[None, Actor] | None:
        text = _sent(request)
        if not text:
            return None
        key = api_keys.parse(text)
        tenant_id = _tenant_of(key) if key else None
        if key is None or tenant_id is None:
            raise errors.Unauthenticated(
                "this API key is unknown or was revoked: check it for typing errors, or create a new one"
            )
        context.enter(context.Scope(tenant_id=tenant_id))
        row = ApiKey.objects.select_related("tenant").get(key_id=key.key_id)
        _refuse_dead(row, timezone.now())
        actor = Actor(f"key:{row.key_id}", frozenset(row.scopes), row.tenant)
        requests.known_as(actor)
        return None, actor

    def authenticate_header(self, request: Request) -> str:  # noqa: ARG002 - DRF's signature
        return 'Bearer realm="carillon"'


def _sent(request: Request) -> str:
    if header := request.headers.get("X-API-Key"):
        return str(header).strip()
    kind, _, text = str(request.headers.get("Authorization", "")).partition(" ")
    return text.strip() if kind.lower() == "bearer" else ""


def _tenant_of(key: api_keys.Key) -> UUID | None:
    """The tenant of the key with this id and secret. The tenant is not known yet, so a definer's function looks."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT tenant_id, digest FROM carillon_find_api_key(%s)", [key.key_id])
        row = cursor.fetchone()
    # Compare against something in either case: an unknown id must take as long as a wrong secret.
    matches = hmac.compare_digest(bytes(row[1]) if row else _NO_DIGEST, key.digest(settings.SECRET_KEY))
    return row[0] if row and matches else None


def _refuse_dead(key: ApiKey, now: datetime) -> None:
    if key.revoked_at is not None:
        raise errors.Unauthenticated("this API key was revoked: create a new one")
    if not key.is_live(now):
        raise errors.KeyExpired
    if key.tenant.state != TenantState.ACTIVE:
        raise errors.TenantSuspended(key.tenant.suspension_reason)
    if key.last_used_at is None or now - key.last_used_at > _TOUCH_EVERY:
        _touch(key, now)


def _touch(key: ApiKey, now: datetime) -> None:
    # Whoever else of this key's requests holds the row notes the same; nobody waits for it.
    if ApiKey.objects.select_for_update(skip_locked=True, no_key=True).filter(pk=key.pk).first():
        ApiKey.objects.filter(pk=key.pk).update(last_used_at=now)


def tenant_of(request: Request) -> Tenant:
    """The tenant a request speaks for."""
    actor = request.auth
    if not isinstance(actor, Actor) or actor.tenant is None:
        raise errors.Unauthenticated
    return actor.tenant
