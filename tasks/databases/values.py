"""A database's values as JSON: what has no exact form there is a text that says all of it."""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from jobs.handlers import Json
from tasks import foreign


def plain(value: Any) -> Json:  # noqa: PLR0911 - a table
    """As JSON. Decimals keep their digits, and so are texts; bytes are Base64; not a number and infinity are texts."""
    match value:
        case None | bool() | int():
            return value
        case str():
            return foreign.storable(value)
        case float():
            return value if math.isfinite(value) else str(value)
        case Decimal():
            return str(value)
        case datetime() | date() | time():
            return value.isoformat()
        case timedelta():
            return _clock(value)
        case bytes() | bytearray() | memoryview():
            return base64.b64encode(value).decode()
        case Mapping():
            return {str(key): plain(each) for key, each in value.items()}
        case list() | tuple() | set():
            return [plain(each) for each in value]
    return foreign.storable(str(value))


def _clock(length: timedelta) -> str:
    """MySQL's TIME, which is up to 838 hours in either direction."""
    seconds, sign = length.total_seconds(), "-" if length < timedelta() else ""
    rest = abs(length)
    whole = int(abs(seconds))
    fraction = f".{rest.microseconds:06d}" if rest.microseconds else ""
    return f"{sign}{whole // 3600:02d}:{whole // 60 % 60:02d}:{whole % 60:02d}{fraction}"
