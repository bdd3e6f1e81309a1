"""A schedule under calendars: the slots of any kind, but for those on days that are hit. Pure.

    inner    Mon    Tue    Wed(holiday)    Thu
    skip     run    run    HOLIDAY         run
    next     run    run                    run, and Wednesday's too if nothing runs at that hour on Thursday anyway

A slot's day is its date on the schedule's clock. One that is shifted keeps its nominal time, and with it its identity;
it takes place at the same wall time on the nearest business day, by the schedule's clock-change policy. Where a slot
of its kind takes place at that instant anyway, it is that slot. It is left out as a holiday where no business day is
within :data:`FARTHEST` days, where the schedule's bounds end before, and on days with more than :data:`MOST_SHIFTED` slots.

What arrives on a day can only come from the days right before and after it, so slots are still made one by one.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import chain
from typing import Self
from zoneinfo import ZoneInfo

from jobs.rules.calendars import CalendarUse, OnHit, hit_by, is_business_day
from jobs.rules.slots import TICK, Slot, SlotKind, Trigger
from jobs.triggers import contract, zones
from jobs.triggers.contract import DstFold, DstGap

#: A business day farther away is none to shift to.
FARTHEST = 31
#: A day with more slots than this is skipped whole: a day's work does not fit into another one.
MOST_SHIFTED = 100

_DAY = timedelta(days=1)
_STEPS = {OnHit.PREVIOUS: -_DAY, OnHit.NEXT: _DAY}
#: Beyond this nothing moves: as far as a slot is shifted, and a day for the zones.
_REACH = timedelta(days=FARTHEST + 2)
#: Slots of one instant: what a gap removed comes first, as in :mod:`jobs.triggers.cron`.
_RANKS = {SlotKind.DST_GAP: 0, SlotKind.DST_FOLD: 1, SlotKind.RUN: 2, SlotKind.HOLIDAY: 3}


@dataclass(frozen=True, slots=True, kw_only=True)
class BusinessDays:
    """See :class:`jobs.rules.slots.Trigger`."""

    inner: Trigger
    uses: tuple[CalendarUse, ...]
    zone: ZoneInfo
    window: contract.Window
    gap: DstGap
    fold: DstFold

    @classmethod
    def of(cls, inner: Trigger, spec: contract.Spec) -> Self:
        """What a spec's calendars make of a trigger."""
        return cls(
            inner=inner,
            uses=spec.calendars,
            zone=zones.zone(spec.timezone),
            window=contract.window(spec),
            gap=DstGap(spec.dst_gap),
            fold=DstFold(spec.dst_fold),
        )

    @property
    def shifts(self) -> bool:
        """Whether any slot may take place on another day."""
        return any(use.on_hit is not OnHit.SKIP for use in self.uses)

    def after(self, instant: datetime) -> Iterator[Slot]:
        """Slots strictly after ``instant``, ascending."""
        low = instant.astimezone(UTC)
        return self._merged(self.inner.after(low), _Walk(self), low, None, 1)

    def before(self, instant: datetime, not_before: datetime) -> Iterator[Slot]:
        """Slots from ``instant`` down to ``not_before``, both included."""
        high, low = instant.astimezone(UTC) + TICK, not_before.astimezone(UTC) - TICK
        return self._merged(self.inner.before(instant, not_before), _Walk(self), high, low, -1)

    def count(self, after: datetime, until: datetime) -> int:
        """Exact. Only where slots are shifted, those of days that are hit are made, a hundred a day at most."""
        total = self.inner.count(after, until)
        if not self.shifts or until <= after:
            return total
        walk, low, high = _Walk(self), after.astimezone(UTC), until.astimezone(UTC)
        for day in _each(walk.day(low) - _DAY, walk.day(high) + _DAY):
            total -= sum(low < origin.at <= high for origin, _ in walk.leaving(day))
            total += sum(low < landed.at <= high for landed in walk.landings(day))
        return total

    def _merged(
        self, slots: Iterator[Slot], walk: _Walk, start: datetime, end: datetime | None, sign: int
    ) -> Iterator[Slot]:
        """``slots`` as far as they stay, and among them what lands between the bounds, both excluded.

        ``sign`` is the way they go. Days that no slot can reach are not looked at.
        """
        if not self.shifts:
            yield from (kept for slot in slots if (kept := walk.kept(slot)))
            return
        waiting: list[tuple[_Place, Slot]] = []
        last = walk.day(start)
        scanned = last - 2 * sign * _DAY
        for slot in chain(slots, (None,)):
            goal = walk.goal(slot, end, last, sign)
            for day in _reachable(scanned, last, goal, sign):
                scanned = day
                for landed in walk.landings(day):
                    if (landed.at - start) * sign > timedelta() and (end is None or landed.at > end):
                        heapq.heappush(waiting, (_place(landed, sign), landed))
            while waiting and (slot is None or waiting[0][0] < _place(slot, sign)):
                yield heapq.heappop(waiting)[1]
            if slot is not None:
                last = walk.day(slot.at)
                if kept := walk.kept(slot):
                    yield kept


