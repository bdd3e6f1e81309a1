"""Reads a sentence as a person does, knowing nothing of the schedule: which wall times does it promise?

What it can read: every sentence of kind cron (but for H, whose values the words only announce) with its zone, months and
bounds; intervals and single instants. Clock changes, jitter, calendars and windows it leaves to other tests. Whatever it does
not understand it refuses, so that a new turn of phrase cannot slip past.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta

WEEKDAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
MONTHS = list(calendar.month_name)[1:]
SIZES = {"second": 60, "minute": 60, "hour": 24}
DayTest = Callable[[date], bool]


class NotUnderstoodError(Exception):
    """A sentence with something in it that this reader does not know."""


def times(sentence: str, start: datetime, end: datetime) -> list[datetime]:
    """The instants of [start, end) that a sentence about UTC promises, ascending."""
    told, *clauses = sentence.split("; ")
    low, high = _bounds(clauses)
    return [at for at in _all(told, start, end) if low <= at < high and start <= at < end]


def _all(told: str, start: datetime, end: datetime) -> Iterator[datetime]:
    if match := re.fullmatch(r"Once, at (.+)", told):
        yield _instant(match[1])
    elif match := re.fullmatch(r"Every (.+), counted from (.+)", told):
        step, at = timedelta(seconds=_length(match[1])), _instant(match[2])
        at += max(0, (start - at) // step) * step
        while at < end:
            yield at
            at += step
    else:
        yield from _of_calendar(told, start, end)


def _of_calendar(told: str, start: datetime, end: datetime) -> Iterator[datetime]:
    told = _without(told, ", UTC")
    told, _, months = told.partition(", only in ")
    wanted = _listed(months, MONTHS) if months else set(range(12))
    match = re.fullmatch(r"(.+?)(?: (every day|(?:on )?every (?:{}).*|on the .+))?".format("|".join(WEEKDAYS)), told)
    if match is None:
        raise NotUnderstoodError(told)
    clock, matches = _clock(match[1]), _days(match[2] or "every day")
    day = start.date()
    while day <= end.date():
        if day.month - 1 in wanted and matches(day):
            for hour, minute, second in clock:
                yield datetime(day.year, day.month, day.day, hour, minute, second, tzinfo=UTC)
        day += timedelta(days=1)


def _clock(words: str) -> list[tuple[int, int, int]]:
    if re.match(r"At \d\d:", words):
        found = [tuple(map(int, text.split(":"))) for text in re.split(r", | and ", words.removeprefix("At "))]
        return sorted((at[0], at[1], at[2] if len(at) > 2 else 0) for at in found)
    values = {unit: set(range(size)) for unit, size in SIZES.items()}
    first, *rest = words.split(" of ")
    finest = _unit(first.removeprefix("At ") if first.startswith("At ") else first[0].lower() + first[1:], values)
    for phrase in rest:
        _unit(phrase, values)
    if finest != "second":
        values["second"] = {0}
    if finest == "hour":
        raise NotUnderstoodError(words)
    return [
        (h, m, s) for h in sorted(values["hour"]) for m in sorted(values["minute"]) for s in sorted(values["second"])
    ]


def _unit(phrase: str, values: dict[str, set[int]]) -> str:
    """Narrows one unit; says which."""
    if match := re.fullmatch(r"every (second|minute|hour)", phrase):
        return match[1]
    if match := re.fullmatch(r"every (\d+) (second|minute|hour)s", phrase):
        values[match[2]] = set(range(0, SIZES[match[2]], int(match[1])))
    elif match := re.fullmatch(r"every (\d+)(?:st|nd|rd|th) (second|minute|hour) from (\d+) through (\d+)", phrase):
        values[match[2]] = set(range(int(match[3]), int(match[4]) + 1, int(match[1])))
    elif match := re.fullmatch(r"(?:the )?(second|minute|hour)s? (\d.*)", phrase):
        values[match[1]] = _listed(match[2], [str(n) for n in range(60)])
        return match[1]
    else:
        raise NotUnderstoodError(phrase)
    return match[2]


def _days(words: str) -> DayTest:
    words = words.removeprefix("on ") if words.startswith("on every") else words
    if words == "every day":
        return lambda day: True
    if ", and also on " in words:
        one, other = words.split(", and also on ")
        first, second = _days(one), _days(other)
        return lambda day: first(day) or second(day)
    if match := re.fullmatch(r"every (.+)", words):
        weekdays = _listed(match[1], WEEKDAYS)
        return lambda day: day.weekday() in weekdays
    if match := re.fullmatch(
        r"on the day from Monday to Friday nearest to the (\d+)\w\w(, or its last day,)? of the month", words
    ):
        number = int(match[1])
        return lambda day: day == _nearest(day, number)
    if match := re.fullmatch(r"on (.+) of the month", words):
        return _of_month(match[1])
    raise NotUnderstoodError(words)


def _of_month(words: str) -> DayTest:
    tests: list[DayTest] = []
    for item in re.split(r", | and ", words):
        if item == "the last day":
            tests.append(lambda day: day.day == _length_of(day))
        elif match := re.fullmatch(r"the (\d+)\w\w(?: through the (\d+)\w\w)?", item):
            low, high = int(match[1]), int(match[2] or match[1])
            tests.append(lambda day, low=low, high=high: low <= day.day <= high)  # type: ignore[misc]
        elif match := re.fullmatch(r"the (last|\d\w\w) (\w+)", item):
            tests.append(_nth(match[1], WEEKDAYS.index(match[2])))
        else:
            raise NotUnderstoodError(item)
    return lambda day: any(test(day) for test in tests)


def _nth(which: str, weekday: int) -> DayTest:
    if which == "last":
        return lambda day: day.weekday() == weekday and day.day + 7 > _length_of(day)
    number = int(which[0])
    return lambda day: day.weekday() == weekday and (day.day - 1) // 7 + 1 == number


def _nearest(day: date, number: int) -> date:
    """Of Monday to Friday in this month; of two as near there is never a choice."""
    wanted = date(day.year, day.month, min(number, _length_of(day)))
    working = [date(day.year, day.month, n) for n in range(1, _length_of(day) + 1)]
    return min((each for each in working if each.weekday() < 5), key=lambda each: abs((each - wanted).days))


def _length_of(day: date) -> int:
    return calendar.monthrange(day.year, day.month)[1]


def _listed(words: str, names: list[str]) -> set[int]:
    found: set[int] = set()
    for item in re.split(r", | and ", words):
        low, _, high = item.partition(" through ")
        if low not in names or (high and high not in names):
            raise NotUnderstoodError(item)
        found |= set(range(names.index(low), names.index(high or low) + 1))
    return found


def _bounds(clauses: list[str]) -> tuple[datetime, datetime]:
    low, high = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
    for clause in clauses:
        if match := re.fullmatch(r"from (.+) on", clause):
            low = _instant(match[1])
        elif match := re.fullmatch(r"before (.+)", clause):
            high = _instant(match[1])
        else:
            raise NotUnderstoodError(clause)
    return low, high


def _instant(words: str) -> datetime:
    match = re.fullmatch(r"(\d{4}-\d\d-\d\d) (\d\d:\d\d(?::\d\d)?) \((.\d\d:\d\d)\)", words)
    if match is None:
        raise NotUnderstoodError(words)
    return datetime.fromisoformat(f"{match[1]}T{match[2]}{match[3]}").astimezone(UTC)


def _length(words: str) -> int:
    sizes = {"day": 86_400, "hour": 3600, "minute": 60, "second": 1}
    total = 0
    for item in re.split(r", | and ", words):
        match = re.fullmatch(r"(?:([\d,]+) )?(day|hour|minute|second)s?", item)
        if match is None:
            raise NotUnderstoodError(item)
        total += int((match[1] or "1").replace(",", "")) * sizes[match[2]]
    return total


def _without(text: str, ending: str) -> str:
    if not text.endswith(ending):
        raise NotUnderstoodError(text)
    return text.removesuffix(ending)
