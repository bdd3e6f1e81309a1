"""A slot: one nominal instant of a schedule, and what the planner may ask of whoever makes slots.

Slots are the common language of triggers (which make them), planning (which decides what becomes of
them) and identity (which names them).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

#: The smallest step of an instant. "Strictly after t" and "from t + TICK" are the same set.
TICK = timedelta(microseconds=1)


class SlotKind(StrEnum):
    """Whether a slot runs, or is left out by its schedule's clock-change policy or calendars and recorded as skipped."""

    RUN = "run"
    DST_GAP = "dst_gap"
    DST_FOLD = "dst_fold"
    HOLIDAY = "holiday"


@dataclass(frozen=True, slots=True)
class Slot:
    """``at`` is when it is due, aware UTC. ``nominal`` is the wall time the schedule names, with its offset.

    ``nominal`` is ISO text and the slot's identity: 02:30 that a clock change removed is due at 03:00
    but stays ``…T02:30:00+01:00``, and the two 02:30 of an autumn night differ in their offset.
    """

    at: datetime
    nominal: str
    kind: SlotKind = SlotKind.RUN


class Trigger(Protocol):
    """Makes the slots of one schedule. Pure: the same question always has the same answer.

    ``at`` never decreases. Two slots share an instant only if their kinds differ: the run a schedule
    has there anyway, and the gap that ends there.
    """

    def after(self, instant: datetime) -> Iterator[Slot]:
        """Slots strictly after ``instant``, ascending, made one by one; may never end."""

    def before(self, instant: datetime, not_before: datetime) -> Iterator[Slot]:
        """Slots from ``instant`` (included) down to ``not_before`` (included), made one by one."""

    def count(self, after: datetime, until: datetime) -> int:
        """How many slots lie strictly after ``after`` and not later than ``until``, without making them."""
