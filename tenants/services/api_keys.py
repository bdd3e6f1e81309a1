"""Making, changing, rotating and revoking API keys: a tenant's, or the platform's own."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, TypedDict

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Q
from django.utils import timezone

from tenants import actors, context, errors
from tenants.models import ApiKey, Tenant
from tenants.rules import api_keys, key_addresses, permissions
from tenants.services import audit

#: How long a key that was rotated may live on.
LONGEST_OVERLAP = timedelta(days=30)
MOST_OF_A_NAME = 2
_KNOWN = (*permissions.OF_TENANTS, permissions.PLATFORM)


class KeyFields(TypedDict, total=False):
    """What may be changed of a key. Its scopes stay: another key has others."""

    name: str
    addresses: Sequence[str]
    expires_at: datetime | None


class TooMany(errors.ServiceError):
    """Two live keys have this name: revoke one of them first, or choose another name."""


class Dead(errors.ServiceError):
    """This key is revoked or expired: create a new one."""

    code = "INVALID_STATE"


def create(
    *,
    tenant: Tenant | None,
    name: str,
    scopes: Collection[str],
    expires_at: datetime | None = None,
    addresses: Sequence[str] = (),
) -> tuple[ApiKey, str]:
    """The stored key and its text; without a tenant one of the platform's. The text is kept nowhere: hand it over now or never."""
    _require(tenant)
    _check_scopes(tenant, scopes)
    _check_expiry(expires_at)
    addresses = _checked(addresses)
    with _behind_the_wall(tenant):
        _room_for(tenant, name)
        row, text = _made(tenant=tenant, name=name, scopes=scopes, expires_at=expires_at, addresses=addresses)
        made = {"name": name, "scopes": row.scopes, "expires_at": _plain(expires_at)}
        made |= {"addresses": addresses} if addresses else {}
        _record("api_key.created", row, {field: [None, value] for field, value in made.items()})
    return row, text


def update(*, key: ApiKey, fields: KeyFields) -> ApiKey:
    """Another name, list of addresses or expiry, from the next request on."""
    _require(key.tenant)
    wanted: dict[str, Any] = dict(fields)
    if "addresses" in wanted:
        wanted["addresses"] = _checked(wanted["addresses"])
    with _behind_the_wall(key.tenant):
        row = _live(key)
        if wanted.get("expires_at") != row.expires_at:
            _check_expiry(wanted.get("expires_at"))
        changes = {field: [_plain(getattr(row, field)), _plain(value)] for field, value in wanted.items()}
        changes = {field: pair for field, pair in changes.items() if pair[0] != pair[1]}
        if changes:
            if "name" in changes:
                _room_for(row.tenant, wanted["name"])
            for field, value in wanted.items():
                setattr(row, field, value)
            row.save(update_fields=list(wanted))
            _record("api_key.updated", row, changes)
    return row


def rotate(*, key: ApiKey, overlap: timedelta) -> tuple[ApiKey, str]:
    """A successor with the same name, scopes and addresses, that lives as long; the old one lives on for ``overlap``."""
    _require(key.tenant)
    if not timedelta(0) <= overlap <= LONGEST_OVERLAP:
        message = f"must be from 0 to {LONGEST_OVERLAP.days} days"
        raise errors.Invalid.about("overlap_seconds", message)
    with _behind_the_wall(key.tenant):
        _lock_name(key.tenant, key.name)
        old, now = _live(key), timezone.now()
        _check_scopes(old.tenant, old.scopes)
        _room_for(old.tenant, old.name)
        life = old.expires_at - old.created_at if old.expires_at else None
        new, text = _made(
            tenant=old.tenant,
            name=old.name,
            scopes=old.scopes,
            expires_at=now + life if life else None,
            addresses=old.addresses,
        )
        was = _plain(old.expires_at)
        _retire(old, now, now + overlap)
        _record("api_key.rotated", old, {"successor": [None, str(new.pk)], "expires_at": [was, _plain(old.expires_at)]})
    return new, text


