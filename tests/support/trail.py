"""An audit trail to tamper with."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

from django.db import transaction

from tenants import context
from tenants.models import Tenant
from tenants.rules.audit_chain import Anchor
from tenants.rules.audit_findings import Finding
from tenants.services import audit, audit_sealing
from tenants.services.audit_verification import Walk
from tests.support import actors, logins, rows


def tenant() -> Tenant:
    """A tenant as services know it."""
    with actors.platform():
        return Tenant.objects.get(pk=rows.tenant())


def write(of: Tenant | None, many: int = 1, **fields: Any) -> list[UUID]:
    """So many rows, written as services do, in their order."""
    told = {"action": "job.updated", "object_type": "job", "changes": {"priority": [5, 6.5]}, **fields}
    objects = [uuid4() for _ in range(many)]
    with context.within(context.PLATFORM), transaction.atomic():
        for each in objects:
            audit.record(object_id=each, tenant=of, **told)
    found = rows.fetch("SELECT id FROM audit_event WHERE object_id = ANY(%s) ORDER BY id", [str(o) for o in objects])
    return [row[0] for row in found]


def seal() -> Anchor | None:
    """Everything that waits, as the engine does."""
    head = None
    with logins.engine():
        while (done := audit_sealing.seal_new()) is not None:
            head = done
    return head


def sealed(of: Tenant | None, many: int = 1, **fields: Any) -> list[UUID]:
    """Rows with their seals."""
    written = write(of, many, **fields)
    seal()
    return written


def found(**options: Any) -> list[tuple[str, str | None]]:
    """What verifying finds: kind and row."""
    return [(finding.kind.value, finding.event) for finding in findings(**options)]


def findings(**options: Any) -> list[Finding]:
    return list(Walk(**options).findings())
