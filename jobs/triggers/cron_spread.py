"""``H`` in cron: a value that is the schedule's own, so that a thousand ``H * * * *`` do not start in one minute.

    H          one value of the field; of the days of month one that every month has, 1 to 28
    H(0-29)    one value of that range
    H/15       every 15th, from one of the first 15; it counts as ``*/15`` where a clock change asks
    H(0-29)/10 every 10th of that range, from one of its first 10

The value is taken from SHA-256 of the schedule's id, the field and the item: it never changes while the schedule lives,
whatever else is edited, and differs from field to field. Where no schedule is stored yet, the id of all zeros stands in
for it: a preview shows an example, always the same one.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from typing import Any, NamedTuple
from uuid import UUID

_NOBODY = UUID(int=0)
_H = re.compile(r"h(\((?P<low>[a-z]+|\d{1,4})-(?P<high>[a-z]+|\d{1,4})\))?(/(?P<step>\d{1,4}))?", re.ASCII)
_BEGINS = re.compile(r"(^|[\s,])h(?![a-z])", re.ASCII | re.IGNORECASE)


class Range(NamedTuple):
    """What a field can be."""

    low: int
    high: int


def spreads(spec: Any) -> bool:
    """Whether an expression means something else for another schedule. ``spec`` has one, or None, or an empty text."""
    return is_asked_for(spec.expression or "")


def is_asked_for(expression: str) -> bool:
    """Whether an expression has an ``H`` in place of a value."""
    return bool(_BEGINS.search(expression))


def is_spread(item: str) -> bool:
    """Whether one item of a field, in lower case, asks for it: well or badly."""
    return bool(_BEGINS.match(item))


def resolved(item: str, whole: Range, number: Callable[[str], int], seed: UUID | None, place: str) -> str:
    """The item without H. Raises ValueError with what to do; ``number`` reads a value and may raise as well."""
    match = _H.fullmatch(item)
    if match is None:
        raise ValueError("is not understood; write H, H(0-29), H/15 or H(0-29)/10")
    low, high = (number(match["low"]), number(match["high"])) if match["low"] else whole
    if low >= high:
        raise ValueError("has a range that does not go up; write the lower value first")
    if match["step"] is None:
        return str(low + _drawn(seed, place, high - low + 1))
    step = int(match["step"])
    if not 2 <= step <= high - low + 1:
        raise ValueError(f"has a step of {step}; write 2 to {high - low + 1}, or leave it out for one single value")
    first = low + _drawn(seed, place, step)
    # A range of one value is none to cron.
    return f"{first}-{high}/{step}" if first < high else str(first)


def _drawn(seed: UUID | None, place: str, count: int) -> int:
    """One of 0 to count - 1."""
    digest = hashlib.sha256((seed or _NOBODY).bytes + place.encode()).digest()
    return int.from_bytes(digest[:8]) % count