def revoke(*, key: ApiKey) -> None:
    """Refused from now on; revoking twice changes nothing."""
    _require(key.tenant)
    with _behind_the_wall(key.tenant):
        now = timezone.now()
        if ApiKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=now):
            _record("api_key.revoked", key, {"revoked_at": [None, now.isoformat()]})


def _require(tenant: Tenant | None) -> None:
    if tenant is None:
        actors.require(permissions.PLATFORM)
    else:
        actors.require(permissions.ADMIN, tenant=tenant)


@contextmanager
def _behind_the_wall(tenant: Tenant | None) -> Iterator[None]:
    """A transaction that sees the rows of keys like this one: the platform's show to the platform alone."""
    scope = context.PLATFORM if tenant is None else context.current()
    with context.within(scope), transaction.atomic():
        yield


def _made(*, tenant: Tenant | None, scopes: Collection[str], **fields: Any) -> tuple[ApiKey, str]:
    key = api_keys.generate()
    row = ApiKey.objects.create(
        tenant=tenant,
        key_id=key.key_id,
        digest=key.digest(settings.SECRET_KEY),
        scopes=[scope for scope in _KNOWN if scope in scopes],
        created_by=actors.current().name,
        **fields,
    )
    return row, key.text


def _live(key: ApiKey) -> ApiKey:
    row = ApiKey.objects.select_for_update(of=("self",)).select_related("tenant").get(pk=key.pk)
    if not row.is_live(timezone.now()):
        raise Dead
    return row


def _retire(key: ApiKey, now: datetime, at: datetime) -> None:
    if at <= now:
        key.revoked_at = now
    else:
        key.expires_at = min(key.expires_at or at, at)
    key.save(update_fields=["revoked_at", "expires_at"])


def _room_for(tenant: Tenant | None, name: str) -> None:
    """Two live keys of a name: one, and the one that takes its place."""
    _lock_name(tenant, name)
    alive = Q(expires_at=None) | Q(expires_at__gt=timezone.now())
    if ApiKey.objects.filter(alive, tenant=tenant, name=name, revoked_at=None).count() >= MOST_OF_A_NAME:
        raise TooMany


def _lock_name(tenant: Tenant | None, name: str) -> None:
    with connection.cursor() as cursor:
        what = f"api keys {tenant.pk if tenant else ''} {name}"
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [what])


def _check_scopes(tenant: Tenant | None, scopes: Collection[str]) -> None:
    actor = actors.current()
    if not scopes:
        raise errors.Invalid.about("scopes", "name at least one")
    if unknown := sorted(set(scopes) - set(_KNOWN)):
        raise errors.Invalid.about("scopes", f"unknown: {', '.join(unknown)}; known are {', '.join(_KNOWN)}")
    if permissions.PLATFORM in scopes and tenant is not None:
        raise errors.Invalid.about(
            "scopes", f"{permissions.PLATFORM} is for the platform's own keys, which belong to no tenant"
        )
    if beyond := sorted(scope for scope in scopes if not actor.may(scope)):
        raise errors.Invalid.about("scopes", f"you cannot give what you do not have: {', '.join(beyond)}")


def _check_expiry(expires_at: datetime | None) -> None:
    if expires_at is not None and expires_at <= timezone.now():
        message = "must lie in the future"
        raise errors.Invalid.about("expires_at", message)


def _checked(addresses: Sequence[str]) -> list[str]:
    if len(addresses) > key_addresses.MOST:
        message = f"at most {key_addresses.MOST}: name networks instead"
        raise errors.Invalid.about("addresses", message)
    try:
        return list(dict.fromkeys(map(key_addresses.normal, addresses)))
    except ValueError as error:
        raise errors.Invalid.about("addresses", str(error)) from None


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


def _record(action: str, key: ApiKey, changes: Mapping[str, Any]) -> None:
    audit.record(action=action, object_type="api_key", object_id=key.pk, tenant=key.tenant, changes=changes)
