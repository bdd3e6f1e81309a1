"""Recurrence rules of events, as days. Pure, and bounded before anything is made.

A rule is read as RFC 5545 means it: of each period (its days, weeks, months or years) the days that all its BY parts
allow. The libraries that know more go on to the year 9999 for a rule that never matches.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from itertools import groupby, islice

from jobs.rules.calendar_days import MOST_ENTRIES

#: A rule without an end is written out up to so many years from now.
YEARS_AHEAD = 25
#: So many days the rules of one file may have to look at; each costs about a microsecond.
MOST_LOOKED_AT = 150_000
_PART = re.compile(
    r"(FREQ|UNTIL|COUNT|INTERVAL|BYDAY|BYMONTHDAY|BYYEARDAY|BYMONTH|BYSETPOS|WKST)=([A-Z0-9,+\-]{1,400})"
)
_UNTIL = re.compile(r"\d{8}(T\d{6}Z?)?", re.ASCII)
_WEEKDAYS = {name: number for number, name in enumerate(("MO", "TU", "WE", "TH", "FR", "SA", "SU"))}
_ORDINAL = re.compile(r"([+-]?\d{1,2})?(MO|TU|WE|TH|FR|SA|SU)", re.ASCII)
_NUMBER = re.compile(r"[+-]?\d{1,3}", re.ASCII)
_MOST_NUMBER = 100_000
_PERIODS = ("DAILY", "WEEKLY", "MONTHLY", "YEARLY")
#: Of these only the periods that come in turn are looked at; days of one.
_LEAPT = {"MONTHLY": 31, "YEARLY": 366}


class InvalidRecurrence(ValueError):
    """What is wrong with the rule, and what to do."""


@dataclass(slots=True)
class Budget:
    """What is left for the rules of one file."""

    left: int = MOST_LOOKED_AT


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rule:
    """``weekdays``: (ordinal or 0, weekday)."""

    frequency: str
    interval: int
    months: frozenset[int]
    month_days: frozenset[int]
    year_days: frozenset[int]
    weekdays: frozenset[tuple[int, int]]
    places: frozenset[int]
    week_start: int

    def period(self, day: date) -> int:
        """The number of the period that a day lies in."""
        if self.frequency == "YEARLY":
            return day.year
        if self.frequency == "MONTHLY":
            return day.year * 12 + day.month
        number = day.toordinal()
        return number if self.frequency == "DAILY" else (number - 1 - self.week_start) // 7

    def allows(self, day: date) -> bool:
        """Whether all its parts allow a day; which months there are has been looked at."""
        length = calendar.monthrange(day.year, day.month)[1] if self.month_days or self.weekdays else 0
        if self.month_days and not {day.day, day.day - length - 1} & self.month_days:
            return False
        if self.year_days:
            number, of = day.timetuple().tm_yday, 366 if calendar.isleap(day.year) else 365
            if not {number, number - of - 1} & self.year_days:
                return False
        return not self.weekdays or self._is_weekday(day, length)

    def _is_weekday(self, day: date, length: int) -> bool:
        weekday = day.weekday()
        if (0, weekday) in self.weekdays:
            return True
        number, of = day.day, length
        if self.frequency == "YEARLY" and not self.months:
            number, of = day.timetuple().tm_yday, 366 if calendar.isleap(day.year) else 365
        return bool({((number + 6) // 7, weekday), (-((of - number) // 7 + 1), weekday)} & self.weekdays)


@dataclass(frozen=True, slots=True)
class Recurrence:
    """A rule that is understood and paid for."""

    rule: _Rule
    start: date
    until: date
    most: int

    def days(self) -> list[date]:
        """Its days, or :class:`InvalidRecurrence` if there are too many."""
        found = list(islice(_made(self.rule, self.start, self.until), min(self.most, MOST_ENTRIES + 1)))
        if len(found) > MOST_ENTRIES:
            raise InvalidRecurrence(f"makes more than {MOST_ENTRIES} days: give it an UNTIL, or import less")
        return found


def read(text: str, start: date, budget: Budget, year: int) -> Recurrence:
    """A rule that begins on ``start``, or :class:`InvalidRecurrence`: nothing is made yet."""
    parts = _parts(text)
    rule = _rule(parts, start)
    until = min(_until(parts), date(year + YEARS_AHEAD, 12, 31))
    if start.year < 1900:
        raise InvalidRecurrence("the event begins before 1900: let it begin later")
    budget.left -= _looked_at(rule, max(0, (until - start).days + 1))
    if budget.left < 0:
        raise InvalidRecurrence("with this rule the file has too many recurrences: give them an UNTIL, or import less")
    return Recurrence(rule, start, until, int(parts.get("COUNT", MOST_ENTRIES + 1)))


def _looked_at(rule: _Rule, days: int) -> int:
    """How many of so many days are looked at: of months and years that do not come in turn none, of the first one all."""
    share = (len(rule.months) or 12) / 12
    if rule.frequency not in _LEAPT:
        return int(days * share)
    return int(max(days / rule.interval, min(days, _LEAPT[rule.frequency])) * share) + 1


def _made(rule: _Rule, start: date, until: date) -> Iterator[date]:
    found = _allowed(rule, start, until)
    chosen = _placed(rule, found) if rule.places else found
    return (day for day in chosen if start <= day <= until)


def _placed(rule: _Rule, found: Iterator[date]) -> Iterator[date]:
    for _, group in groupby(found, key=rule.period):
        row = list(group)
        yield from (day for place, day in enumerate(row) if {place + 1, place - len(row)} & rule.places)


def _allowed(rule: _Rule, start: date, until: date) -> Iterator[date]:
    """Days that the parts allow, of the periods that come in turn, from the first period's beginning on."""
    first = rule.period(start)
    for number in _months(rule, start, until):
        year, month = number // 12, number % 12 + 1
        if not date.min.year < year < date.max.year or (rule.months and month not in rule.months):
            continue
        if (year, month) < (start.year, start.month) and not rule.places:
            continue
        for day in range(1, calendar.monthrange(year, month)[1] + 1):
            found = date(year, month, day)
            behind = rule.period(found) - first
            if behind >= 0 and behind % rule.interval == 0 and rule.allows(found):
                yield found


