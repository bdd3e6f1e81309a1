"""Writes the audit trail, inside the transaction of the change it tells of."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import Model

from tenants import requests
from tenants.models import AuditEvent, Tenant
from tenants.rules import audit_chain
from tenants.rules.audit_chain import Key


def record(
    *,
    action: str,
    object_type: str,
    object_id: UUID | str,
    tenant: Tenant | None,
    changes: Mapping[str, Any] | None = None,
    reason: str = "",
) -> None:
    """One row: who (from the current request), did what (noun.participle), to which object, with old and new values.

    Without a ``reason`` of its own the request's is taken.
    """
    event = _signed(action, object_type, object_id, tenant, changes or {}, reason=reason)
    event.save(force_insert=True)


def record_all(
    *, action: str, object_type: str, tenant: Tenant, changes: Mapping[UUID, Mapping[str, Any]], reason: str = ""
) -> None:
    """The same of many objects, by their ids, in one statement."""
    events = [_signed(action, object_type, key, tenant, changed, reason=reason) for key, changed in changes.items()]
    AuditEvent.objects.bulk_create(events)


def _signed(
    action: str,
    object_type: str,
    object_id: UUID | str,
    tenant: Tenant | None,
    changes: Mapping[str, Any],
    *,
    reason: str,
) -> AuditEvent:
    request = requests.current()
    event = AuditEvent(
        tenant=tenant,
        actor=request.actor.name,
        action=action,
        object_type=object_type,
        object_id=str(object_id),
        changes=dict(changes),
        reason=reason or request.reason,
        request_id=request.request_id,
        address=request.address,
    )
    event.signature = audit_chain.sign(keys()[0].of_rows, audit_chain.facts(event))
    return event


def between(row: Model, wanted: Mapping[str, Any]) -> dict[str, list[Any]]:
    """[old, new] of each column that the wanted values would change."""
    return {name: [getattr(row, name), value] for name, value in wanted.items() if getattr(row, name) != value}


def keys() -> tuple[Key, ...]:
    """The installation's keys: the first signs and seals, all of them verify."""
    return _keys(tuple(settings.AUDIT_KEYS))


@lru_cache(maxsize=8)
def _keys(secrets: tuple[str, ...]) -> tuple[Key, ...]:
    return tuple(map(Key, secrets))
