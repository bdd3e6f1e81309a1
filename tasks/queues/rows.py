"""Rows of a database as the keys and values of messages."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

from jobs.handlers import Json

Format = Literal["json", "avro_json"]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LONGEST_LONG = 2**63


def value(row: Mapping[str, Any], form: Format) -> bytes:
    """A row as one JSON object, by column; in Avro's JSON encoding each value names its type."""
    each = plain if form == "json" else avro
    return json.dumps({name: each(found) for name, found in row.items()}, ensure_ascii=False, allow_nan=False).encode(
        errors="replace"
    )


def key(found: Any) -> str | None:
    """A column's value as a key: a text as it is, anything else as in the value."""
    shown = plain(found)
    return shown if shown is None or isinstance(shown, str) else json.dumps(shown)


def plain(found: Any) -> Json:  # noqa: PLR0911 - one for each type
    """Nothing is rounded: decimals, and numbers that JSON has not, are texts; bytes are base64; times are ISO 8601."""
    match found:
        case None | bool() | int() | str():
            return found
        case float():
            return found if math.isfinite(found) else str(found)
        case datetime() | date() | time():
            return found.isoformat()
        case bytes() | bytearray() | memoryview():
            return base64.b64encode(found).decode()
        case dict():
            return {str(name): plain(each) for name, each in found.items()}
        case list():
            return [plain(each) for each in found]
        case _:
            return str(found)


def avro(found: Any) -> Json:  # noqa: PLR0911 - as above
    """Avro's JSON encoding of a union with null, by the type that the value has; no schema is asked."""
    match found:
        case None:
            return None
        case bool():
            return {"boolean": found}
        case int() if -_LONGEST_LONG <= found < _LONGEST_LONG:
            return {"long": found}
        case float() if math.isfinite(found):
            return {"double": found}
        case datetime():
            return {"long": _micros(found)}
        case date():
            return {"int": (found - _EPOCH.date()).days}
        case bytes() | bytearray() | memoryview():
            return {"bytes": bytes(found).decode("latin-1")}
        case dict() | list():
            return {"string": json.dumps(plain(found), ensure_ascii=False)}
        case _:
            shown = plain(found)
            return {"string": shown if isinstance(shown, str) else json.dumps(shown)}


def _micros(found: datetime) -> int:
    """Since 1970; one without a zone counts as it is written (local-timestamp-micros)."""
    aware = found if found.tzinfo else found.replace(tzinfo=UTC)
    return (aware - _EPOCH) // timedelta(microseconds=1)


#: What a cursor may be: how it is kept, and how it is read again.
_CURSORS: Mapping[str, tuple[type, Any]] = {
    "int": (int, int),
    "text": (str, str),
    "decimal": (Decimal, Decimal),
    "datetime": (datetime, datetime.fromisoformat),
    "date": (date, date.fromisoformat),
    "uuid": (UUID, UUID),
}


def kept_cursor(found: Any) -> dict[str, str]:
    """A cursor's value as JSON that gives back the very same; ValueError for what cannot be one."""
    for name, (kind, _) in _CURSORS.items():
        if isinstance(found, kind) and not isinstance(found, bool):
            return {"type": name, "value": found.isoformat() if isinstance(found, date) else str(found)}
    raise ValueError(f"a cursor cannot be {'null' if found is None else type(found).__name__}")


def read_cursor(kept: Mapping[str, str]) -> Any:
    """The reverse."""
    return _CURSORS[kept["type"]][1](kept["value"])
