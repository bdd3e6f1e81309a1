"""The times of a day that a recurrence rule names, in seconds since midnight on the clock.

listed    the same ones each day: rules of days and longer
stepped   every n-th hour, minute or second counted from the first one: which ones differs from day to day
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from itertools import product
from math import gcd
from typing import Protocol

from jobs.triggers.rrule_syntax import UNITS_A_DAY, Recurrence

DAY = 86_400
_HOUR = 3600
#: So many sorts of day are remembered of one rule.
_REMEMBERED = 64


class Times(Protocol):
    """Times of a day within [low, high)."""

    def upward(self, day: int, low: int, high: int) -> Iterator[int]:
        """Ascending."""

    def downward(self, day: int, low: int, high: int) -> Iterator[int]:
        """Descending."""

    def count(self, day: int, low: int, high: int) -> int:
        """How many there are."""


class Listed:
    """The same times on each day."""

    __slots__ = ("seconds",)

    def __init__(self, seconds: Sequence[int]) -> None:
        self.seconds = tuple(seconds)

    def upward(self, day: int, low: int, high: int) -> Iterator[int]:  # noqa: ARG002 - of any day
        """Ascending."""
        yield from self.seconds[bisect_left(self.seconds, low) : bisect_left(self.seconds, high)]

    def downward(self, day: int, low: int, high: int) -> Iterator[int]:  # noqa: ARG002 - of any day
        """Descending."""
        yield from reversed(self.seconds[bisect_left(self.seconds, low) : bisect_left(self.seconds, high)])

    def count(self, day: int, low: int, high: int) -> int:  # noqa: ARG002 - of any day
        """How many there are."""
        return max(0, bisect_left(self.seconds, high) - bisect_left(self.seconds, low))


class Stepped:
    """Every n-th hour, minute or second from the anchor's, where the clock shows one that is wanted.

    ``within`` are the seconds of each such hour or minute that count.
    """

    __slots__ = ("_anchor", "_by_phase", "_hours", "_minutes", "_per_day", "_seconds", "_step", "_unit", "_within")

    def __init__(self, rule: Recurrence, anchor: datetime, within: Sequence[int]) -> None:
        self._per_day, self._step = UNITS_A_DAY[rule.freq], rule.interval
        self._unit = DAY // self._per_day
        self._anchor = anchor.toordinal() * self._per_day + _second_of_day(anchor) // self._unit
        self._hours = sorted(rule.hours) if rule.hours is not None else range(24)
        self._minutes = rule.minutes if rule.freq != "HOURLY" else None
        self._seconds = rule.seconds if rule.freq == "SECONDLY" else None
        self._within = tuple(within)
        self._by_phase: dict[int, tuple[int, ...]] = {}

    def upward(self, day: int, low: int, high: int) -> Iterator[int]:
        """Ascending."""
        if self._is_sparse:
            yield from self._of_day(day, low, high)
            return
        for hour in self._hours:
            if hour * _HOUR >= high:
                return
            if (hour + 1) * _HOUR > low:
                yield from self._of_hour(day, hour, low, high)

    def downward(self, day: int, low: int, high: int) -> Iterator[int]:
        """Descending."""
        if self._is_sparse:
            yield from reversed(list(self._of_day(day, low, high)))
            return
        for hour in reversed(self._hours):
            if (hour + 1) * _HOUR <= low:
                return
            if hour * _HOUR < high:
                yield from reversed(list(self._of_hour(day, hour, low, high)))

    def count(self, day: int, low: int, high: int) -> int:
        """How many there are."""
        return max(0, self._before(day, high) - self._before(day, low))

    def reaches_a_time(self, weekdays: Iterable[int]) -> bool:
        """Whether on one of these weekdays, of some week, a step meets an hour, minute and second that are wanted."""
        per_week, per_hour = 7 * self._per_day, self._per_day // 24
        # From week to week the steps shift by a multiple of what they share with the week.
        shared = gcd(self._step, per_week)
        for weekday in weekdays:
            begin = weekday * self._per_day - self._anchor + self._per_day  # ordinal 1 was a Monday
            for hour in self._hours:
                low = hour * per_hour
                units = range(low + -(begin + low) % shared, low + per_hour, shared)
                if any(map(self._is_wanted, units)):
                    return bool(self._within)
        return False

    @property
    def _is_sparse(self) -> bool:
        """At most one step in an hour: then hours are not looked through one by one."""
        return self._step * self._unit >= _HOUR

    def _of_day(self, day: int, low: int, high: int) -> Iterator[int]:
        for unit in self._units(day, low // self._unit, -(-high // self._unit)):
            if unit * self._unit // _HOUR in self._hours and self._is_wanted(unit):
                for second in self._within:
                    if low <= (at := unit * self._unit + second) < high:
                        yield at

    def _of_hour(self, day: int, hour: int, low: int, high: int) -> Iterator[int]:
        begin, end = max(low, hour * _HOUR), min(high, (hour + 1) * _HOUR)
        for unit in self._units(day, begin // self._unit, -(-end // self._unit)):
            if self._is_wanted(unit):
                for second in self._within:
                    if begin <= (at := unit * self._unit + second) < end:
                        yield at

    def _units(self, day: int, low: int, high: int) -> range:
        """The day's hours, minutes or seconds in [low, high) that a step meets."""
        return range(low + (self._phase(day) - low) % self._step, high, self._step)

    def _phase(self, day: int) -> int:
        return (self._anchor - day * self._per_day) % self._step

    def _is_wanted(self, unit: int) -> bool:
        minute = unit if self._unit == 60 else unit // 60
        if self._minutes is not None and minute % 60 not in self._minutes:
            return False
        return self._seconds is None or unit % 60 in self._seconds

    def _before(self, day: int, second: int) -> int:
        hour = second // _HOUR
        within = sum(1 for _ in self._of_hour(day, hour, 0, second)) if hour in self._hours and second % _HOUR else 0
        return self._by_hour(day)[hour] + within

    def _by_hour(self, day: int) -> tuple[int, ...]:
        """How many there are before each hour of such a day, and before its end."""
        phase = self._phase(day)
        if phase not in self._by_phase:
            if len(self._by_phase) >= _REMEMBERED:
                self._by_phase.clear()
            counts = [0]
            for hour in range(24):
                counts.append(counts[-1] + (self._in_hour(day, hour) if hour in self._hours else 0))
            self._by_phase[phase] = tuple(counts)
        return self._by_phase[phase]

    def _in_hour(self, day: int, hour: int) -> int:
        per_hour = self._per_day // 24
        units = self._units(day, hour * per_hour, (hour + 1) * per_hour)
        if self._minutes is None and self._seconds is None:
            return len(units) * len(self._within)
        return sum(map(self._is_wanted, units)) * len(self._within)


