"""The wall times a cron expression names: a calendar without zones, walked up, down or counted.

Wall times are naive datetimes on purpose: which instant one is, if any, only a zone can say.
A month is known by its first weekday and its length, so the days of all 28 sorts of month are worked
out once per expression; what remains is looking up sorted tuples.
"""

from __future__ import annotations

import calendar
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

#: How long each month can be.
_LENGTHS = {month: (30,) if month in {4, 6, 9, 11} else (31,) for month in range(1, 13)} | {2: (28, 29)}

Days = tuple[int, ...]
Cut = Callable[[Days, int | None], Days]


@dataclass(frozen=True, slots=True, kw_only=True)
class DayRule:
    """Which days of a month match. A field that is ``*`` is None, or empty; weekdays count from Sunday, 0."""

    month_days: frozenset[int] | None = None
    last_day: bool = False
    nearest_weekday: int | None = None
    weekdays: frozenset[int] | None = None
    #: (weekday, n): the n-th such weekday of the month; 0 is the last one.
    nth_weekdays: frozenset[tuple[int, int]] = frozenset()

    def days(self, first_weekday: int, length: int) -> Days:
        """The matching days of a month of ``length`` days that begins on ``first_weekday`` (Monday is 0)."""
        by_date = self._by_date(first_weekday, length)
        by_weekday = self._by_weekday(first_weekday, length)
        if by_date is None and by_weekday is None:
            return tuple(range(1, length + 1))
        return tuple(sorted((by_date or set()) | (by_weekday or set())))

    def _by_date(self, first_weekday: int, length: int) -> set[int] | None:
        if self.nearest_weekday is not None:
            return {_nearest_weekday(min(self.nearest_weekday, length), first_weekday, length)}
        if self.month_days is None:
            return None
        return {day for day in self.month_days if day <= length} | ({length} if self.last_day else set())

    def _by_weekday(self, first_weekday: int, length: int) -> set[int] | None:
        if self.weekdays is None and not self.nth_weekdays:
            return None
        chosen = set()
        for day in range(1, length + 1):
            weekday = (first_weekday + day) % 7
            nth = (weekday, (day + 6) // 7)
            last = day + 7 > length and (weekday, 0) in self.nth_weekdays
            if weekday in (self.weekdays or ()) or nth in self.nth_weekdays or last:
                chosen.add(day)
        return chosen


def _nearest_weekday(day: int, first_weekday: int, length: int) -> int:
    """Monday to Friday nearest to a day, without leaving its month."""
    weekday = (first_weekday + day - 1) % 7
    if weekday == 5:
        return day - 1 if day > 1 else day + 2
    if weekday == 6:
        return day + 1 if day < length else day - 2
    return day


class _Direction(NamedTuple):
    step: int
    cut: Cut


def _from(values: Days, bound: int | None) -> Days:
    return values if bound is None else values[bisect_left(values, bound) :]


def _down_from(values: Days, bound: int | None) -> Days:
    return (values if bound is None else values[: bisect_right(values, bound)])[::-1]


_UP = _Direction(1, _from)
_DOWN = _Direction(-1, _down_from)


class Named(NamedTuple):
    """What wall times are named by; each ascending."""

    seconds: Days
    minutes: Days
    hours: Days
    months: Days
    days: DayRule


class WallTimes:
    """All wall times with one of the given seconds, minutes, hours and months on a matching day."""

    __slots__ = ("_days", "_hours", "_minutes", "_months", "_seconds", "named")

    def __init__(
        self,
        *,
        seconds: Iterable[int],
        minutes: Iterable[int],
        hours: Iterable[int],
        months: Iterable[int],
        days: DayRule,
    ) -> None:
        self._seconds, self._minutes, self._hours = (tuple(sorted(values)) for values in (seconds, minutes, hours))
        self._months = frozenset(months)
        #: What was named, for who puts it into words.
        self.named = Named(self._seconds, self._minutes, self._hours, tuple(sorted(self._months)), days)
        self._days = {
            (weekday, length): days.days(weekday, length) for weekday in range(7) for length in (28, 29, 30, 31)
        }

    @property
    def empty(self) -> bool:
        """True if no year has a matching day."""
        return not any(
            self._days[weekday, length] for month in self._months for length in _LENGTHS[month] for weekday in range(7)
        )

    def upward(self, start: datetime, end: datetime) -> Iterator[datetime]:
        """Wall times from ``start`` (included) up to ``end`` (excluded)."""
        for wall in self._walk(start, end, _UP):
            if wall >= end:
                return
            yield wall

    def downward(self, start: datetime, end: datetime) -> Iterator[datetime]:
        """Wall times from ``start`` (included) down to ``end`` (included)."""
        for wall in self._walk(start, end, _DOWN):
            if wall < end:
                return
            yield wall

    def count(self, start: datetime, end: datetime) -> int:
        """How many wall times lie from ``start`` (included) to ``end`` (excluded)."""
        index, last = _month_index(start), _month_index(end)
        days = sum(len(self._days_of(month)) for month in range(index, last))
        full_days = days - self._days_before(index, start.day) + self._days_before(last, end.day)
        per_day = len(self._hours) * len(self._minutes) * len(self._seconds)
        return full_days * per_day - self._times_before(start) + self._times_before(end)

    def _walk(self, start: datetime, end: datetime, direction: _Direction) -> Iterator[datetime]:
        first, last = _month_index(start), _month_index(end)
        for index in range(first, last + direction.step, direction.step):
            year, month = divmod(index, 12)
            for day in direction.cut(self._days_of(index), start.day if index == first else None):
                bound = start if index == first and day == start.day else None
                for hour, minute, second in self._times(bound, direction.cut):
                    yield datetime(year, month + 1, day, hour, minute, second)  # noqa: DTZ001 - a wall time

    def _times(self, bound: datetime | None, cut: Cut) -> Iterator[tuple[int, int, int]]:
        for hour in cut(self._hours, bound.hour if bound else None):
            in_hour = bound if bound and hour == bound.hour else None
            for minute in cut(self._minutes, in_hour.minute if in_hour else None):
                in_minute = in_hour if in_hour and minute == in_hour.minute else None
                for second in cut(self._seconds, in_minute.second if in_minute else None):
                    yield hour, minute, second

    def _days_of(self, index: int) -> Days:
        year, month = divmod(index, 12)
        return self._days[calendar.monthrange(year, month + 1)] if month + 1 in self._months else ()

    def _days_before(self, index: int, day: int) -> int:
        return bisect_left(self._days_of(index), day)

    def _times_before(self, wall: datetime) -> int:
        """Matching times of the wall time's own day that are earlier; none if the day does not match."""
        if wall.day not in self._days_of(_month_index(wall)):
            return 0
        earlier = bisect_left(self._hours, wall.hour) * len(self._minutes) * len(self._seconds)
        if wall.hour in self._hours:
            earlier += bisect_left(self._minutes, wall.minute) * len(self._seconds)
            if wall.minute in self._minutes:
                earlier += bisect_left(self._seconds, wall.second)
        return earlier


def _month_index(wall: datetime) -> int:
    return wall.year * 12 + wall.month - 1
