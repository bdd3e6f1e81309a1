"""UUIDv7, the kind of all our ids: 48 bits of milliseconds, the version, 74 bits that tell apart."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

BITS = 74

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def id_of(text: str) -> UUID | None:
    """The id that somebody wrote, or None: only the canonical form is one."""
    try:
        found = UUID(text)
    except ValueError:
        return None
    return found if str(found) == text.lower() else None


def floor_id(instant: datetime) -> UUID:
    """The lowest id of an instant's millisecond: ids of [a, b) are those in [floor_id(a), floor_id(b))."""
    return version_7(milliseconds_of(instant), 0)


def milliseconds_of(instant: datetime) -> int:
    """Unix milliseconds."""
    return (instant - _EPOCH) // _MILLISECOND


def version_7(millis: int, bits: int) -> UUID:
    """The id of these milliseconds and :data:`BITS` bits."""
    if not 0 <= millis < 1 << 48:
        raise ValueError(f"an id holds milliseconds from 1970 on, not {millis}: check the instant")
    return UUID(int=millis << 80 | 0x7 << 76 | (bits >> 62) << 64 | 0b10 << 62 | bits & (1 << 62) - 1)
