"""Schedules of kind ``rrule``: an RFC 5545 recurrence, counted from ``start_at`` and local to ``timezone``.

``start_at`` is what the RFC calls DTSTART: what the rule leaves out (the weekday, the hour, …) is taken from it, rounded
up to a second, and periods, intervals and ``COUNT`` are counted from it. It is itself an occurrence only if the rule
names it. ``COUNT`` and a local ``UNTIL`` are about wall times: one that a clock change removes or repeats counts once.

A rule finer than a day that names no hours follows real time, as a cron whose hour is ``*`` does.

The wall times are worked out by days and times of a day, never by walking from the beginning: a question about the year
2150 costs what one about tomorrow does. Only COUNT has to be counted, once per rule; it is bounded for that.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import islice

from jobs.rules.slots import TICK
from jobs.triggers import contract, rrule_days, rrule_syntax, rrule_times, wall_clock, zones
from jobs.triggers.rrule_syntax import FINER_THAN_DAYS, Recurrence
from jobs.triggers.wall_clock import SECOND, Walls

NEEDS = "rrule"
#: What does not fire for so many years is refused as what never does; the longest wait of a sound rule is 40 years,
#: for a 29th of February on a given weekday.
_YEARS = 50
#: Beyond every schedule, on every clock.
_FAR = contract.LATEST.replace(tzinfo=None) + timedelta(days=2)
#: No clock is so far from UTC.
_FARTHEST_CLOCK = timedelta(days=2)


def build(spec: contract.Spec) -> wall_clock.Trigger:
    """A trigger of a recurrence rule, or :class:`contract.InvalidSchedule`."""
    contract.refuse_others(spec, "rrule", needs=NEEDS)
    rule = rrule_syntax.parse(spec.rrule)
    if spec.start_at is None:
        raise contract.InvalidSchedule("start_at", "is required: a rule is counted from it")
    window = contract.window(spec)
    anchor = wall_clock.whole(window.start.astimezone(zones.zone(spec.timezone)).replace(tzinfo=None, fold=0))
    walls = _anchored(str(spec.rrule), anchor)
    wildcard = rule.freq in FINER_THAN_DAYS and rule.hours is None
    # Where the rule is over, years to come need not be looked through.
    window = replace(window, end=min(window.end, walls.end.replace(tzinfo=UTC) + _FARTHEST_CLOCK))
    if rule.until is None or rule.until.tzinfo is None:
        return wall_clock.of(spec, walls, wildcard=wildcard, window=window)
    trigger = wall_clock.of(
        spec, walls, wildcard=wildcard, window=replace(window, end=min(window.end, rule.until + SECOND))
    )
    if next(trigger.after(window.start - TICK), None) is None:
        _refuse_until(rule)
    return trigger


@lru_cache(maxsize=1024)
def _anchored(text: str, anchor: datetime) -> _Between:
    """The wall times of a rule from a first one on; shared between schedules, so that COUNT is counted once."""
    rule = rrule_syntax.completed(rrule_syntax.parse(text), anchor)
    walls = _walls(rule, anchor)
    first = next(walls.upward(anchor, min(_FAR, anchor + timedelta(days=366 * _YEARS))), None)
    if first is None:
        raise contract.InvalidSchedule("rrule", f"would not fire within {_YEARS} years of start_at, if ever")
    end = _FAR
    if rule.until is not None and rule.until.tzinfo is None:
        end = rule.until + SECOND
        if first >= end:
            _refuse_until(rule)
    if rule.count is not None:
        last = walls.nth(first, rule.count)
        end = end if last is None else last + SECOND
    return _Between(walls, anchor, end)


def _refuse_until(rule: Recurrence) -> None:
    rule.refuse("UNTIL", "lies before the first time that the rule names from start_at on, so it would never fire")


def _walls(rule: Recurrence, anchor: datetime) -> _Times | _Positions:
    days, times = rrule_days.Days(rule, anchor.date()), rrule_times.of(rule, anchor)
    if isinstance(times, rrule_times.Stepped):
        weekdays = range(7) if rule.weekdays is None else sorted(weekday for weekday, _ in rule.weekdays)
        if not times.reaches_a_time(weekdays):
            part = "INTERVAL" if "INTERVAL" in rule.places else "FREQ"
            rule.refuse(part, "counted from start_at never meets the days and times named")
        return _Times(days, times)
    if rule.positions is None or rule.freq == "DAILY":
        return _Times(days, times)
    return _Positions(rule, days, times.seconds)


class _Times:
    """Every time of every day. See :class:`wall_clock.Walls`."""

    __slots__ = ("_days", "_times")

    def __init__(self, days: rrule_days.Days, times: rrule_times.Times) -> None:
        self._days, self._times = days, times

    def upward(self, start: datetime, end: datetime) -> Iterator[datetime]:
        """Ascending, [start, end)."""
        (first, low), (last, high) = rrule_times.split(start), rrule_times.split(end)
        for day in self._days.upward(first, last):
            for second in self._times.upward(day, low if day == first else 0, high if day == last else rrule_times.DAY):
                yield rrule_times.joined(day, second)

    def downward(self, start: datetime, end: datetime) -> Iterator[datetime]:
        """Descending, both included."""
        (last, high), (first, low) = rrule_times.split(start + SECOND), rrule_times.split(end)
        for day in self._days.downward(last, first):
            for second in self._times.downward(
                day, low if day == first else 0, high if day == last else rrule_times.DAY
            ):
                yield rrule_times.joined(day, second)

    def count(self, start: datetime, end: datetime) -> int:
        """How many, [start, end)."""
        (first, low), (last, high) = rrule_times.split(start), rrule_times.split(end)
        return sum(
            self._times.count(day, low if day == first else 0, high if day == last else rrule_times.DAY)
            for day in self._days.upward(first, last)
        )

    def nth(self, start: datetime, number: int) -> datetime | None:
        """The so manieth one from ``start`` on, counted by days."""
        first, low = rrule_times.split(start)
        for day in self._days.upward(first, _FAR.toordinal()):
            begin = low if day == first else 0
            there = self._times.count(day, begin, rrule_times.DAY)
            if number <= there:
                seconds = self._times.upward(day, begin, rrule_times.DAY)
                return rrule_times.joined(day, next(islice(seconds, number - 1, None)))
            number -= there
        return None


@dataclass(frozen=True, slots=True)
class _Positions:
    """Of each week, month or year those at the positions of BYSETPOS. See :class:`wall_clock.Walls`."""

    rule: Recurrence
    days: rrule_days.Days
    seconds: tuple[int, ...]

    def upward(self, start: datetime, end: datetime) -> Iterator[datetime]:
        """Ascending, [start, end)."""
        numbered = rrule_days.period_of(self.rule.freq, self.rule.week_start)
        for period in range(numbered(start.toordinal()), numbered(end.toordinal()) + 1):
            yield from (wall for wall in self._of(period) if start <= wall < end)

    def downward(self, start: datetime, end: datetime) -> Iterator[datetime]:
        """Descending, both included."""
        numbered = rrule_days.period_of(self.rule.freq, self.rule.week_start)
        for period in range(numbered(start.toordinal()), numbered(end.toordinal()) - 1, -1):
            yield from (wall for wall in reversed(self._of(period)) if end <= wall <= start)

    def count(self, start: datetime, end: datetime) -> int:
        """How many, [start, end)."""
        return sum(1 for _ in self.upward(start, end))

    def nth(self, start: datetime, number: int) -> datetime | None:
        """The so manieth one from ``start`` on."""
        return next(islice(self.upward(start, _FAR), number - 1, None), None)

    def _of(self, period: int) -> list[datetime]:
        days = list(self.days.upward(*rrule_days.days_of(self.rule.freq, self.rule.week_start, period)))
        indexes = rrule_times.chosen(self.rule.positions or frozenset(), len(days) * len(self.seconds))
        return [
            rrule_times.joined(days[index // len(self.seconds)], self.seconds[index % len(self.seconds)])
            for index in indexes
        ]


@dataclass(frozen=True, slots=True)
class _Between:
    """Wall times within [first, end). See :class:`wall_clock.Walls`."""

    walls: Walls
    first: datetime
    end: datetime

    def upward(self, start: datetime, end: datetime) -> Iterator[datetime]:
        """Ascending, [start, end)."""
        low, high = max(start, self.first), min(end, self.end)
        return self.walls.upward(low, high) if low < high else iter(())

    def downward(self, start: datetime, end: datetime) -> Iterator[datetime]:
        """Descending, both included."""
        high, low = min(start, self.end - SECOND), max(end, self.first)
        return self.walls.downward(high, low) if low <= high else iter(())

    def count(self, start: datetime, end: datetime) -> int:
        """How many, [start, end)."""
        low, high = max(start, self.first), min(end, self.end)
        return self.walls.count(low, high) if low < high else 0
