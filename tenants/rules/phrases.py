"""How lengths of time and instants are written for people, the same everywhere."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


def length(value: timedelta | float) -> str:
    """How long something takes, in at most two units."""
    seconds = value.total_seconds() if isinstance(value, timedelta) else float(value)
    if abs(seconds) < 0.9995:
        return f"{seconds * 1000:.0f} ms"
    if abs(seconds) < 59.95:
        return f"{seconds:.3g} s"
    whole = round(seconds)
    for size, unit, smaller, name in ((86_400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if whole >= size:
            rest = whole % size // smaller
            return f"{whole // size} {unit} {rest} {name}" if rest else f"{whole // size} {unit}"
    return f"{whole} s"


def instant(value: datetime, *, millis: bool = False) -> str:
    """An instant in UTC, which it says."""
    value = value.astimezone(UTC)
    return value.strftime("%Y-%m-%d %H:%M:%S") + (f".{value.microsecond // 1000:03d}" if millis else "") + " UTC"
