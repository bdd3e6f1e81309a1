"""``Range: bytes=…`` of RFC 9110: one range of what is there; several, or what is no range, are all of it."""

from __future__ import annotations

import re
from dataclasses import dataclass

_ONE = re.compile(r"bytes=(?:(\d{1,19})-(\d{1,19})?|-(\d{1,19}))")


class Unsatisfiable(ValueError):
    """It begins after the end."""


@dataclass(frozen=True, slots=True)
class Span:
    """So many bytes from ``start`` on."""

    start: int
    length: int

    def told(self, total: int) -> str:
        """For ``Content-Range``."""
        return f"bytes {self.start}-{self.start + self.length - 1}/{total}"


def parse(header: str | None, total: int) -> Span | None:
    """Which bytes of ``total`` are asked for; None for all of them."""
    match = _ONE.fullmatch((header or "").replace(" ", ""))
    if match is None:
        return None
    first, last, suffix = match.groups()
    if suffix is not None:
        length = min(int(suffix), total)
        return _span(total - length, length)
    start = int(first)
    end = total if last is None else min(int(last) + 1, total)
    if last is not None and int(last) < start:
        return None  # no range at all, so it says nothing
    return _span(start, end - start)


def _span(start: int, length: int) -> Span:
    if length <= 0:
        raise Unsatisfiable
    return Span(start, length)
