"""Maintenance windows: when one is open, and what it means for slots. Pure.

──slot──[opens_at ───slot───slot─── closes_at)──slot──
           hold: not planned; at the end the misfire policy decides
           skip: skipped, BLACKOUT
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import islice, pairwise

from jobs.rules.slots import TICK, SlotKind, Trigger

#: Occurrences of one window that are looked through.
MOST = 1000


class Action(StrEnum):
    """What a window does to what is in its scope while it is open."""

    HOLD = "hold"
    SKIP = "skip"


@dataclass(frozen=True, slots=True)
class Occurrence:
    """[opens_at, closes_at)."""

    opens_at: datetime
    closes_at: datetime

    def covers(self, instant: datetime) -> bool:
        """Whether it is open then."""
        return self.opens_at <= instant < self.closes_at

    def cut(self, since: datetime | None, until: datetime | None) -> Occurrence | None:
        """What of it lies between; None if nothing does."""
        opens_at = self.opens_at if since is None else max(self.opens_at, since)
        closes_at = self.closes_at if until is None else min(self.closes_at, until)
        return Occurrence(opens_at, closes_at) if opens_at < closes_at else None


def occurrences(trigger: Trigger, length: timedelta, *, since: datetime) -> Iterator[Occurrence]:
    """Those that are not over at ``since``, in order."""
    for slot in trigger.after(since - length):
        if slot.kind is SlotKind.RUN:
            yield Occurrence(slot.at, slot.at + length)


def overlapping(trigger: Trigger, length: timedelta, *, since: datetime) -> tuple[Occurrence, Occurrence] | None:
    """The first two of the next ones of which the second opens before the first closes."""
    for one, other in pairwise(islice(occurrences(trigger, length, since=since), MOST)):
        if other.opens_at < one.closes_at:
            return one, other
    return None


def end_of(open_at: datetime, found: Iterable[Occurrence]) -> datetime | None:
    """When the last of those closes that follow on one another from an instant; None if none is open then."""
    until = open_at
    for one in sorted(found, key=lambda one: one.opens_at):
        if one.covers(until):
            until = one.closes_at
    return until if until > open_at else None


def clear_until(now: datetime, horizon: datetime, found: Iterable[Occurrence]) -> datetime:
    """The horizon, or the last instant before one opens."""
    return min([horizon, *(one.opens_at - TICK for one in found if now < one.opens_at <= horizon)])
