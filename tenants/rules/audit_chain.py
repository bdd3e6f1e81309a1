"""How the audit trail is sealed: what is hashed, under which key, and how one seal holds the next.

    row ──sign──► signature                               by whoever writes it: nobody else can make a row
    row, seal before it of its tenant ──seal──► seal      the chain of one tenant, or of the platform's own rows
    seal, link before it ──link──► link                   the chain of the installation, through every tenant's

All three are HMAC-SHA256 under keys that are derived from the installation's, which the database does not hold.
Nothing here knows Django: an exported file is verified by the same functions.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import cached_property, lru_cache
from ipaddress import ip_address
from typing import Any
from uuid import UUID

#: What stands before the first of a chain.
NOTHING = bytes(32)
#: What an anchor of the whole installation's chain begins with; a tenant's begins with its id.
INSTALLATION = "installation"
#: The chain of the rows that are no tenant's.
PLATFORM = "platform"

Facts = Mapping[str, Any]


def canonical(value: Any) -> bytes:
    """One text for one JSON value, whichever of the ways to write its numbers or order its keys was taken."""
    return _text(value).encode()


def _text(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{json.dumps(str(key))}:{_text(value[key])}" for key in sorted(value)) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(_text, value)) + "]"
    if isinstance(value, int | float) and not isinstance(value, bool):
        # jsonb keeps numbers as decimals: 1e20 comes back as a whole number, -0.0 without its sign.
        number = Decimal(repr(value)) if isinstance(value, float) else Decimal(int(value))
        return format(number.normalize(), "f") if number else "0"
    return json.dumps(value)


def facts(row: Any) -> dict[str, Any]:
    """An audit row as it is sealed and exported: every column but its signature."""
    return {
        "id": str(row.id),
        "tenant": str(row.tenant_id) if row.tenant_id else None,
        "at": instant_text(row.at),
        "actor": row.actor,
        "action": row.action,
        "object_type": row.object_type,
        "object_id": row.object_id,
        "changes": row.changes,
        "reason": row.reason,
        "request_id": row.request_id,
        "address": str(ip_address(row.address)) if row.address else None,
    }


def instant_text(instant: datetime) -> str:
    """To the microsecond, which is all that the database keeps."""
    return instant.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


@dataclass(frozen=True)
class Key:
    """One secret of the installation's, and what is derived from it."""

    secret: str

    @cached_property
    def key_id(self) -> str:
        """Names it beside what it sealed; tells nothing of it."""
        return self._derived("id").hex()[:8]

    @cached_property
    def of_rows(self) -> bytes:
        """Signs rows."""
        return self._derived("row")

    @cached_property
    def of_links(self) -> bytes:
        """Links the installation's chain."""
        return self._derived("link")

    def of_tenant(self, tenant: UUID | str | None) -> bytes:
        """Seals one tenant's chain, or the platform's own: who has it can verify that chain, and no other."""
        return _of_tenant(self.secret, str(tenant or ""))

    def _derived(self, label: str) -> bytes:
        return hmac.digest(self.secret.encode(), f"carillon audit {label}".encode(), hashlib.sha256)


@lru_cache(maxsize=4096)
def _of_tenant(secret: str, tenant: str) -> bytes:
    return hmac.digest(secret.encode(), f"carillon audit tenant {tenant}".encode(), hashlib.sha256)


def export_key(of_tenant: bytes) -> bytes:
    """What ends the exported files of whom this is the tenant's key."""
    return hmac.digest(of_tenant, b"carillon audit export", hashlib.sha256)


def sign(key: bytes, told: Facts) -> bytes:
    """The signature of a row, by the process that writes it."""
    return hmac.digest(key, canonical(told), hashlib.sha256)


def seal(key: bytes, before: bytes, told: Facts) -> bytes:
    """The seal of a row, which holds the one before it. Of a row that vanished before it could be sealed only ``id`` is told."""
    return hmac.digest(key, before + canonical(told), hashlib.sha256)


def link(key: bytes, before: bytes, row: Any) -> bytes:
    """The link of a seal, a row with ``event_id``, ``tenant_id``, ``position``, ``previous_seal``, ``seal``, ``sealed_at``, ``key_id``."""
    told = {
        "event": str(row.event_id),
        "tenant": str(row.tenant_id) if row.tenant_id else None,
        "position": row.position,
        "previous_seal": bytes(row.previous_seal).hex(),
        "seal": bytes(row.seal).hex(),
        "sealed_at": instant_text(row.sealed_at),
        "key": row.key_id,
    }
    return hmac.digest(key, before + canonical(told), hashlib.sha256)


def same(mine: bytes, stored: bytes | memoryview) -> bool:
    """Whether two of them are equal, in constant time."""
    return hmac.compare_digest(mine, bytes(stored))


def by_id(keys: Sequence[Key]) -> dict[str, Key]:
    """The keys by their ids."""
    return {key.key_id: key for key in keys}


@dataclass(frozen=True)
class Anchor:
    """Where a chain stood: kept elsewhere, it shows that the chain was not cut or made anew since."""

    chain: str
    number: int
    digest: bytes

    def __str__(self) -> str:
        return f"{self.chain}:{self.number}:{self.digest.hex()}"


def parse_anchor(text: str) -> Anchor:
    """An anchor as it was printed. Raises ValueError, with what is wrong."""
    chain, number, digest = [*text.strip().split(":"), "", ""][:3]
    try:
        if chain not in (INSTALLATION, PLATFORM):
            UUID(chain)
        anchor = Anchor(chain, int(number), bytes.fromhex(digest))
    except ValueError:
        anchor = None
    if anchor is None or anchor.number < 1 or len(anchor.digest) != 32 or str(anchor) != text.strip():
        raise ValueError(f"{text!r} is no anchor: it reads <installation or a tenant's id>:<number>:<64 digits>")
    return anchor
