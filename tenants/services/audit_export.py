"""The audit trail as a file, page by page, so that it takes the same memory however long the trail is.

The whole trail goes by its seals, in their order, up to where the chain stood at the start: no gap but for what is
really gone. What is asked for by filters goes by id.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from tenants import actors, context
from tenants.fields import new_id
from tenants.models import AuditEvent, AuditSeal, Tenant
from tenants.rules import audit_chain, audit_file
from tenants.services import audit, audit_sealing

PAGE = 500
#: A row's id and its instant are taken one after the other: so far apart at most.
APART = timedelta(seconds=1)
FORMS = {"ndjson": "application/x-ndjson", "csv": "text/csv; charset=utf-8"}

Pair = tuple[AuditEvent | UUID, AuditSeal | None]


def export(
    *, tenant: Tenant | None, form: str, filters: Mapping[str, Any], chosen: QuerySet[AuditEvent] | None
) -> Iterator[bytes]:
    """The file's parts: one tenant's rows, or everybody's; all of them, or those ``chosen`` by ``filters``, which the file tells.

    Whoever exports is in the trail: the row is written at once, the reading happens while the parts are taken.
    """
    actors.require("audit:read", tenant=tenant)
    if tenant is None and not actors.current().of_platform:
        raise actors.MissingPermission("everybody's audit trail is the platform's to export")
    audit.record(
        action="audit_trail.exported",
        object_type="audit_trail",
        object_id=tenant.pk if tenant else audit_chain.INSTALLATION,
        tenant=tenant,
        changes={"format": form, "filters": dict(filters)},
    )
    pairs = _whole(tenant) if chosen is None else _chosen(tenant, chosen)
    return _ndjson(tenant, filters, pairs) if form == "ndjson" else _csv(pairs)


def _ndjson(tenant: Tenant | None, filters: Mapping[str, Any], pairs: Iterator[list[Pair]]) -> Iterator[bytes]:
    with _reading(tenant):
        head = audit_sealing.head_of(tenant.pk) if tenant else audit_sealing.head()
    hashed, rows = hashlib.sha256(), 0
    first: dict[str, Any] = {
        "carillon_audit": audit_file.VERSION,
        "tenant": str(tenant.pk) if tenant else audit_chain.INSTALLATION,
        "filters": dict(filters),
        "exported_at": audit_chain.instant_text(timezone.now()),
    }
    part = audit_file.line(first)
    hashed.update(part)
    yield part
    for page in pairs:
        part = b"".join(audit_file.line({"event": _told(event), "seal": _seal(seal)}) for event, seal in page)
        hashed.update(part)
        rows += len(page)
        yield part
    key = audit.keys()[0]
    last = {"rows": rows, "head": str(head) if head else None, "key": key.key_id}
    mac = audit_file.ending(key.of_tenant(first["tenant"]), hashed.digest(), last)
    yield audit_file.line({**last, "mac": mac})


def _csv(pairs: Iterator[list[Pair]]) -> Iterator[bytes]:
    yield audit_file.csv_line(audit_file.CSV_COLUMNS)
    for page in pairs:
        yield b"".join(audit_file.csv_line(_cells(event, seal)) for event, seal in page)


def _cells(event: AuditEvent | UUID, seal: AuditSeal | None) -> list[Any]:
    told = {**_told(event)}
    if seal:
        told |= {"seal_position": seal.position, "seal": bytes(seal.seal).hex()}
    return [told.get(column) for column in audit_file.CSV_COLUMNS]


def _told(event: AuditEvent | UUID) -> dict[str, Any]:
    return {"id": str(event)} if isinstance(event, UUID) else audit_chain.facts(event)


def _seal(seal: AuditSeal | None) -> dict[str, Any] | None:
    if seal is None:
        return None
    return {
        "tenant": str(seal.tenant_id) if seal.tenant_id else None,
        "position": seal.position,
        "previous": bytes(seal.previous_seal).hex(),
        "seal": bytes(seal.seal).hex(),
        "key": seal.key_id,
    }


def _whole(tenant: Tenant | None) -> Iterator[list[Pair]]:
    order, after = ("position", 0) if tenant else ("number", 0)
    chain = AuditSeal.objects.filter(tenant=tenant) if tenant else AuditSeal.objects.all()
    with _reading(tenant):
        last = chain.order_by(f"-{order}").values_list(order, flat=True).first() or 0
    while after < last:
        with _reading(tenant):
            within = {f"{order}__gt": after, f"{order}__lte": last}
            seals = list(chain.filter(**within).order_by(order)[:PAGE])
            events = AuditEvent.objects.in_bulk([seal.event_id for seal in seals])
        if not seals:
            return
        yield [(events.get(seal.event_id, seal.event_id), seal) for seal in seals]
        after = getattr(seals[-1], order)


def _chosen(tenant: Tenant | None, rows: QuerySet[AuditEvent]) -> Iterator[list[Pair]]:
    # Up to now: the trail grows while it is read.
    rows = rows.filter(pk__lte=new_id()).order_by("pk")
    after = UUID(int=0)
    while True:
        with _reading(tenant):
            events = list(rows.filter(pk__gt=after)[:PAGE])
            seals = seals_of(events)
        if not events:
            return
        yield [(event, seals.get(event.pk)) for event in events]
        after = events[-1].pk


def seals_of(events: list[AuditEvent]) -> dict[UUID, AuditSeal]:
    """The seals of some rows, by the rows' ids."""
    return AuditSeal.objects.in_bulk([event.pk for event in events], field_name="event_id")


@contextmanager
def _reading(tenant: Tenant | None) -> Iterator[None]:
    """A transaction of its own: the request's is over when the parts are taken."""
    scope = context.Scope(tenant_id=tenant.pk) if tenant else context.PLATFORM
    with context.within(scope), transaction.atomic():
        yield
