"""A job's concurrency key, or deduplication key: a literal, or a template over the top-level fields of its payload.

``warehouse`` is one key for all of a tenant's executions that have it; ``customer:{customer_id}`` is one
for each customer. A field that a payload does not have reads as nothing, so such executions share a key
instead of escaping it.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any
from uuid import UUID

LONGEST = 200
_PART = re.compile(r"\{(?P<field>[A-Za-z_][A-Za-z0-9_-]*)\}|(?P<text>[^{}\x00-\x1f\x7f]+)")


class InvalidKey(ValueError):
    """A template that cannot be read. The message says what to write."""


def fields(template: str) -> list[str]:
    """The payload's fields a template names. Raises :class:`InvalidKey`."""
    return [name for name, _ in _parts(template) if name]


def render(template: str, payload: Mapping[str, Any]) -> str:
    """The key of an execution with this payload; empty for an empty template. Raises :class:`InvalidKey`."""
    key = "".join(_text(payload.get(name)) if name else text for name, text in _parts(template))
    if len(key) <= LONGEST:
        return key
    # Two long keys that begin alike are still two keys.
    return key[: LONGEST - 65] + "#" + hashlib.sha256(key.encode()).hexdigest()


def name(tenant: UUID, key: str) -> str:
    """What a key of a tenant is called where it is not to be read (``carillon_key_name``)."""
    return hashlib.sha256(f"{tenant}:{key}".encode()).hexdigest()[:32]


def _parts(template: str) -> list[tuple[str, str]]:
    """(field, "") or ("", literal), in order."""
    parts, end = [], 0
    for found in _PART.finditer(template):
        if found.start() != end:
            break
        parts.append((found["field"] or "", found["text"] or ""))
        end = found.end()
    if end != len(template):
        raise InvalidKey(
            f"cannot be read at {template[end : end + 20]!r}: write text with fields of the payload, such as customer:{{customer_id}}"
        )
    return parts


def _text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True, separators=(",", ":"))