def _months(rule: _Rule, start: date, until: date) -> Iterable[int]:
    """Those that may have days of it, counted from the year 0."""
    end = until.year * 12 + 12
    if rule.frequency == "MONTHLY":
        return range(start.year * 12 + start.month - 1, end, rule.interval)
    if rule.frequency == "YEARLY":
        years = range(start.year, until.year + 1, rule.interval)
        return (year * 12 + month for year in years for month in range(12))
    return range(start.year * 12 - (12 if rule.places else 0), end)


def _rule(parts: dict[str, str], start: date) -> _Rule:
    frequency = parts.get("FREQ", "")
    if frequency not in _PERIODS:
        raise InvalidRecurrence("FREQ must be DAILY, WEEKLY, MONTHLY or YEARLY: a calendar is made of days")
    months = _numbers(parts, "BYMONTH", lambda number: 1 <= number <= 12)
    month_days = _numbers(parts, "BYMONTHDAY", lambda number: 1 <= abs(number) <= 31)
    year_days = _numbers(parts, "BYYEARDAY", lambda number: 1 <= abs(number) <= 366)
    weekdays = _weekdays(parts, frequency)
    if not (month_days or year_days or weekdays):
        if frequency == "WEEKLY":
            weekdays = frozenset({(0, start.weekday())})
        elif frequency != "DAILY":
            month_days = frozenset({start.day})
            months = months or (frozenset({start.month}) if frequency == "YEARLY" else months)
    return _Rule(
        frequency=frequency,
        interval=int(parts.get("INTERVAL", "1")),
        months=months,
        month_days=month_days,
        year_days=year_days,
        weekdays=weekdays,
        places=_numbers(parts, "BYSETPOS", lambda number: 1 <= abs(number) <= 366),
        week_start=_week_start(parts),
    )


def _numbers(parts: dict[str, str], name: str, may_be: Callable[[int], bool]) -> frozenset[int]:
    given = parts[name].split(",") if name in parts else []
    if not all(_NUMBER.fullmatch(number) and may_be(int(number)) for number in given):
        raise InvalidRecurrence(f"{name}={parts[name][:40]} names what there is not")
    return frozenset(map(int, given))


def _weekdays(parts: dict[str, str], frequency: str) -> frozenset[tuple[int, int]]:
    found = set()
    for each in parts["BYDAY"].split(",") if "BYDAY" in parts else []:
        match = _ORDINAL.fullmatch(each)
        ordinal = int(match[1] or 0) if match else 0
        if match is None or abs(ordinal) > 53 or (match[1] and (ordinal == 0 or frequency in ("DAILY", "WEEKLY"))):
            raise InvalidRecurrence(
                f"BYDAY={each[:40]} names what there is not: write MO, or 2MO and -1FR of a month or year"
            )
        found.add((ordinal, _WEEKDAYS[match[2]]))
    return frozenset(found)


def _week_start(parts: dict[str, str]) -> int:
    if parts.get("WKST", "MO") not in _WEEKDAYS:
        raise InvalidRecurrence("WKST must be MO, TU, WE, TH, FR, SA or SU")
    return _WEEKDAYS[parts.get("WKST", "MO")]


def _parts(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for part in text.strip().upper().split(";"):
        match = _PART.fullmatch(part)
        if match is None:
            known = "FREQ, UNTIL, COUNT, INTERVAL, BYDAY, BYMONTHDAY, BYYEARDAY, BYMONTH, BYSETPOS, WKST"
            raise InvalidRecurrence(f"{part[:40]!r} is not understood: known are {known}")
        if match[1] in found:
            raise InvalidRecurrence(f"{match[1]} comes twice")
        found[match[1]] = match[2]
    for name in ("COUNT", "INTERVAL"):
        value = found.get(name, "1")
        if not (value.isdecimal() and value.isascii() and len(value) < 7 and 1 <= int(value) <= _MOST_NUMBER):
            raise InvalidRecurrence(f"{name} must be 1 to {_MOST_NUMBER}")
    return found


def _until(parts: dict[str, str]) -> date:
    text = parts.get("UNTIL")
    if text is None:
        return date.max
    try:
        if _UNTIL.fullmatch(text):
            return date(int(text[:4]), int(text[4:6]), int(text[6:8]))
    except ValueError:
        pass
    raise InvalidRecurrence("UNTIL must be a day such as 20301231")
