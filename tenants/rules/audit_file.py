"""Exported audit trails: how a file is written, line by line, and verified where there is no database.

    {"carillon_audit": 1, "tenant": …, "filters": {…}, "exported_at": …}
    {"event": {…}, "seal": {"tenant": …, "position": …, "previous": …, "seal": …, "key": …} | null}   once for each row
    {"rows": …, "head": "<anchor>" | null, "key": …, "mac": …}

``mac`` is keyed and of every byte before its line, so no byte can change. The seals name the row that did. Rows of
one tenant, or of several with the platform's own among them.
"""

from __future__ import annotations

import csv
import hashlib
import hmac
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tenants.rules import audit_chain, audit_findings
from tenants.rules.audit_chain import PLATFORM, Anchor
from tenants.rules.audit_findings import Chain, Finding, Kind

VERSION = 1
CSV_COLUMNS = (
    "id", "at", "tenant", "actor", "action", "object_type", "object_id", "changes", "reason", "request_id", "address",
    "seal_position", "seal",
)  # fmt: skip

#: The key of a tenant's chain by the installation's key id and the tenant's id; None if it is not held.
KeyOf = Callable[[str, str | None], bytes | None]


def line(value: Mapping[str, Any]) -> bytes:
    """One line of a file."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def csv_line(cells: Iterable[Any]) -> bytes:
    """One line of a table. Text that a spreadsheet would calculate is made plain text by an apostrophe."""
    text = io.StringIO()
    csv.writer(text).writerow([_cell(cell) for cell in cells])
    return text.getvalue().encode()


def _cell(value: Any) -> Any:
    if isinstance(value, Mapping):
        value = json.dumps(value, ensure_ascii=False)
    if isinstance(value, str) and value.lstrip(" ").startswith(("=", "+", "-", "@", "\t", "\r", "\n")):
        return f"'{value}"
    return value


@dataclass
class Check:
    """One verification of a file. Iterate over :meth:`findings`, then read the rest."""

    key_of: KeyOf
    anchors: Sequence[Anchor] = ()
    checked: int = 0
    unsealed: int = 0
    complete: bool = False
    _tenant: str | None = None
    _chains: dict[str, Chain] = field(default_factory=dict)
    _anchored: dict[tuple[str, int], bytes] = field(default_factory=dict)

    def findings(self, lines: Iterable[bytes]) -> Iterator[Finding]:
        """Everything that is wrong, as it is found."""
        hashed: Any = None
        ended = False
        for number, text in enumerate(lines, 1):
            value = _read(text)
            if value is None or ended:
                yield Finding(
                    Kind.DAMAGED, f"line {number} " + ("comes after the last" if ended else "is no JSON object")
                )
                if number == 1:
                    return
            elif number == 1:
                if value.get("carillon_audit") != VERSION:
                    yield Finding(Kind.DAMAGED, "this is no audit trail exported as NDJSON")
                    return
                self._begin(value)
            elif "mac" in value:
                ended = True
                yield from self._ended(value, hashed)
            else:
                yield from self._row(number, value)
            hashed = self._hashed(hashed, text)
        if not ended:
            yield Finding(Kind.CUT, "the file ends without its last line")
        yield from self._whole()

    def _begin(self, head: Mapping[str, Any]) -> None:
        self._tenant = head.get("tenant")
        self.complete = not head.get("filters")

    def _hashed(self, hashed: Any, text: bytes) -> Any:
        # The bytes are hashed first: the last line, which is the key's, comes when they are gone.
        hashed = hashed or hashlib.sha256()
        hashed.update(text)
        return hashed

    def _ended(self, last: Mapping[str, Any], hashed: Any) -> Iterator[Finding]:
        key = self.key_of(str(last.get("key")), self._tenant)
        if key is None:
            yield Finding(Kind.REWRITTEN, f"the file was ended under key {last.get('key')}, which is not given here")
        elif not hmac.compare_digest(ending(key, hashed.digest(), last), str(last.get("mac"))):
            yield Finding(Kind.EDITED, "the file is not as it was exported: some byte of it has changed")
        if last.get("rows") != self.checked:
            yield Finding(Kind.MISSING, f"{last.get('rows')} rows were exported, and {self.checked} are here")

    def _row(self, number: int, value: Mapping[str, Any]) -> Iterator[Finding]:
        self.checked += 1
        event, seal = value.get("event"), value.get("seal")
        if not isinstance(event, dict) or "id" not in event:
            yield Finding(Kind.DAMAGED, f"line {number} holds no row")
        elif seal is None:
            self.unsealed += 1
        else:
            try:
                yield from self._sealed(event, seal)
            except (KeyError, TypeError, ValueError):
                yield Finding(Kind.DAMAGED, f"line {number}: its seal cannot be read", str(event["id"]))

    def _sealed(self, event: dict[str, Any], seal: Mapping[str, Any]) -> Iterator[Finding]:
        tenant, name = seal["tenant"], str(event["id"])
        before, digest = bytes.fromhex(seal["previous"]), bytes.fromhex(seal["seal"])
        key = self.key_of(str(seal["key"]), tenant)
        if key is None:
            yield Finding(Kind.REWRITTEN, f"sealed under key {seal['key']}, which is not given here", name)
        elif set(event) == {"id"}:
            yield Finding(Kind.DELETED, "was deleted before it was exported", name)
        elif not audit_chain.same(audit_chain.seal(key, before, event), digest):
            yield Finding(Kind.EDITED, "does not read as when it was sealed", name)
        chain = str(tenant or PLATFORM)
        where = (chain, int(seal["position"]))
        if not self._chains.setdefault(chain, Chain(f"chain {chain}")).meet(where[1], before, digest):
            yield Finding(Kind.REORDERED, f"its seal {where[1]} and its neighbour do not hold together", name)
        if any((anchor.chain, anchor.number) == where for anchor in self.anchors):
            self._anchored[where] = digest

    def _whole(self) -> Iterator[Finding]:
        if self.complete:
            for chain in self._chains.values():
                yield from chain.missing()
        for anchor in self.anchors:
            chain_met = self._chains.get(anchor.chain)
            highest = chain_met.highest if chain_met else 0
            found = audit_findings.compared(anchor, highest, self._anchored.get((anchor.chain, anchor.number)))
            if found and (self.complete or found.kind is Kind.REWRITTEN):
                yield found


def ending(of_tenant: bytes, digest: bytes, last: Mapping[str, Any]) -> str:
    """The ``mac`` of a file: of the SHA-256 of all lines before the last, and of what else the last one says."""
    told = {name: value for name, value in last.items() if name != "mac"}
    key = audit_chain.export_key(of_tenant)
    return hmac.digest(key, digest + audit_chain.canonical(told), hashlib.sha256).hex()


def _read(text: bytes) -> dict[str, Any] | None:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
