"""The days a recurrence rule names: looked up by the sort of year, which a rule has at most 42 of.

Days are counted as :meth:`datetime.date.toordinal` does.
"""

from __future__ import annotations

import calendar
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from datetime import date
from typing import NamedTuple

from jobs.triggers.rrule_syntax import FINER_THAN_DAYS, Recurrence

_LENGTHS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


class _Sort(NamedTuple):
    """All that decides which days of a year match."""

    weekday: int  # of the first of January, Monday is 0
    leap: bool
    leap_before: bool
    leap_after: bool


class Days:
    """Days that match a completed rule's day parts, in the periods that its interval reaches."""

    __slots__ = ("_by_sort", "_kept", "_rule")

    def __init__(self, rule: Recurrence, anchor: date) -> None:
        self._rule = rule
        self._by_sort: dict[_Sort, tuple[int, ...]] = {}
        self._kept = _kept_by_interval(rule, anchor)

    def upward(self, low: int, high: int) -> Iterator[int]:
        """From ``low`` to ``high``, both included."""
        for year in range(date.fromordinal(low).year, date.fromordinal(high).year + 1):
            first, days = self._of_year(year)
            for day in days[bisect_left(days, low - first) : bisect_right(days, high - first)]:
                if self._kept is None or self._kept(first + day):
                    yield first + day

    def downward(self, high: int, low: int) -> Iterator[int]:
        """From ``high`` down to ``low``, both included."""
        for year in range(date.fromordinal(high).year, date.fromordinal(low).year - 1, -1):
            first, days = self._of_year(year)
            for day in reversed(days[bisect_left(days, low - first) : bisect_right(days, high - first)]):
                if self._kept is None or self._kept(first + day):
                    yield first + day

    def _of_year(self, year: int) -> tuple[int, tuple[int, ...]]:
        first = date(year, 1, 1)
        sort = _Sort(first.weekday(), *(calendar.isleap(near) for near in (year, year - 1, year + 1)))
        if sort not in self._by_sort:
            self._by_sort[sort] = tuple(_matching(self._rule, sort))
        return first.toordinal(), self._by_sort[sort]


def period_of(freq: str, week_start: int) -> Callable[[int], int]:
    """Numbers the periods of a frequency by day."""

    def of_week(day: int) -> int:
        return (day - 1 - week_start) // 7  # day 1 was a Monday

    def of_month(day: int) -> int:
        found = date.fromordinal(day)
        return found.year * 12 + found.month - 1

    def of_year(day: int) -> int:
        return date.fromordinal(day).year

    return {"WEEKLY": of_week, "MONTHLY": of_month, "YEARLY": of_year}.get(freq, int)


def days_of(freq: str, week_start: int, period: int) -> tuple[int, int]:
    """The first and the last day of a period of weeks, months or years."""
    if freq == "WEEKLY":
        first = period * 7 + 1 + week_start
        return first, first + 6
    if freq == "YEARLY":
        return date(period, 1, 1).toordinal(), date(period, 12, 31).toordinal()
    year, month = divmod(period, 12)
    first = date(year, month + 1, 1).toordinal()
    return first, first + calendar.monthrange(year, month + 1)[1] - 1


def _kept_by_interval(rule: Recurrence, anchor: date) -> Callable[[int], bool] | None:
    """Whether a day's period is one of the interval's; None if every one is."""
    if rule.interval == 1 or rule.freq in FINER_THAN_DAYS:
        return None
    numbered = period_of(rule.freq, rule.week_start)
    begin = numbered(anchor.toordinal())
    return lambda day: (numbered(day) - begin) % rule.interval == 0


def _matching(rule: Recurrence, sort: _Sort) -> Iterator[int]:
    """Days of a year, counted from 0."""
    length, offset = 365 + sort.leap, 0
    for month, usual in enumerate(_LENGTHS, 1):
        days = usual + (sort.leap and month == 2)
        if rule.months is None or month in rule.months:
            for day in range(1, days + 1):
                if _fits(rule, sort, _Place(offset + day - 1, length, day, days)):
                    yield offset + day - 1
        offset += days


class _Place(NamedTuple):
    """Where a day stands in its year, from 0, and in its month, from 1."""

    in_year: int
    year_length: int
    in_month: int
    month_length: int


def _fits(rule: Recurrence, sort: _Sort, place: _Place) -> bool:
    if rule.month_days is not None and not _among(rule.month_days, place.in_month, place.month_length):
        return False
    if rule.year_days is not None and not _among(rule.year_days, place.in_year + 1, place.year_length):
        return False
    if rule.week_numbers is not None and not _among(rule.week_numbers, *_week(sort, place.in_year, rule.week_start)):
        return False
    if rule.weekdays is None:
        return True
    weekday = (sort.weekday + place.in_year) % 7
    in_month = rule.freq == "MONTHLY" or rule.months is not None
    passed, left = (
        (place.in_month - 1, place.month_length - place.in_month)
        if in_month
        else (place.in_year, place.year_length - 1 - place.in_year)
    )
    return any(
        each in rule.weekdays for each in ((weekday, 0), (weekday, passed // 7 + 1), (weekday, -(left // 7) - 1))
    )


def _among(chosen: frozenset[int], number: int, length: int) -> bool:
    """``number`` counts from 1; those chosen may count from the end, from -1."""
    return number in chosen or number - length - 1 in chosen


def _week(sort: _Sort, day: int, week_start: int) -> tuple[int, int]:
    """The number of a day's week, and how many weeks the year has that the week belongs to."""
    begins = (sort.weekday - week_start) % 7
    first = -begins if begins <= 3 else 7 - begins  # of the week with at least four days of the year
    if day < first:
        before = _weeks((begins - 365 - sort.leap_before) % 7, sort.leap_before)
        return before, before
    number, weeks = (day - first) // 7 + 1, _weeks(begins, sort.leap)
    if number <= weeks:
        return number, weeks
    return 1, _weeks((begins + 365 + sort.leap) % 7, sort.leap_after)


def _weeks(begins: int, leap: bool) -> int:
    """How many weeks a year has that begins so many days into a week."""
    return 53 if begins == 3 or (leap and begins == 2) else 52
