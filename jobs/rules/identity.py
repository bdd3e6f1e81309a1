"""Ids that make doing a thing twice impossible: UUIDv7, some of them derived instead of drawn.

    48 bits milliseconds | version 7 | 12 bits | variant | 62 bits
                                       `----- 74 bits -----'

The milliseconds order rows and choose their partition; the 74 bits are random for requests and
SHA-256 of an identity for slots, so that the primary key itself refuses a second plan of one slot; the
database derives those of attempts, see carillon_child_id in the migrations. What belongs to an execution carries its milliseconds,
and so lies in its partition.
"""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from uuid import UUID

#: Kind of the row that stands for many slots; the others are those of jobs.rules.slots.SlotKind.
FOLDED = "folded"

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_BITS = 74


def slot_id(schedule_id: UUID, kind: str, nominal: str, at: datetime) -> UUID:
    """The id of a slot's execution: ``kind`` is a slot's, or ``FOLDED`` for a row of many."""
    return _version_7(_milliseconds_of(at), _digest(schedule_id.bytes, kind, nominal))


def request_id(now: datetime) -> UUID:
    """A fresh id for something asked for now."""
    return _version_7(_milliseconds_of(now), secrets.randbits(_BITS))


def floor_id(instant: datetime) -> UUID:
    """The lowest id of an instant's millisecond: ids of [a, b) are those in [floor_id(a), floor_id(b))."""
    return _version_7(_milliseconds_of(instant), 0)


def milliseconds(value: UUID) -> int:
    """The Unix milliseconds an id begins with."""
    return value.int >> 80


def _milliseconds_of(instant: datetime) -> int:
    return (instant - _EPOCH) // _MILLISECOND


def _digest(owner: bytes, *parts: str) -> int:
    """74 bits of SHA-256. NUL parts the words, so no two lists of words read the same."""
    return int.from_bytes(sha256(owner + "\0".join(parts).encode()).digest()) >> (256 - _BITS)


def _version_7(millis: int, bits: int) -> UUID:
    if not 0 <= millis < 1 << 48:
        raise ValueError(f"an id holds milliseconds from 1970 on, not {millis}: check the instant")
    return UUID(int=millis << 80 | 0x7 << 76 | (bits >> 62) << 64 | 0b10 << 62 | bits & (1 << 62) - 1)
