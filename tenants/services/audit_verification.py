"""Verifies the audit trail in the database: walks the chain in pages, while the system runs, and names what is wrong."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from tenants import context
from tenants.models import AuditEvent, AuditSeal, Tenant, UnsealedEvent
from tenants.rules import audit_chain, audit_findings, ids
from tenants.rules.audit_chain import Anchor
from tenants.rules.audit_findings import Finding, Kind
from tenants.services import audit

PAGE = 1000
#: A row that waits for its seal for longer than this is told of: no engine is at work.
PATIENCE = timedelta(minutes=1)
#: Rows outside the chain, named at most.
MOST = 1000


@contextmanager
def _reading() -> Iterator[None]:
    """A transaction that sees every tenant's rows."""
    with context.within(context.PLATFORM), transaction.atomic():
        yield


@dataclass
class Walk:
    """One verification of the whole trail, or of one tenant's. Iterate over :meth:`findings`, then read the rest."""

    tenant: Tenant | None = None
    since: datetime | None = None
    anchors: Sequence[Anchor] = ()
    checked: int = 0
    #: Rows from before there were signatures.
    unsigned: int = 0
    head: Anchor | None = None

    def __post_init__(self) -> None:
        self._keys = audit_chain.by_id(audit.keys())
        #: Once a signed row was sealed, every later one must be signed.
        self._signed = self.since is not None

    def findings(self) -> Iterator[Finding]:
        """Everything that is wrong, as it is found."""
        yield from self._chain()
        yield from self._outside()
        for anchor in self.anchors:
            yield from self._anchored(anchor)

    def _chain(self) -> Iterator[Finding]:
        before = self._start()
        number = self._place(before) if before else 0
        last = self._digest(before) if before else audit_chain.NOTHING
        for seal, event in self._sealed(number):
            here = self._place(seal)
            if here > number + 1:
                many = f"{number + 1} to {here - 1} are" if here > number + 2 else f"{number + 1} is"
                yield Finding(Kind.MISSING, f"seals: {many} gone, with what they sealed")
            elif last != self._before(seal):
                yield self._named(seal, Kind.REORDERED, f"its seal {here} does not follow the one before it")
            yield from self._judged(seal, event)
            number, last = here, self._digest(seal)
            self.checked += 1
        if number:
            self.head = Anchor(self._chain_name, number, last)

    def _judged(self, seal: AuditSeal, event: AuditEvent | None) -> Iterator[Finding]:
        key = self._keys.get(seal.key_id)
        if key is None:
            yield self._named(
                seal, Kind.REWRITTEN, f"sealed under {seal.key_id}, which CARILLON_AUDIT_KEY does not hold"
            )
            return
        if not audit_chain.same(audit_chain.link(key.of_links, bytes(seal.previous_link), seal), seal.link):
            yield self._named(seal, Kind.REWRITTEN, f"its seal {self._place(seal)} was not made with the key")
        told = audit_chain.facts(event) if event else {"id": str(seal.event_id)}
        mine = audit_chain.seal(key.of_tenant(seal.tenant_id), bytes(seal.previous_seal), told)
        if event is None:
            yield self._named(seal, Kind.DELETED, f"sealed {seal.sealed_at:%Y-%m-%d %H:%M:%S} UTC, and no longer there")
        elif not audit_chain.same(mine, seal.seal):
            yield self._named(seal, Kind.EDITED, f"{event.action} by {event.actor} does not read as when it was sealed")
        elif not self._is_signed(event):
            yield self._named(seal, Kind.INSERTED, f"{event.action} by {event.actor} was not written by Carillon")

    def _is_signed(self, event: AuditEvent) -> bool:
        if event.signature is None:
            self.unsigned += not self._signed
            return not self._signed
        self._signed = True
        told = audit_chain.facts(event)
        return any(
            audit_chain.same(audit_chain.sign(key.of_rows, told), event.signature) for key in self._keys.values()
        )

    def _outside(self) -> Iterator[Finding]:
        """Rows without a seal: those that wait for too long, and those that nobody would ever seal."""
        late = timezone.now() - PATIENCE
        sealed = AuditSeal.objects.filter(event_id=OuterRef("pk"))
        waits = UnsealedEvent.objects.filter(pk=OuterRef("pk"))
        with _reading():
            rows = AuditEvent.objects.filter(~Exists(sealed), **self._narrowed()).annotate(waits=Exists(waits))
            if self.since:
                rows = rows.filter(pk__gte=ids.floor_id(self.since))
            found = list(rows.order_by("pk")[:MOST])
        for row in found:
            if not row.waits:
                yield Finding(Kind.UNSEALED, "has no seal, and was taken from what waits for one", str(row.pk))
            elif row.at < late:
                message = f"waits for its seal since {row.at:%Y-%m-%d %H:%M:%S} UTC: is an engine running?"
                yield Finding(Kind.UNSEALED, message, str(row.pk))

    def _anchored(self, anchor: Anchor) -> Iterator[Finding]:
        with _reading():
            if anchor.chain == audit_chain.INSTALLATION:
                seal = AuditSeal.objects.filter(number=anchor.number).first()
                last = AuditSeal.objects.order_by("-number").first()
                found, highest = (bytes(seal.link) if seal else None), (last.number if last else 0)
            else:
                of = None if anchor.chain == audit_chain.PLATFORM else UUID(anchor.chain)
                chain = AuditSeal.objects.filter(Q(tenant_id=of))
                seal, last = chain.filter(position=anchor.number).first(), chain.order_by("-position").first()
                found, highest = (bytes(seal.seal) if seal else None), (last.position if last else 0)
        if finding := audit_findings.compared(anchor, highest, found):
            yield finding

    def _start(self) -> AuditSeal | None:
        """The last seal that is not to be walked."""
        if self.since is None:
            return None
        with _reading():
            return self._seals().filter(sealed_at__lt=self.since).order_by(f"-{self._order}").first()

    def _sealed(self, after: int) -> Iterator[tuple[AuditSeal, AuditEvent | None]]:
        """Each seal with its row. A row is there before its seal, so they are read in this order."""
        while True:
            with _reading():
                page = list(self._seals().filter(**{f"{self._order}__gt": after}).order_by(self._order)[:PAGE])
                events = AuditEvent.objects.in_bulk([seal.event_id for seal in page])
            yield from ((seal, events.get(seal.event_id)) for seal in page)
            if len(page) < PAGE:
                return
            after = self._place(page[-1])

    def _seals(self) -> QuerySet[AuditSeal]:
        return AuditSeal.objects.filter(**self._narrowed())

    def _narrowed(self) -> dict[str, Any]:
        return {"tenant_id": self.tenant.pk} if self.tenant else {}

    def _named(self, seal: AuditSeal, kind: Kind, message: str) -> Finding:
        return Finding(kind, message, str(seal.event_id))

    @property
    def _order(self) -> str:
        return "position" if self.tenant else "number"

    @property
    def _chain_name(self) -> str:
        return str(self.tenant.pk) if self.tenant else audit_chain.INSTALLATION

    def _place(self, seal: AuditSeal) -> int:
        return seal.position if self.tenant else seal.number

    def _before(self, seal: AuditSeal) -> bytes:
        return bytes(seal.previous_seal if self.tenant else seal.previous_link)

    def _digest(self, seal: AuditSeal) -> bytes:
        return bytes(seal.seal if self.tenant else seal.link)
