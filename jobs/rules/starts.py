"""When the run of a slot may start: after its jitter, and inside its schedule's opening hours.

slot ──jitter──► starts            open
slot ──────────► next opening ──jitter──► starts            closed, and the schedule lets it wait
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from jobs.rules.opening_hours import Hours, Outside, Stretches, opening, openings

_PARTS = 1 << 32


@dataclass(frozen=True, slots=True)
class Start:
    """From ``at`` on, and ``before`` the hours close; ``waits`` for them to open."""

    at: datetime
    before: datetime | None = None
    waits: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """How a schedule's runs are moved from their slots."""

    key: Any = None
    jitter: timedelta = timedelta()
    hours: Hours | None = None
    stretches: Stretches | None = None

    def start(self, at: datetime, nominal: str, *, now: datetime | None = None) -> Start | None:
        """When the run of a slot starts; None if it is left out. Late, seen ``now``, no opening is good that is over."""
        if self.hours is None or self.stretches is None:
            return Start(at + self.jitter * self.share(nominal))
        seen = max(at, now or at)
        for found in openings(self.hours, at, self.stretches, until=seen):
            if found.closes_at is not None and found.closes_at <= seen:
                continue
            waits = found.opens_at > at
            if waits and self.hours.outside is Outside.SKIP:
                return None
            # Spread over what the hours leave, so that no run is moved out of them.
            most = self.jitter if found.closes_at is None else min(self.jitter, found.closes_at - found.opens_at)
            return Start(found.opens_at + most * self.share(nominal), found.closes_at, waits)
        return None

    def opens_at(self, instant: datetime) -> datetime | None:
        """When the hours open next, or that they are open; None if that is not in sight."""
        if self.hours is None or self.stretches is None:
            return instant
        found = opening(self.hours, instant, self.stretches)
        return None if found is None else found.opens_at

    def share(self, nominal: str) -> float:
        """The part of the jitter that a slot gets, from 0 to below 1: always the same."""
        drawn = hashlib.sha256(f"jitter\0{self.key}\0{nominal}".encode()).digest()
        return int.from_bytes(drawn[:4], "big") / _PARTS
