"""Bytes from outside - answers, command output - as text and JSON that PostgreSQL and a result can hold.

PostgreSQL stores neither NUL nor half a surrogate pair, and its JSON knows no NaN and no infinity.
"""

from __future__ import annotations

import json
from typing import NoReturn

from jobs.handlers import Json

#: A result may have 64 KiB when encoded; this leaves room for what stands around a foreign value.
ENCODED_CHARS = 60 * 1024


def text(data: bytes, charset: str = "utf-8") -> str:
    """The bytes as text, with U+FFFD for everything that is none."""
    try:
        decoded = data.decode(charset, errors="replace")
    except (LookupError, UnicodeError):
        decoded = data.decode(errors="replace")
    return storable(decoded)


def storable(decoded: str) -> str:
    """The text with U+FFFD or a question mark for what PostgreSQL cannot hold."""
    return decoded.encode(errors="replace").decode().replace("\x00", "\ufffd")


def value(data: bytes) -> Json:
    """The bytes as JSON; ValueError says why they are none that can be stored."""
    found = parsed(data)
    if len(encoded(found)) > ENCODED_CHARS:
        raise ValueError(f"longer than {ENCODED_CHARS // 1024} KiB")
    return found


def parsed(data: bytes) -> Json:
    """The bytes as JSON of any length; ValueError says why they are none."""
    try:
        return json.loads(data, parse_constant=_refuse)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def encoded(value: Json) -> str:
    """The value as JSON that can be stored; TypeError and ValueError say why it cannot."""
    try:
        text = json.dumps(value, allow_nan=False)
        json.dumps(value, ensure_ascii=False).encode()
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if "\\u0000" in text:
        raise ValueError("holds a NUL character, which cannot be stored: leave it out")
    return text


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
