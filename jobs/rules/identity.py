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
from datetime import datetime
from hashlib import sha256
from uuid import UUID

from tenants.rules import ids

#: Kind of the row that stands for many slots; the others are those of jobs.rules.slots.SlotKind.
FOLDED = "folded"

floor_id = ids.floor_id


def slot_id(schedule_id: UUID, kind: str, nominal: str, at: datetime) -> UUID:
    """The id of a slot's execution: ``kind`` is a slot's, or ``FOLDED`` for a row of many."""
    return ids.version_7(ids.milliseconds_of(at), _digest(schedule_id.bytes, kind, nominal))


def backfill_id(backfill: UUID, schedule_id: UUID, kind: str, nominal: str, made_at: datetime) -> UUID:
    """The id of a slot's execution by a backfill made at ``made_at``: the same however often a step is taken."""
    return ids.version_7(ids.milliseconds_of(made_at), _digest(backfill.bytes, str(schedule_id), kind, nominal))


def rerun_id(run: UUID, step: str, number: int) -> UUID:
    """The id of the execution that the ``number``-th rerun of a workflow run puts in a step's place, in the run's partition."""
    return ids.version_7(milliseconds(run), _digest(run.bytes, step, str(number)))


def request_id(now: datetime) -> UUID:
    """A fresh id for something asked for now."""
    return ids.version_7(ids.milliseconds_of(now), secrets.randbits(ids.BITS))


def milliseconds(value: UUID) -> int:
    """The Unix milliseconds an id begins with."""
    return value.int >> 80


def _digest(owner: bytes, *parts: str) -> int:
    """74 bits of SHA-256. NUL parts the words, so no two lists of words read the same."""
    return int.from_bytes(sha256(owner + "\0".join(parts).encode()).digest()) >> (256 - ids.BITS)
