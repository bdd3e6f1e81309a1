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


def step_id(run: UUID, step: str, generation: int) -> UUID:
    """The id of a step's execution in a workflow run, the same however often it is made; ``generation``: of how many reruns.
    It has the run's milliseconds, as its root's: so a run lies in one partition."""
    return ids.version_7(milliseconds(run), _digest(run.bytes, step, str(generation)))


def sub_run_id(parent: UUID) -> UUID:
    """The id of the workflow run of an execution's own children: one for each, the same however often it is made."""
    return ids.version_7(milliseconds(parent), _digest(parent.bytes, "children"))


def beside(value: UUID) -> tuple[UUID, UUID]:
    """The lowest and the highest id with its milliseconds."""
    low = value.int >> 80 << 80
    return UUID(int=low), UUID(int=low | (1 << 80) - 1)


def request_id(now: datetime) -> UUID:
    """A fresh id for something asked for now."""
    return ids.version_7(ids.milliseconds_of(now), secrets.randbits(ids.BITS))


def milliseconds(value: UUID) -> int:
    """The Unix milliseconds an id begins with."""
    return value.int >> 80


def _digest(owner: bytes, *parts: str) -> int:
    """74 bits of SHA-256. NUL parts the words, so no two lists of words read the same."""
    return int.from_bytes(sha256(owner + "\0".join(parts).encode()).digest()) >> (256 - ids.BITS)
