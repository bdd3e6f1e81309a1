"""Making and revoking API keys."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from tenants import actors, errors
from tenants.models import ApiKey, Tenant
from tenants.rules import api_keys, permissions
from tenants.services import audit

_KNOWN = (*permissions.OF_TENANTS, permissions.PLATFORM)


def create(
    *, tenant: Tenant, name: str, scopes: Collection[str], expires_at: datetime | None = None
) -> tuple[ApiKey, str]:
    """The stored key and its text. The text is kept nowhere: hand it over now or never."""
    actors.require(permissions.ADMIN, tenant=tenant)
    _check(scopes, expires_at)
    key = api_keys.generate()
    with transaction.atomic():
        row = ApiKey.objects.create(
            tenant=tenant,
            name=name,
            key_id=key.key_id,
            digest=key.digest(settings.SECRET_KEY),
            scopes=[scope for scope in _KNOWN if scope in scopes],
            expires_at=expires_at,
            created_by=actors.current().name,
        )
        expiry = expires_at.isoformat() if expires_at else None
        changes = {"name": [None, name], "scopes": [None, row.scopes], "expires_at": [None, expiry]}
        audit.record(action="api_key.created", object_type="api_key", object_id=row.pk, tenant=tenant, changes=changes)
    return row, key.text


def revoke(*, key: ApiKey) -> None:
    """Refused from now on; revoking twice changes nothing."""
    actors.require(permissions.ADMIN, tenant=key.tenant_id)
    with transaction.atomic():
        now = timezone.now()
        if ApiKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=now):
            changes = {"revoked_at": [None, now.isoformat()]}
            audit.record(
                action="api_key.revoked", object_type="api_key", object_id=key.pk, tenant=key.tenant, changes=changes
            )


def _check(scopes: Collection[str], expires_at: datetime | None) -> None:
    if not scopes:
        raise errors.Invalid("scopes: name at least one", details={"scopes": ["name at least one"]})
    if unknown := sorted(set(scopes) - set(_KNOWN)):
        message = f"unknown: {', '.join(unknown)}; known are {', '.join(_KNOWN)}"
        raise errors.Invalid(f"scopes: {message}", details={"scopes": [message]})
    if permissions.PLATFORM in scopes and not actors.current().may(permissions.PLATFORM):
        message = f"{permissions.PLATFORM} is given by the platform's administrators alone, at the console"
        raise errors.Invalid(f"scopes: {message}", details={"scopes": [message]})
    if expires_at is not None and expires_at <= timezone.now():
        message = "must lie in the future"
        raise errors.Invalid(f"expires_at: {message}", details={"expires_at": [message]})