class _Walk:
    """One walk over the days of a trigger: what it finds out of a day it keeps."""

    def __init__(self, of: BusinessDays) -> None:
        self._of = of
        self._hits: dict[date, CalendarUse | None] = {}
        self._leaving: dict[date, list[tuple[Slot, Slot]]] = {}

    def day(self, at: datetime) -> date:
        """The schedule's date at an instant."""
        return at.astimezone(self._of.zone).date()

    def goal(self, slot: Slot | None, end: datetime | None, last: date, sign: int) -> date:
        """The last day on which something may land before ``slot``, or before the end."""
        if slot is not None:
            return self.day(slot.at) + sign * _DAY
        return self.day(end) - _DAY if end is not None else last + sign * _REACH

    def kept(self, slot: Slot) -> Slot | None:
        """The slot as it is recorded on its own day, or None if it is shifted to another."""
        day = self.day(slot.at)
        if slot.kind is not SlotKind.RUN or self._hit(day) is None:
            return slot
        if any(origin == slot for origin, _ in self.leaving(day)):
            return None
        return Slot(slot.at, slot.nominal, SlotKind.HOLIDAY)

    def leaving(self, day: date) -> list[tuple[Slot, Slot]]:
        """The slots of a day that take place on another, as they would have been and as they are."""
        if day not in self._leaving:
            self._leaving[day] = list(self._shifted(day))
        return self._leaving[day]

    def landings(self, day: date) -> list[Slot]:
        """What comes to a day from others and is not there anyway, in order."""
        found: dict[tuple[datetime, SlotKind], Slot] = {}
        for origin in self._sources(day):
            for _, landed in self.leaving(origin):
                if (landed.at, landed.kind) not in found and not self._is_there(landed):
                    found[landed.at, landed.kind] = landed
        return sorted(found.values(), key=lambda slot: _place(slot, 1))

    def _shifted(self, day: date) -> Iterator[tuple[Slot, Slot]]:
        use = self._hit(day)
        target = self._target(day, use) if use and use.on_hit in _STEPS else None
        if target is None:
            return
        start, end = self._bounds(day)
        if self._of.inner.count(start - TICK, end - TICK) > MOST_SHIFTED:
            return
        for slot in self._of.inner.after(start - TICK):
            if slot.at >= end:
                return
            if slot.kind is SlotKind.RUN and self.day(slot.at) == day:
                landed = self._landed(slot, target)
                if landed is not None:
                    yield slot, landed

    def _sources(self, day: date) -> Iterator[date]:
        """The days whose slots are shifted to this one, first to last."""
        if not is_business_day(day, self._of.uses):
            return iter(())
        found = [
            other
            for way, step in _STEPS.items()
            for other in self._idle(day, -step)
            if (use := self._hit(other)) is not None and use.on_hit is way
        ]
        return iter(sorted(found))

    def _idle(self, day: date, step: timedelta) -> Iterator[date]:
        for _ in range(FARTHEST):
            day += step
            if is_business_day(day, self._of.uses):
                return
            yield day

    def _target(self, day: date, use: CalendarUse) -> date | None:
        for _ in range(FARTHEST):
            day += _STEPS[use.on_hit]
            if is_business_day(day, self._of.uses):
                return day
        return None

    def _landed(self, slot: Slot, target: date) -> Slot | None:
        """The slot on its business day; None if the clocks or the schedule's bounds leave it no place there."""
        wall = datetime.combine(target, self._wall(slot))
        at, kind = _instant(self._of, wall)
        within = self._of.window.start <= at < self._of.window.end
        return Slot(at, slot.nominal, kind) if within and self.day(at) == target else None

    def _wall(self, slot: Slot) -> time:
        """What the clock shows, or what the schedule names where clocks leave that out."""
        local = slot.at.astimezone(self._of.zone)
        named = datetime.fromisoformat(slot.nominal)
        moved = named != slot.at and named.date() == local.date()
        return (named if moved else local).time()

    def _is_there(self, landed: Slot) -> bool:
        return any(slot.kind is landed.kind for slot in self._of.inner.before(landed.at, landed.at))

    def _hit(self, day: date) -> CalendarUse | None:
        if day not in self._hits:
            self._hits[day] = hit_by(day, self._of.uses)
        return self._hits[day]

    def _bounds(self, day: date) -> tuple[datetime, datetime]:
        """From when to when it may be that day, however clocks are changed at its midnights."""
        return min(self._midnights(day)), max(self._midnights(day + _DAY))

    def _midnights(self, day: date) -> list[datetime]:
        midnight = datetime.combine(day, time(), self._of.zone)
        return [midnight.replace(fold=fold).astimezone(UTC) for fold in (0, 1)]


