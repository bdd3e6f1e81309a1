"""Schedules of kind ``interval``: a fixed step of real time, counted from an anchor.

The anchor is ``start_at``, itself the first slot. Because it is stored, restarts and edits of other
fields do not shift the beat. The arithmetic is UTC, so clock changes pass unnoticed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from jobs.rules.slots import TICK, Slot
from jobs.triggers import contract

NEEDS = "interval_seconds"
LONGEST = 10 * 365 * 86_400


def build(spec: contract.Spec) -> IntervalTrigger:
    """An interval trigger, or :class:`contract.InvalidSchedule`."""
    contract.refuse_others(spec, "interval", needs=NEEDS)
    seconds = spec.interval_seconds
    if not isinstance(seconds, int) or isinstance(seconds, bool):
        raise contract.InvalidSchedule("interval_seconds", "must be a whole number of seconds")
    if not 1 <= seconds <= LONGEST:
        raise contract.InvalidSchedule("interval_seconds", f"must be 1 to {LONGEST} (ten years)")
    if spec.start_at is None:
        raise contract.InvalidSchedule("start_at", "is required: an interval is counted from it")
    return IntervalTrigger(timedelta(seconds=seconds), contract.window(spec))


@dataclass(frozen=True, slots=True)
class IntervalTrigger:
    """See :class:`jobs.rules.slots.Trigger`."""

    step: timedelta
    window: contract.Window

    def after(self, instant: datetime) -> Iterator[Slot]:
        """Slots strictly after ``instant``, ascending."""
        at = self.window.start + self.step * self._index(instant)
        while at < self.window.end:
            yield _slot(at)
            at += self.step

    def before(self, instant: datetime, not_before: datetime) -> Iterator[Slot]:
        """Slots from ``instant`` down to ``not_before``, both included."""
        low = max(not_before, self.window.start)
        at = self.window.start + self.step * (self._index(instant) - 1)
        while at >= low:
            yield _slot(at)
            at -= self.step

    def count(self, after: datetime, until: datetime) -> int:
        """Exact, by arithmetic."""
        return max(0, self._index(until) - self._index(after))

    def _index(self, instant: datetime) -> int:
        """How many slots lie at or before an instant."""
        last = min(instant, self.window.end - TICK)
        return max(0, (last - self.window.start) // self.step + 1)


def _slot(at: datetime) -> Slot:
    return Slot(at, at.isoformat())
