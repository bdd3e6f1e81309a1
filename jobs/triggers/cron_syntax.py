"""Cron text to wall times: the only module that knows croniter.

croniter expands the fields. It takes more than we promise, and means by some of it what nobody
expects (a reversed range wraps, an equal range is the whole field, ``#`` beside a day of month drops
the day of month), so a strict grammar of our own stands before it and says what is wrong and where.

Fields: [second] minute hour day-of-month month day-of-week. Seconds come first when there are six.
Day of month and day of week both restricted: a day matches if **either** does, as in cron; only a
bare ``*`` or ``?`` is unrestricted, ``*/2`` is not. ``H`` is replaced by numbers before anything else is read.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple
from uuid import UUID

from croniter import CroniterError, croniter

from jobs.triggers import cron_spread
from jobs.triggers.contract import InvalidSchedule
from jobs.triggers.wall_times import DayRule, WallTimes

_MAX_LENGTH = 200
_ALIASES = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}


class _Field(NamedTuple):
    name: str
    low: int
    high: int
    names: tuple[str, ...] = ()
    special: re.Pattern[str] | None = None


_ANY = {"*", "?"}
_ORDINAL_WEEKDAY = re.compile(r"l[0-7]|([0-7]|sun|mon|tue|wed|thu|fri|sat)#[1-5]", re.ASCII)
_FIELDS = (
    _Field("second", 0, 59),
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day of month", 1, 31, (), re.compile(r"l|([1-9]|[12]\d|3[01])w", re.ASCII)),
    _Field("month", 1, 12, ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")),
    _Field(
        "day of week",
        0,
        7,
        ("sun", "mon", "tue", "wed", "thu", "fri", "sat"),
        _ORDINAL_WEEKDAY,
    ),
)
_ITEM = re.compile(r"(?P<low>\*|[a-z]+|\d{1,4})(-(?P<high>[a-z]+|\d{1,4}))?(/(?P<step>\d{1,4}))?", re.ASCII)


class CronExpression(NamedTuple):
    """A parsed expression. ``wildcard`` ones follow real time and know neither gap nor fold."""

    walls: WallTimes
    wildcard: bool


class _Misplaced(InvalidSchedule):
    """Something wrong with one item of one field; both are counted from 0, and there are six fields."""

    def __init__(self, message: str, field: int, item: int) -> None:
        super().__init__("expression", message)
        self.place = (field, item)


def parse(expression: object, seed: UUID | None = None) -> CronExpression:
    """The meaning of an expression, or :class:`InvalidSchedule` on ``expression``. ``seed`` is what ``H`` is drawn from."""
    texts = _split(expression)
    # H/15 is to a clock change what */15 is.
    wildcard = any(text.startswith(("*", "h/")) for text in texts[1:3])
    try:
        return _parse(_drawn(texts, seed), wildcard)
    except _Misplaced as error:
        raise _invalid(f"{error.message} (at character {_character(str(expression), *error.place)})") from None


@lru_cache(maxsize=1024)
def _parse(texts: tuple[str, ...], wildcard: bool) -> CronExpression:
    for place, text in enumerate(texts):
        _check_field(place, text)
    _check_days(texts[3], texts[5])
    walls = _expand(texts)
    if walls.empty:
        raise _invalid(f"day of month {texts[3]!r} never comes in month {texts[4]!r}, so it would never fire")
    return CronExpression(walls, wildcard)


def _drawn(texts: Sequence[str], seed: UUID | None) -> tuple[str, ...]:
    """The fields with numbers in place of H."""
    return tuple(
        ",".join(
            _draw(place, number, item, seed) if cron_spread.is_spread(item) else item
            for number, item in enumerate(text.split(","))
        )
        for place, text in enumerate(texts)
    )


def _draw(place: int, number: int, item: str, seed: UUID | None) -> str:
    field = _FIELDS[place]
    # Every month has 28 days, and Sunday is no day twice.
    whole = cron_spread.Range(field.low, {31: 28, 7: 6}.get(field.high, field.high))
    try:
        return cron_spread.resolved(
            item, whole, lambda text: _number(field, item, text), seed, f"{field.name} {number}"
        )
    except InvalidSchedule as error:
        raise _Misplaced(error.message, place, number) from None
    except ValueError as error:
        raise _Misplaced(f"{field.name} {item.upper()!r} {error}", place, number) from None


def _character(expression: str, field: int, item: int) -> int:
    """Where an item stands, counted from 1."""
    found = list(re.finditer(r"\S+", expression))
    text = found[field - 6 + len(found)]
    return text.start() + 1 + sum(len(before) + 1 for before in text[0].split(",")[:item])


def _invalid(message: str) -> InvalidSchedule:
    return InvalidSchedule("expression", message)


def _split(expression: object) -> list[str]:
    """Six lower-case fields, seconds first."""
    if not isinstance(expression, str) or not expression.strip():
        raise _invalid("must be text of five fields such as '30 2 * * 1-5', or six with seconds first")
    if len(expression) > _MAX_LENGTH:
        raise _invalid(f"has {len(expression)} characters; at most {_MAX_LENGTH} are allowed")
    if not expression.isascii():
        raise _invalid("has characters outside ASCII; look for a dash, space or digit from another alphabet")
    texts = expression.lower().split()
    if texts[0].startswith("@"):
        if len(texts) > 1 or texts[0] not in _ALIASES:
            raise _invalid(f"{expression!r} is not a known shorthand; known are {', '.join(_ALIASES)}")
        texts = _ALIASES[texts[0]].split()
    if len(texts) not in {5, 6}:
        raise _invalid(
            f"has {len(texts)} fields; write minute hour day-of-month month day-of-week, with seconds before them if needed"
        )
    return texts if len(texts) == 6 else ["0", *texts]


def _check_field(place: int, text: str) -> None:
    field = _FIELDS[place]
    if text == "?" and field.name.startswith("day"):
        return
    for number, item in enumerate(text.split(",")):
        if field.special is None or not field.special.fullmatch(item):
            try:
                _check_item(field, item)
            except InvalidSchedule as error:
                raise _Misplaced(error.message, place, number) from None


def _check_item(field: _Field, item: str) -> None:
    match = _ITEM.fullmatch(item)
    if match is None or (match["low"] == "*" and match["high"]):
        raise _invalid(f"{field.name} {item!r} is not understood; write {_allowed(field)}, a range, '*' or a step")
    if match["step"] and int(match["step"]) == 0:
        raise _invalid(f"{field.name} {item!r} has a step of 0; the least is 1")
    if match["low"] == "*":
        return
    low = _number(field, item, match["low"])
    if match["high"]:
        high = _number(field, item, match["high"])
        if field.high == 7 and high == 0 and match["high"] == "sun":
            high = 7
        if low >= high:
            raise _invalid(f"{field.name} range {item!r} does not go up; write {_repaired(field, low, high)}")


def _number(field: _Field, item: str, text: str) -> int:
    if text in field.names:
        return field.names.index(text) + field.low
    if not text.isdigit():
        raise _invalid(f"{field.name} {item!r} is not understood; write {_allowed(field)}")
    if not field.low <= int(text) <= field.high:
        raise _invalid(f"{field.name} {text} is out of range; write {_allowed(field)}")
    return int(text)


def _allowed(field: _Field) -> str:
    names = f" or {field.names[0]} to {field.names[-1]}" if field.names else ""
    return f"{field.low} to {field.high}{names}"


def _repaired(field: _Field, low: int, high: int) -> str:
    if low == high:
        return f"'{low}' for that one value or '*' for all"
    top = 6 if field.high == 7 else field.high
    return f"'{_span(low, top)},{_span(field.low, high)}' to wrap around, or '{_span(high, low)}'"


def _span(low: int, high: int) -> str:
    return str(low) if low == high else f"{low}-{high}"


def _check_days(month_day: str, weekday: str) -> None:
    """#, L before a weekday, and W stand alone: beside other days, people read them differently."""
    if "w" in month_day and "," in month_day:
        raise _invalid(f"day of month {month_day!r}: W takes one single day; use a schedule for each")
    ordinal = [bool(_ORDINAL_WEEKDAY.fullmatch(item)) for item in weekday.split(",")]
    if any(ordinal) and not all(ordinal):
        raise _invalid(f"day of week {weekday!r} mixes plain days with # or L; use a schedule for each")
    if month_day not in _ANY and weekday not in _ANY and (any(ordinal) or "w" in month_day):
        raise _invalid(
            f"day of month {month_day!r} and day of week {weekday!r}: #, L before a weekday, and W need '*' in the "
            "other field; use a schedule for each"
        )


