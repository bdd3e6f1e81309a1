"""What verifying the audit trail can find, and how a chain of seals is judged, link by link and in any order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from tenants.rules.audit_chain import NOTHING, Anchor


class Kind(StrEnum):
    """What is wrong."""

    EDITED = "edited"
    DELETED = "deleted"
    INSERTED = "inserted"
    REORDERED = "reordered"
    REWRITTEN = "rewritten"
    MISSING = "missing"
    UNSEALED = "unsealed"
    CUT = "cut"
    DAMAGED = "damaged"


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong, and with which audit row, if it is one row's."""

    kind: Kind
    message: str
    event: str | None = None

    def __str__(self) -> str:
        return f"{self.kind}: {f'{self.event}: ' if self.event else ''}{self.message}"


@dataclass
class Chain:
    """The seals of one chain, met by number in any order: whether each holds the one before it, and which are missing.

    Seals that follow one another are kept as one stretch, so what it remembers grows with the gaps and not with
    the chain.
    """

    name: str
    #: The number a stretch begins with → the digest before it; its end.
    _begins: dict[int, tuple[bytes, int]] = field(default_factory=dict)
    #: The number a stretch ends with → its last digest; its beginning.
    _ends: dict[int, tuple[bytes, int]] = field(default_factory=dict)

    def meet(self, number: int, before: bytes, digest: bytes) -> bool:
        """Note one seal. False if it and a neighbour met earlier do not hold together."""
        if number in self._begins or number in self._ends:
            return False
        begin, end, fits = number, number, True
        first, last = before, digest
        if (left := self._ends.pop(number - 1, None)) is not None:
            fits = left[0] == before
            begin = left[1]
            first = self._begins.pop(begin)[0]
        elif number == 1:
            fits = before == NOTHING
        if (right := self._begins.pop(number + 1, None)) is not None:
            fits = fits and right[0] == digest
            end = right[1]
            last = self._ends.pop(end)[0]
        self._begins[begin] = (first, end)
        self._ends[end] = (last, begin)
        return fits

    def missing(self, start: int = 1) -> Iterator[Finding]:
        """The stretches from ``start`` on that were not met, up to the highest number that was."""
        expected = start
        for begin in sorted(self._begins):
            if begin > expected:
                many = f"{expected} to {begin - 1} are" if begin - 1 > expected else f"{expected} is"
                yield Finding(Kind.MISSING, f"{self.name}: {many} gone, with the rows sealed there")
            expected = max(expected, self._begins[begin][1] + 1)

    @property
    def highest(self) -> int:
        """The highest number met; 0 without any."""
        return max(self._ends, default=0)


def compared(anchor: Anchor, highest: int, found: bytes | None) -> Finding | None:
    """What an anchor shows about a chain that now ends at ``highest`` and has ``found`` where the anchor was taken."""
    where = f"chain {anchor.chain} at {anchor.number}"
    if found is None and anchor.number > highest:
        return Finding(
            Kind.CUT, f"{where}: the chain ends at {highest}: its end was cut off, or an older backup restored"
        )
    if found is None:
        return Finding(Kind.MISSING, f"{where}: nothing is there")
    if found != anchor.digest:
        return Finding(Kind.REWRITTEN, f"{where}: another seal than the anchor's: the chain was made anew")
    return None
