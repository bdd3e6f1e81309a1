"""Schedules of kind ``calendar``: one day of each week, month, quarter or year, by business days if it likes.

Business days are those of the schedule's calendars, or Monday to Friday. A day that a period has not (the 31st of June,
a fifth Friday) is left out. Weeks begin on Monday.

``shift`` moves a day without business to the nearest one before or after it that has some, at most a month away and
also into another period; beyond that the slot is left out. Two that are moved to one day are one.
"""

from __future__ import annotations

import calendar
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache

from jobs.rules.calendars import CalendarUse, OnHit, is_business_day
from jobs.triggers import calendar_syntax, contract, rrule_times, wall_clock
from jobs.triggers.calendar_syntax import CalendarRule

NEEDS = "rule"
SCHEMA = calendar_syntax.SCHEMA
#: How far a day may be shifted.
FARTHEST = 31
_BEGIN = contract.EARLIEST.replace(tzinfo=None)


def build(spec: contract.Spec) -> wall_clock.Trigger:
    """A trigger of a calendar rule, or :class:`contract.InvalidSchedule`."""
    contract.refuse_others(spec, "calendar", needs=NEEDS)
    rule, window = calendar_syntax.parse(spec.rule), contract.window(spec)
    if not _fires(rule):
        raise contract.InvalidSchedule("rule", "names a day that never comes, so it would never fire")
    return wall_clock.of(spec, _Walls(rule, spec.calendars), window=window)


@lru_cache(maxsize=1024)
def _fires(rule: CalendarRule) -> bool:
    """Whether the day ever comes, whatever the calendars say. In 28 years each date falls on each weekday."""
    return next(_Walls(rule, ()).upward(_BEGIN, _BEGIN.replace(year=_BEGIN.year + 28)), None) is not None


@dataclass(frozen=True, slots=True)
class _Walls:
    """See :class:`wall_clock.Walls`."""

    rule: CalendarRule
    calendars: tuple[CalendarUse, ...]

    def upward(self, start: datetime, end: datetime) -> Iterator[datetime]:
        """Ascending, [start, end)."""
        for day in self._days(start.toordinal(), end.toordinal()):
            for second in self.rule.at:
                if start <= (wall := rrule_times.joined(day, second)) < end:
                    yield wall

    def downward(self, start: datetime, end: datetime) -> Iterator[datetime]:
        """Descending, both included."""
        for day in self._days(start.toordinal(), end.toordinal(), step=-1):
            for second in reversed(self.rule.at):
                if end <= (wall := rrule_times.joined(day, second)) <= start:
                    yield wall

    def count(self, start: datetime, end: datetime) -> int:
        """How many, [start, end)."""
        return sum(1 for _ in self.upward(start, end))

    def _days(self, begin: int, end: int, *, step: int = 1) -> Iterator[int]:
        """The rule's days from ``begin`` to ``end`` or, if ``step`` is -1, down to it, both included; each once."""
        # A day of a period near by may have been shifted to here.
        first = self._period(begin - step * FARTHEST * (self.rule.shift is not None))
        last = self._period(end + step * FARTHEST * (self.rule.shift is not None))
        known = None
        for period in range(first, last + step, step):
            day = self._day_of(period)
            if day is not None and day != known and begin * step <= day * step <= end * step:
                known = day
                yield day

    def _period(self, day: int) -> int:
        if self.rule.every == "week":
            return (day - 1) // 7  # ordinal 1 was a Monday
        found = date.fromordinal(day)
        months = found.year * 12 + found.month - 1
        return months // _MONTHS[self.rule.every]

    def _day_of(self, period: int) -> int | None:
        first, last = self._bounds(period)
        if self.rule.months is not None and date.fromordinal(first).month not in self.rule.months:
            return None
        if self.rule.by == "business_day":
            return self._business_day(first, last)
        day = self._plain_day(first, last)
        return day if day is None or self.rule.shift is None else self._shifted(day, self.rule.shift)

    def _bounds(self, period: int) -> tuple[int, int]:
        """The first and the last day of a period."""
        if self.rule.every == "week":
            return period * 7 + 1, period * 7 + 7
        months = _MONTHS[self.rule.every]
        year, month = divmod(period * months, 12)
        last_year, last_month = divmod(period * months + months - 1, 12)
        last = date(last_year, last_month + 1, calendar.monthrange(last_year, last_month + 1)[1])
        return date(year, month + 1, 1).toordinal(), last.toordinal()

    def _plain_day(self, first: int, last: int) -> int | None:
        nth, step = self.rule.nth, 1
        if self.rule.weekday is not None:
            step = 7
            first += (self.rule.weekday - (first - 1)) % 7
            last -= (last - 1 - self.rule.weekday) % 7
        day = first + (nth - 1) * step if nth > 0 else last + (nth + 1) * step
        return day if first <= day <= last else None

    def _business_day(self, first: int, last: int) -> int | None:
        left = abs(self.rule.nth)
        for day in range(first, last + 1) if self.rule.nth > 0 else range(last, first - 1, -1):
            left -= self._has_business(day)
            if left == 0:
                return day
        return None

    def _shifted(self, day: int, shift: OnHit) -> int | None:
        step = -1 if shift is OnHit.PREVIOUS else 1
        near = range(day, day + step * (FARTHEST + 1), step)
        return next((each for each in near if self._has_business(each)), None)

    def _has_business(self, day: int) -> bool:
        return is_business_day(date.fromordinal(day), self.calendars)


_MONTHS = {"month": 1, "quarter": 3, "year": 12}