def of(rule: Recurrence, anchor: datetime) -> Listed | Stepped:
    """The times of a completed rule's days. Where a day, hour or minute is a period, BYSETPOS is applied to it."""
    seconds = rule.seconds or ()
    if rule.freq == "SECONDLY":
        return Stepped(rule, anchor, _chosen([0], rule))
    if rule.freq == "MINUTELY":
        return Stepped(rule, anchor, _chosen(sorted(seconds), rule))
    minutes = rule.minutes or ()
    if rule.freq == "HOURLY":
        return Stepped(rule, anchor, _chosen(sorted(m * 60 + s for m, s in product(minutes, seconds)), rule))
    all_day = sorted(h * _HOUR + m * 60 + s for h, m, s in product(rule.hours or (), minutes, seconds))
    return Listed(_chosen(all_day, rule) if rule.freq == "DAILY" else all_day)


def _chosen(times: Sequence[int], rule: Recurrence) -> Sequence[int]:
    return times if rule.positions is None else [times[index] for index in chosen(rule.positions, len(times))]


def chosen(positions: frozenset[int], length: int) -> list[int]:
    """Which of so many, from 0 and ascending, stand at positions that count from 1, or from the end by -1."""
    return sorted({each - 1 if each > 0 else length + each for each in positions if abs(each) <= length})


def _second_of_day(wall: datetime) -> int:
    return wall.hour * _HOUR + wall.minute * 60 + wall.second


def split(wall: datetime) -> tuple[int, int]:
    """A wall time as day and second of the day."""
    return wall.toordinal(), _second_of_day(wall)


def joined(day: int, second: int) -> datetime:
    """The same backwards."""
    found = date.fromordinal(day)
    hour, rest = divmod(second, _HOUR)
    return datetime(found.year, found.month, found.day, hour, rest // 60, rest % 60)  # noqa: DTZ001 - a wall time
