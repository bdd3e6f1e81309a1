"""Seals new audit rows into the chains, about once a second, in each engine.

    anything new? ─► lock ─► take what waits ─► read the ends of the chains ─► insert seals ─► commit

One sealer at a time, by a lock that ends with its transaction; should two ever seal together, the unique numbers
refuse the second. Rows commit in another order than that of their ids, so a list of what waits says what is
new: a trigger fills it. A sealer that dies leaves everything as it was.
"""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Q
from django.utils import timezone

from tenants.models import AuditEvent, AuditSeal, UnsealedEvent
from tenants.rules import audit_chain
from tenants.rules.audit_chain import Anchor
from tenants.services import audit

LOCK_KEY = 0x0CA1_1111
BATCH = 500


def seal_new() -> Anchor | None:
    """Seal one batch of what waits. The head of the installation's chain, or None if there was nothing to do.

    On an idle system this is one look into an empty table.
    """
    if not UnsealedEvent.objects.exists():
        return None
    with transaction.atomic():
        if not _locked():
            return None
        taken = _take()
        seals = _seals(taken, AuditEvent.objects.in_bulk(taken))
        AuditSeal.objects.bulk_create(seals)
        return head()


def head() -> Anchor | None:
    """Where the installation's chain stands."""
    last = AuditSeal.objects.order_by("-number").first()
    return Anchor(audit_chain.INSTALLATION, last.number, bytes(last.link)) if last else None


def head_of(tenant_id: UUID | None) -> Anchor | None:
    """Where one tenant's chain stands, or the platform's own."""
    last = _last_of(tenant_id)
    return Anchor(str(tenant_id or audit_chain.PLATFORM), last.position, bytes(last.seal)) if last else None


def _locked() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [LOCK_KEY])
        return bool(cursor.fetchone()[0])


def _take() -> list[UUID]:
    # By the order of ids, which is that of time but for what was committed late.
    with connection.cursor() as cursor:
        cursor.execute(
            """DELETE FROM audit_unsealed
               WHERE event_id = ANY(ARRAY(SELECT event_id FROM audit_unsealed ORDER BY event_id LIMIT %s))
               RETURNING event_id""",
            [BATCH],
        )
        taken = {row[0] for row in cursor.fetchall()}
    # A row that was deleted and put in once more has its seal, which tells whether it is the same.
    return sorted(taken - set(AuditSeal.objects.filter(event_id__in=taken).values_list("event_id", flat=True)))


def _seals(taken: Iterable[UUID], events: dict[UUID, AuditEvent]) -> list[AuditSeal]:
    now, key = timezone.now(), audit.keys()[0]
    last = AuditSeal.objects.order_by("-number").first()
    number, link = (last.number, bytes(last.link)) if last else (0, audit_chain.NOTHING)
    ends: dict[UUID | None, tuple[int, bytes]] = {}
    seals = []
    for event_id in taken:
        event = events.get(event_id)
        # Deleted before it could be sealed: its seal, which no row goes with, says that there was one.
        told = audit_chain.facts(event) if event else {"id": str(event_id)}
        tenant_id = event.tenant_id if event else None
        position, before = ends.get(tenant_id) or _end_of(tenant_id)
        row = AuditSeal(
            number=(number := number + 1),
            event_id=event_id,
            tenant_id=tenant_id,
            position=position + 1,
            previous_seal=before,
            seal=audit_chain.seal(key.of_tenant(tenant_id), before, told),
            previous_link=link,
            key_id=key.key_id,
            sealed_at=now,
        )
        row.link = link = audit_chain.link(key.of_links, link, row)
        ends[tenant_id] = row.position, bytes(row.seal)
        seals.append(row)
    return seals


def _end_of(tenant_id: UUID | None) -> tuple[int, bytes]:
    last = _last_of(tenant_id)
    return (last.position, bytes(last.seal)) if last else (0, audit_chain.NOTHING)


def _last_of(tenant_id: UUID | None) -> AuditSeal | None:
    return AuditSeal.objects.filter(Q(tenant_id=tenant_id)).order_by("-position").first()
