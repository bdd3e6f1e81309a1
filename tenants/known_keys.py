"""Who an API key is: found by its id, compared in constant time, alive, used from where it may be."""

from __future__ import annotations

import hmac
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import connection

from tenants import context, errors, requests, standing
from tenants.models import ApiKey, Tenant, TenantState
from tenants.requests import Actor
from tenants.rules import api_keys, key_addresses, permissions

_NO_DIGEST = bytes(32)
_TOUCH_EVERY = timedelta(minutes=1)
_UNKNOWN = "this API key is unknown or was revoked: check it for typing errors, or create a new one"


class AddressRefused(errors.ServiceError):
    """This API key may not be used from this address: ask who made it to add the address to its list."""

    code = "ADDRESS_REFUSED"
    status = 403


def actor_of(text: str, wanted: str | None, now: datetime) -> Actor:
    """Who acts with the key: in its tenant, or, with one of the platform's, in the tenant that is named if any.

    It is read anew at each request, so a change to it counts from the next one on.
    """
    key = api_keys.parse(text)
    found = _found(key) if key else None
    if key is None or found is None:
        raise errors.Unauthenticated(_UNKNOWN)
    context.enter(context.Scope(tenant_id=found[0], platform=found[0] is None))
    row = ApiKey.objects.select_related("tenant").get(key_id=key.key_id)
    refuse_dead(row, now)
    if not key_addresses.allow(row.addresses, requests.current().address):
        raise AddressRefused
    _touch(row, now)
    name, scopes = f"key:{row.key_id}", granted_to(row)
    if row.tenant is None:
        return Actor(name, scopes, standing.named(wanted) if wanted is not None else None, of_platform=True)
    if wanted is not None and wanted != row.tenant.slug:
        raise errors.NotFound(standing.NO_SUCH)
    return Actor(name, scopes, row.tenant)


def granted_to(key: ApiKey) -> frozenset[str]:
    """What a key may do; what is the platform's, only one of the platform's may."""
    scopes = frozenset(key.scopes)
    return scopes if key.tenant_id is None else scopes - {permissions.PLATFORM}


def _found(key: api_keys.Key) -> tuple[UUID | None] | None:
    """The tenant of the key with this id and secret. The tenant is not known yet, so a definer's function looks."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT tenant_id, digest FROM carillon_find_api_key(%s)", [key.key_id])
        row = cursor.fetchone()
    # Compare against something in either case: an unknown id must take as long as a wrong secret.
    matches = hmac.compare_digest(bytes(row[1]) if row else _NO_DIGEST, key.digest(settings.SECRET_KEY))
    return (row[0],) if row and matches else None


def refuse_dead(key: ApiKey, now: datetime) -> None:
    """Raise for a key that is good no longer, or whose tenant is suspended."""
    if key.revoked_at is not None:
        raise errors.Unauthenticated("this API key was revoked: create a new one")
    if not key.is_live(now):
        raise errors.KeyExpired
    if isinstance(key.tenant, Tenant) and key.tenant.state != TenantState.ACTIVE:
        raise errors.TenantSuspended(key.tenant.suspension_reason)


def _touch(key: ApiKey, now: datetime) -> None:
    if key.last_used_at is not None and now - key.last_used_at <= _TOUCH_EVERY:
        return
    # Whoever else of this key's requests holds the row notes the same; nobody waits for it.
    if ApiKey.objects.select_for_update(skip_locked=True, no_key=True).filter(pk=key.pk).first():
        ApiKey.objects.filter(pk=key.pk).update(last_used_at=now, last_used_address=requests.current().address)
