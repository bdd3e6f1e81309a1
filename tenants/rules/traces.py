"""W3C Trace Context: which trace of the caller's a request belongs to (https://www.w3.org/TR/trace-context/)."""

from __future__ import annotations

import re
from dataclasses import dataclass

_HEADER = re.compile(
    r"(?P<version>[0-9a-f]{2})-(?P<trace>[0-9a-f]{32})-(?P<parent>[0-9a-f]{16})-[0-9a-f]{2}(?P<more>-.*)?"
)


@dataclass(frozen=True, slots=True)
class Trace:
    """The caller's trace, and the span of it that sent the request."""

    trace_id: str
    parent_id: str


def parse(header: str) -> Trace | None:
    """What a ``traceparent`` header says; None for one that is not valid, which is to be ignored.

    Of a version to come only what this one knows is read, as the standard asks.
    """
    found = _HEADER.fullmatch(header.strip(" \t"))
    if found is None or found["version"] == "ff" or (found["version"] == "00" and found["more"]):
        return None
    if not found["trace"].strip("0") or not found["parent"].strip("0"):
        return None
    return Trace(found["trace"], found["parent"])