def _expand(texts: Sequence[str]) -> WallTimes:
    try:
        expanded, nth = croniter.expand(" ".join(texts), second_at_beginning=True)
    except CroniterError as error:
        raise _invalid(f"is refused by croniter: {error}") from None
    minutes, hours, month_days, months, weekdays, seconds = expanded
    rule = DayRule(
        # croniter makes a star of a list or range that names every day; restricted it is nevertheless.
        month_days=None if texts[3] in _ANY else frozenset(_values([day for day in month_days if day != "l"], 1, 31)),
        last_day="l" in month_days,
        nearest_weekday=int(texts[3][:-1]) if texts[3].endswith("w") else None,
        weekdays=None if nth or texts[5] in _ANY else frozenset(_values(weekdays, 0, 6)),
        nth_weekdays=frozenset((day, 0 if n == "l" else n) for day, numbers in nth.items() for n in numbers),
    )
    return WallTimes(
        seconds=_values(seconds, 0, 59),
        minutes=_values(minutes, 0, 59),
        hours=_values(hours, 0, 23),
        months=_values(months, 1, 12),
        days=rule,
    )


def _values(expanded: Sequence[int | str], low: int, high: int) -> Sequence[int]:
    return range(low, high + 1) if "*" in expanded else [int(value) for value in expanded]
