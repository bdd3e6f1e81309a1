"""An independent reading of recurrence rules and calendar rules: look at every day and minute, and count on fingers.

Nothing here is shared with the product. Slow and plain. Each class says of a wall time whether it is meant.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from functools import cache
from typing import Any

ONE = timedelta(days=1)
NAMES = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"]


def numbers(parts: dict[str, str], name: str) -> list[int] | None:
    return [int(text) for text in parts[name].split(",")] if name in parts else None


class RuleWalker:
    """A rule of RFC 5545 from its first wall time on. No seconds but the anchor's, which must be 0."""

    def __init__(self, text: str, anchor: datetime) -> None:
        self.parts = dict(part.split("=") for part in text.split(";"))
        self.anchor = anchor
        self.freq = self.parts["FREQ"]
        self.interval = int(self.parts.get("INTERVAL", 1))
        self.first_weekday = NAMES.index(self.parts.get("WKST", "MO"))
        self.wildcard = self.freq in ("HOURLY", "MINUTELY") and "BYHOUR" not in self.parts
        self.of_day = cache(self._of_day)
        self.of_period = cache(self._of_period)
        self.last = self._last()

    def matches(self, wall: datetime) -> bool:
        return self.anchor <= wall <= self.last and wall in self.of_day(wall.date())

    def _last(self) -> datetime:
        if "UNTIL" in self.parts:
            return datetime.strptime(self.parts["UNTIL"], "%Y%m%dT%H%M%S")  # noqa: DTZ007 - a wall time
        if "COUNT" in self.parts:
            found: list[datetime] = []
            day = self.anchor.date()
            while len(found) < int(self.parts["COUNT"]) and day.year < 2060:
                found += sorted(wall for wall in self.of_day(day) if wall >= self.anchor)
                day += ONE
            if len(found) >= int(self.parts["COUNT"]):
                return found[int(self.parts["COUNT"]) - 1]
        return datetime(9999, 1, 1)  # noqa: DTZ001 - a wall time

    def _of_day(self, day: date) -> frozenset[datetime]:
        """Every wall time of one day, before the anchor as well."""
        if "BYSETPOS" in self.parts:
            return frozenset(wall for wall in self.of_period(self.period(day)) if wall.date() == day)
        return frozenset(self._candidates(day))

    def _of_period(self, period: Any) -> frozenset[datetime]:
        """Those of one period that BYSETPOS leaves."""
        ordered = sorted(wall for day in self._days_in(period) for wall in self._candidates(day))
        positions = numbers(self.parts, "BYSETPOS") or []
        return frozenset(
            wall for index, wall in enumerate(ordered) if index + 1 in positions or index - len(ordered) in positions
        )

    def period(self, day: date) -> date:
        """The first day of the period that a day is in."""
        if self.freq == "YEARLY":
            return day.replace(month=1, day=1)
        if self.freq == "MONTHLY":
            return day.replace(day=1)
        return self.week(day) if self.freq == "WEEKLY" else day

    def week(self, day: date) -> date:
        while day.weekday() != self.first_weekday:
            day -= ONE
        return day

    def _days_in(self, period: date) -> Iterator[date]:
        day = period
        while self.period(day) == period:
            yield day
            day += ONE

    def _candidates(self, day: date) -> Iterator[datetime]:
        if self._is_in_interval(day) and self._fits(day):
            hours, minutes = numbers(self.parts, "BYHOUR"), numbers(self.parts, "BYMINUTE")
            for hour in range(24):
                for minute in range(60):
                    wall = datetime.combine(day, time(hour, minute))
                    if self._is_time(wall, hours, minutes):
                        yield wall

    def _is_time(self, wall: datetime, hours: list[int] | None, minutes: list[int] | None) -> bool:
        passed = (wall - datetime.combine(self.anchor.date(), time())) // timedelta(minutes=1)
        begin = self.anchor.hour * 60 + self.anchor.minute
        if self.freq == "MINUTELY":
            on_time = (passed - begin) % self.interval == 0
            return on_time and (hours is None or wall.hour in hours) and (minutes is None or wall.minute in minutes)
        if wall.minute not in (minutes or [self.anchor.minute]):
            return False
        if self.freq == "HOURLY":
            return (passed // 60 - begin // 60) % self.interval == 0 and (hours is None or wall.hour in hours)
        return wall.hour in (hours or [self.anchor.hour])

    def _is_in_interval(self, day: date) -> bool:
        begin = self.anchor.date()
        passed = {
            "YEARLY": day.year - begin.year,
            "MONTHLY": (day.year - begin.year) * 12 + day.month - begin.month,
            "WEEKLY": (self.week(day) - self.week(begin)).days // 7,
            "DAILY": (day - begin).days,
        }
        return passed.get(self.freq, 0) % self.interval == 0

    def _fits(self, day: date) -> bool:
        parts = self.parts
        named = {"BYDAY", "BYMONTHDAY", "BYYEARDAY", "BYWEEKNO"} & set(parts)
        months = numbers(parts, "BYMONTH")
        if months is None and self.freq == "YEARLY" and not named:
            months = [self.anchor.month]
        month_days = numbers(parts, "BYMONTHDAY")
        if month_days is None and self.freq in ("YEARLY", "MONTHLY") and not named:
            month_days = [self.anchor.day]
        weekdays = parts["BYDAY"].split(",") if "BYDAY" in parts else None
        if weekdays is None and self.freq == "WEEKLY":
            weekdays = [NAMES[self.anchor.weekday()]]
        next_month = (day.replace(day=1) + 31 * ONE).replace(day=1)
        next_year = date(day.year + 1, 1, 1)
        in_year = (day - date(day.year, 1, 1)).days + 1
        if months is not None and day.month not in months:
            return False
        if month_days is not None and not {day.day, (day - next_month).days} & set(month_days):
            return False
        if not {in_year, (day - next_year).days} & set(numbers(parts, "BYYEARDAY") or [in_year]):
            return False
        if "BYWEEKNO" in parts and not set(self._week_numbers(day)) & set(numbers(parts, "BYWEEKNO") or []):
            return False
        return weekdays is None or bool({NAMES[day.weekday()], *self._ordinals(day)} & set(weekdays))

    def _ordinals(self, day: date) -> Iterator[str]:
        """2TU and -4TU of a month or a year, with a sign and without."""
        in_month = self.freq == "MONTHLY" or "BYMONTH" in self.parts

        def span(each: date) -> tuple[int, ...]:
            return (each.year, each.month) if in_month else (each.year,)

        before = sum(1 for weeks in range(1, 54) if span(day - weeks * 7 * ONE) == span(day))
        after = sum(1 for weeks in range(1, 54) if span(day + weeks * 7 * ONE) == span(day))
        yield from (f"{before + 1}{NAMES[day.weekday()]}", f"+{before + 1}{NAMES[day.weekday()]}")
        yield f"-{after + 1}{NAMES[day.weekday()]}"

    def _week_numbers(self, day: date) -> tuple[int, int]:
        """From the beginning and from the end of the year that has most of the week."""
        week = self.week(day)
        year = (week + 3 * ONE).year
        first, following = self.week(date(year, 1, 4)), self.week(date(year + 1, 1, 4))
        return (week - first).days // 7 + 1, (week - following).days // 7


class CalendarWalker:
    """A calendar rule. ``holidays`` are days without business, beside Saturdays and Sundays."""

    def __init__(self, rule: dict[str, Any], holidays: frozenset[date] = frozenset()) -> None:
        self.rule, self.holidays = rule, holidays
        self.times = {time.fromisoformat(text) for text in rule["at"]}
        self.is_day = cache(self._is_day)
        self.chosen = cache(self._chosen)

    def matches(self, wall: datetime) -> bool:
        return wall.time() in self.times and self.is_day(wall.date())

    def business(self, day: date) -> bool:
        return day.weekday() < 5 and day not in self.holidays

    def _is_day(self, day: date) -> bool:
        near = (day + days * ONE for days in range(-31, 32))
        return any(self.chosen(self.period(other)) == other and self._moved(other) == day for other in near)

    def _moved(self, day: date) -> date | None:
        step = {"previous_business_day": -ONE, "next_business_day": ONE}.get(self.rule.get("shift") or "")
        for _ in range(32):
            if step is None or self.business(day):
                return day
            day += step
        return None

    def period(self, day: date) -> tuple[int, ...]:
        every = self.rule["every"]
        if every == "week":
            return (1, *day.isocalendar()[:2])
        return {
            "month": (2, day.year, day.month),
            "quarter": (3, day.year, (day.month + 2) // 3),
            "year": (4, day.year),
        }[every]

    def _chosen(self, period: tuple[int, ...]) -> date | None:
        """The day of a period, before it is shifted."""
        day = date(period[1] - 1, 12, 20)
        days = [day + n * ONE for n in range(400) if self.period(day + n * ONE) == period]
        on = self.rule["on"]
        if self.rule.get("months") and days[0].month not in self.rule["months"]:
            return None
        if "business_day" in on:
            days = [day for day in days if self.business(day)]
        if "weekday" in on:
            days = [day for day in days if NAMES[day.weekday()].lower()[:2] == on["weekday"][:2]]
        nth = on.get("business_day") or on.get("day") or on.get("nth", 1)
        nth = -1 if nth == "last" else nth
        index = nth - 1 if nth > 0 else len(days) + nth
        return days[index] if 0 <= index < len(days) else None