def instants(zone: ZoneInfo, wall: datetime) -> tuple[datetime, ...]:
    """When a wall time is: twice where clocks are put back, and where they leave it out at the end of that gap."""
    first, second = (zone.utcoffset(wall.replace(fold=fold)) for fold in (0, 1))
    assert first is not None
    assert second is not None
    if first == second:
        return ((wall - first).replace(tzinfo=UTC),)
    if first > second:
        return (wall - first).replace(tzinfo=UTC), (wall - second).replace(tzinfo=UTC)
    before = (wall - second).replace(tzinfo=UTC)
    return (next(segment.start for segment in zones.upward(zone.key, before) if segment.start > before),)


def _instant(of: BusinessDays, wall: datetime) -> tuple[datetime, SlotKind]:
    """When a wall time is, by the schedule's clock-change policy."""
    found = instants(of.zone, wall)
    at = found[-1] if of.fold is DstFold.SECOND else found[0]
    is_there = at.astimezone(of.zone).replace(tzinfo=None, fold=0) == wall
    return at, SlotKind.RUN if is_there or of.gap is not DstGap.SKIP else SlotKind.DST_GAP


#: Where a slot stands on a walk.
_Place = tuple[int, int]


def _place(slot: Slot, sign: int) -> _Place:
    return (slot.at - contract.EARLIEST) // TICK * sign, _RANKS[slot.kind] * sign


def _each(first: date, last: date) -> Iterator[date]:
    return (first + number * _DAY for number in range((last - first).days + 1))


def _reachable(scanned: date, last: date, goal: date, sign: int) -> Iterator[date]:
    """Days after ``scanned`` up to ``goal`` but those too far from ``last`` and from ``goal`` for anything to land on."""
    day = scanned + sign * _DAY
    while (goal - day) * sign >= timedelta():
        if (day - last) * sign > _REACH and (goal - day) * sign > _REACH:
            day = goal - sign * _REACH
        yield day
        day += sign * _DAY
