"""Writes the audit trail, inside the transaction of the change it tells of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from tenants import requests
from tenants.models import AuditEvent, Tenant


def record(
    *,
    action: str,
    object_type: str,
    object_id: UUID | str,
    tenant: Tenant | None,
    changes: Mapping[str, Any] | None = None,
    reason: str = "",
) -> None:
    """One row: who (from the current request), did what (noun.participle), to which object, with old and new values."""
    request = requests.current()
    AuditEvent.objects.create(
        tenant=tenant,
        actor=request.actor.name,
        action=action,
        object_type=object_type,
        object_id=str(object_id),
        changes=dict(changes or {}),
        reason=reason,
        request_id=request.request_id,
        address=request.address,
    )
