"""From wall times to slots: the one place that knows what a clock change does to a schedule.

Any kind that names wall times (cron, rrule, calendar rule) says which, and is walked here, in a zone, under a declared
clock-change policy.

- A **wildcard** schedule follows real time: a wall time that exists twice runs twice, one that does not exist is
  nobody's. What makes a schedule one is its kind's to say.
- Any other schedule names wall times. Those a **gap** removes collapse into one slot at the first
  instant after it: a run, or with ``skip`` a ``dst_gap`` slot. A run that falls on a slot the schedule
  has at that instant anyway is that slot. A wall time in a **fold** gives two slots, and the policy
  says which of them are ``dst_fold`` slots: recorded, not run.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

from jobs.rules.slots import TICK, Slot, SlotKind
from jobs.triggers import contract, zones
from jobs.triggers.contract import DstFold, DstGap

SECOND = timedelta(seconds=1)


class Walls(Protocol):
    """Wall times: naive datetimes in whole seconds, each at most once, made one by one and always the same.

    An end that is not later than the start means none.
    """

    def upward(self, start: datetime, end: datetime) -> Iterator[datetime]:
        """Those from ``start`` (included) up to ``end`` (excluded), ascending."""

    def downward(self, start: datetime, end: datetime) -> Iterator[datetime]:
        """Those from ``start`` (included) down to ``end`` (included), descending."""

    def count(self, start: datetime, end: datetime) -> int:
        """How many lie from ``start`` (included) to ``end`` (excluded); ``end`` is the later one."""


def of(spec: contract.Spec, walls: Walls, *, wildcard: bool = False, window: contract.Window | None = None) -> Trigger:
    """The trigger of a spec that means these wall times; its own bounds unless others are given."""
    return Trigger(
        walls=walls,
        wildcard=wildcard,
        zone=zones.zone(spec.timezone),
        window=window or contract.window(spec),
        gap=DstGap(spec.dst_gap),
        fold=DstFold(spec.dst_fold),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Trigger:
    """See :class:`jobs.rules.slots.Trigger`."""

    walls: Walls
    wildcard: bool
    zone: ZoneInfo
    window: contract.Window
    gap: DstGap
    fold: DstFold

    def after(self, instant: datetime) -> Iterator[Slot]:
        """Slots strictly after ``instant``, ascending."""
        low = max(instant.astimezone(UTC) + TICK, self.window.start)
        for segment in zones.upward(self.zone.key, low):
            if segment.start >= self.window.end:
                return
            gap = self._gap(segment) if segment.start >= low else None
            if gap:
                yield gap
            start, end = _walls_between(segment, low, self.window.end)
            for wall in self.walls.upward(start, end):
                yield self._slot(segment, wall)

    def before(self, instant: datetime, not_before: datetime) -> Iterator[Slot]:
        """Slots from ``instant`` down to ``not_before``, both included."""
        low = max(not_before.astimezone(UTC), self.window.start)
        high = min(instant.astimezone(UTC) + TICK, self.window.end)
        for segment in zones.downward(self.zone.key, high - TICK):
            if segment.end <= low:
                return
            start, end = _walls_between(segment, low, high)
            for wall in self.walls.downward(end - SECOND, start):
                yield self._slot(segment, wall)
            gap = self._gap(segment) if segment.start >= low else None
            if gap:
                yield gap

    def count(self, after: datetime, until: datetime) -> int:
        """Exact, as far as the wall times count exactly."""
        low = max(after.astimezone(UTC) + TICK, self.window.start)
        high = min(until.astimezone(UTC) + TICK, self.window.end)
        total = 0
        for segment in zones.upward(self.zone.key, low):
            if segment.start >= high:
                break
            start, end = _walls_between(segment, low, high)
            total += self.walls.count(start, end) if start < end else 0
            total += segment.start >= low and self._gap(segment) is not None
        return total

    def _slot(self, segment: zones.Segment, wall: datetime) -> Slot:
        nominal = wall.isoformat() + zones.offset_text(segment.offset)
        return Slot(segment.instant(wall), nominal, self._kind(segment, wall))

    def _kind(self, segment: zones.Segment, wall: datetime) -> SlotKind:
        if self.wildcard or self.fold is DstFold.BOTH:
            return SlotKind.RUN
        first, second = self.zone.utcoffset(wall), self.zone.utcoffset(wall.replace(fold=1))
        if first == second:
            return SlotKind.RUN
        runs = first if self.fold is DstFold.FIRST else second
        return SlotKind.RUN if segment.offset == runs else SlotKind.DST_FOLD

    def _gap(self, segment: zones.Segment) -> Slot | None:
        """The slot for what the gap before a segment removed, if the expression names a time in it."""
        if self.wildcard or segment.jump <= timedelta():
            return None
        closes = segment.wall(segment.start)
        removed = next(self.walls.upward(closes - segment.jump, closes), None)
        if removed is None:
            return None
        if self.gap is DstGap.RUN_AFTER_GAP and next(self.walls.upward(closes, closes + SECOND), None):
            return None
        nominal = removed.isoformat() + zones.offset_text(segment.offset - segment.jump)
        return Slot(segment.start, nominal, SlotKind.RUN if self.gap is DstGap.RUN_AFTER_GAP else SlotKind.DST_GAP)


def _walls_between(segment: zones.Segment, low: datetime, high: datetime) -> tuple[datetime, datetime]:
    """The segment's wall times [start, end) whose instants lie in [low, high), in whole seconds."""
    return whole(segment.wall(max(low, segment.start))), whole(segment.wall(min(high, segment.end)))


def whole(wall: datetime) -> datetime:
    """Rounded up: wall times are whole seconds, so nothing lies between."""
    return wall if wall.microsecond == 0 else wall.replace(microsecond=0) + SECOND
