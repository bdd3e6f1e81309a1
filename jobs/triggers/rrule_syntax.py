"""RFC 5545 recurrence rules as text: a strict grammar that says what is wrong and at which character.

Stricter than the RFC where it leaves open what is meant: ``BYWEEKNO`` needs ``BYDAY``, and a date alone is no ``UNTIL``.
Everything that would make a question expensive is refused here, so that whatever was parsed is cheap to ask.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import lru_cache
from math import prod
from typing import Any, NoReturn

from jobs.triggers.contract import InvalidSchedule

MAX_LENGTH = 1000
MAX_COUNT = 1000
#: Most times of one day, or of one hour of an hourly rule, that lists of hours, minutes and seconds may name.
MAX_TIMES = 1440
WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
#: Longest step of each frequency: a hundred years, and a week of hours, minutes and seconds.
FREQUENCIES: Mapping[str, int] = {
    "YEARLY": 100, "MONTHLY": 1200, "WEEKLY": 5200, "DAILY": 36_525,
    "HOURLY": 168, "MINUTELY": 10_080, "SECONDLY": 604_800,
}  # fmt: skip
UNITS_A_DAY: Mapping[str, int] = {"HOURLY": 24, "MINUTELY": 1440, "SECONDLY": 86_400}
FINER_THAN_DAYS = (*UNITS_A_DAY,)

_TIMES = ("BYHOUR", "BYMINUTE", "BYSECOND")
_UNTIL = re.compile(r"\d{8}T\d{6}Z?", re.ASCII)
_DAY = re.compile(r"(?P<nth>[+-]?\d{1,3})?(?P<day>MO|TU|WE|TH|FR|SA|SU)", re.ASCII)
_NUMBER = re.compile(r"[+-]?\d{1,9}", re.ASCII)
_ELSEWHERE = {
    "DTSTART": "the first day and time are the schedule's start_at, its zone is timezone",
    "DTEND": "how long a run may take is its job's timeout_seconds",
    "DURATION": "how long a run may take is its job's timeout_seconds",
    "EXDATE": "days left out belong in a calendar that the schedule names in calendars",
    "EXRULE": "days left out belong in a calendar that the schedule names in calendars",
    "RDATE": "further instants are schedules of kind once",
}
_OTHER_LINE = re.compile(rf"\b({'|'.join(_ELSEWHERE)})\b", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recurrence:
    """A rule as written; None for what is left out. Weekdays count from Monday, 0, and 0 beside one means each.

    ``until`` is aware UTC, or naive where it is local; ``places`` is where each part's value begins, for messages.
    """

    freq: str
    interval: int = 1
    count: int | None = None
    until: datetime | None = None
    week_start: int = 0
    months: frozenset[int] | None = None
    week_numbers: frozenset[int] | None = None
    year_days: frozenset[int] | None = None
    month_days: frozenset[int] | None = None
    weekdays: frozenset[tuple[int, int]] | None = None
    hours: frozenset[int] | None = None
    minutes: frozenset[int] | None = None
    seconds: frozenset[int] | None = None
    positions: frozenset[int] | None = None
    places: Mapping[str, int] = field(default_factory=dict, compare=False)

    @property
    def names_days(self) -> bool:
        """Whether it says itself which days of a month, week or year are meant."""
        return any(part is not None for part in (self.week_numbers, self.year_days, self.month_days, self.weekdays))

    def refuse(self, part: str, message: str) -> NoReturn:
        """Refuse the rule for one of its parts."""
        raise _at(self.places[part], f"{part} {message}")


def _at(place: int, message: str) -> InvalidSchedule:
    return InvalidSchedule("rrule", f"{message} (at character {place})")


def parse(text: object) -> Recurrence:
    """The rule, or :class:`InvalidSchedule` on ``rrule``."""
    if not isinstance(text, str) or not text.strip():
        raise InvalidSchedule(
            "rrule", "must be a rule of RFC 5545 such as 'FREQ=WEEKLY;BYDAY=MO,FR;BYHOUR=9;BYMINUTE=0'"
        )
    if len(text) > MAX_LENGTH:
        raise InvalidSchedule("rrule", f"has {len(text)} characters; at most {MAX_LENGTH} are allowed")
    return _parse(text)


@lru_cache(maxsize=1024)
def _parse(text: str) -> Recurrence:
    if not text.isascii():
        place = next(index for index, letter in enumerate(text, 1) if not letter.isascii())
        raise _at(place, "has characters outside ASCII")
    upper = text.upper()
    if other := _OTHER_LINE.search(upper):
        raise _at(other.start() + 1, f"{other[0]} has no place in a rule: {_ELSEWHERE[other[0]]}")
    values: dict[str, Any] = {}
    places: dict[str, int] = {}
    for name, value, place in _parts(upper):
        if name not in _READ:
            raise _at(place, f"{name[:20]!r} is no part of a rule; known are {', '.join(_READ)}")
        if name in places:
            raise _at(place, f"{name} is there twice; write it once, with a list")
        places[name] = place + len(name) + 1
        attribute, read = _READ[name]
        values[attribute] = read(name, value, places[name])
    if "freq" not in values:
        raise _at(1, f"FREQ is missing; write one of {', '.join(FREQUENCIES)}")
    rule = Recurrence(**values, places=places)
    _check(rule)
    return rule


def _parts(text: str) -> Iterator[tuple[str, str, int]]:
    """Name, value and where the name begins, counted from 1."""
    begin = len(text) - len(text.lstrip())
    begin += 6 if text[begin:].startswith("RRULE:") else 0
    for part in text[begin:].rstrip().split(";"):
        name, equals, value = part.partition("=")
        if not equals or not name or not value:
            raise _at(begin + 1, f"{part[:30]!r} is no part of a rule; write NAME=VALUE, with ';' between parts")
        yield name, value, begin + 1
        begin += len(part) + 1


def _frequency(name: str, value: str, place: int) -> str:
    if value not in FREQUENCIES:
        raise _at(place, f"{name} {value[:20]!r} is unknown; write one of {', '.join(FREQUENCIES)}")
    return value


def _one(low: int, high: int) -> Callable[[str, str, int], int]:
    def read(name: str, value: str, place: int) -> int:
        return _number(name, value, place, low, high, signed=False)

    return read


def _many(low: int, high: int, *, signed: bool = False) -> Callable[[str, str, int], frozenset[int]]:
    def read(name: str, value: str, place: int) -> frozenset[int]:
        return frozenset(_number(name, item, at, low, high, signed=signed) for item, at in _items(value, place))

    return read


def _items(value: str, place: int) -> Iterator[tuple[str, int]]:
    for item in value.split(","):
        yield item, place
        place += len(item) + 1


def _number(name: str, text: str, place: int, low: int, high: int, *, signed: bool) -> int:
    allowed = f"{low} to {high}" + (f", or -{high} to -{low} from the end" if signed else "")
    if not _NUMBER.fullmatch(text) or (not signed and not text.isdigit()):
        raise _at(place, f"{name} {text[:20]!r} is not understood; write {allowed}")
    number = int(text)
    if not low <= (abs(number) if signed else number) <= high:
        raise _at(place, f"{name} {text} is out of range; write {allowed}")
    return number


def _until(name: str, value: str, place: int) -> datetime:
    if re.fullmatch(r"\d{8}", value):
        raise _at(place, f"{name} {value} leaves open whether that day counts; write {value}T235959 to have it count")
    try:
        # Local, unless it ends in Z. What is no time at all is refused by the empty text.
        text = value[:15] if _UNTIL.fullmatch(value) else ""
        found = datetime.strptime(text, "%Y%m%dT%H%M%S")  # noqa: DTZ007
    except ValueError:
        raise _at(
            place, f"{name} {value[:20]!r} is no time; write 20261231T235959, or with Z at its end for UTC"
        ) from None
    return found.replace(tzinfo=UTC) if value.endswith("Z") else found


def _weekday(name: str, value: str, place: int) -> int:
    if value not in WEEKDAYS:
        raise _at(place, f"{name} {value[:20]!r} is unknown; write one of {', '.join(WEEKDAYS)}")
    return WEEKDAYS.index(value)


def _weekdays(name: str, value: str, place: int) -> frozenset[tuple[int, int]]:
    found = set()
    for item, at in _items(value, place):
        match = _DAY.fullmatch(item)
        if match is None or (match["nth"] and not 1 <= abs(int(match["nth"])) <= 53):
            raise _at(at, f"{name} {item[:20]!r} is not understood; write MO to SU, as in 2TU or -1FR for the n-th")
        found.add((WEEKDAYS.index(match["day"]), int(match["nth"] or 0)))
    return frozenset(found)


_READ: Mapping[str, tuple[str, Callable[[str, str, int], Any]]] = {
    "FREQ": ("freq", _frequency),
    "INTERVAL": ("interval", _one(1, 10**9)),
    "COUNT": ("count", _one(1, 10**9)),
    "UNTIL": ("until", _until),
    "WKST": ("week_start", _weekday),
    "BYMONTH": ("months", _many(1, 12)),
    "BYWEEKNO": ("week_numbers", _many(1, 53, signed=True)),
    "BYYEARDAY": ("year_days", _many(1, 366, signed=True)),
    "BYMONTHDAY": ("month_days", _many(1, 31, signed=True)),
    "BYDAY": ("weekdays", _weekdays),
    "BYHOUR": ("hours", _many(0, 23)),
    "BYMINUTE": ("minutes", _many(0, 59)),
    "BYSECOND": ("seconds", _many(0, 59)),
    "BYSETPOS": ("positions", _many(1, 366, signed=True)),
}


def _check(rule: Recurrence) -> None:
    """What the parts must be to each other."""
    if rule.interval > FREQUENCIES[rule.freq]:
        rule.refuse("INTERVAL", f"{rule.interval} is too long for {rule.freq}; at most {FREQUENCIES[rule.freq]}")
    if rule.count is not None and rule.count > MAX_COUNT:
        rule.refuse("COUNT", f"{rule.count} is too many; at most {MAX_COUNT}, or end it by UNTIL, end_at or max_runs")
    if rule.count is not None and rule.until is not None:
        rule.refuse("UNTIL", "and COUNT exclude each other; leave one out")
    if rule.week_numbers is not None and rule.freq != "YEARLY":
        rule.refuse("BYWEEKNO", f"is for FREQ=YEARLY only, not {rule.freq}")
    if rule.week_numbers is not None and rule.weekdays is None:
        rule.refuse("BYWEEKNO", "leaves open which days of the week; add BYDAY")
    if rule.year_days is not None and rule.freq in ("MONTHLY", "WEEKLY", "DAILY"):
        rule.refuse("BYYEARDAY", f"has no meaning for FREQ={rule.freq}; use BYMONTHDAY, or FREQ=YEARLY")
    if rule.month_days is not None and rule.freq == "WEEKLY":
        rule.refuse("BYMONTHDAY", "has no meaning for FREQ=WEEKLY; use FREQ=MONTHLY")
    _check_ordinals(rule)
    _check_times(rule)
    _check_positions(rule)
    _check_count(rule)


def _check_ordinals(rule: Recurrence) -> None:
    ordinals = [abs(nth) for _, nth in rule.weekdays or () if nth]
    if ordinals and rule.freq not in ("YEARLY", "MONTHLY"):
        rule.refuse("BYDAY", f"has a number before a day, which is for FREQ=MONTHLY or YEARLY, not {rule.freq}")
    if ordinals and rule.week_numbers is not None:
        rule.refuse("BYDAY", "has a number before a day, which means nothing beside BYWEEKNO")
    in_month = rule.freq == "MONTHLY" or rule.months is not None
    if ordinals and in_month and max(ordinals) > 5:
        rule.refuse("BYDAY", f"has {max(ordinals)} before a day, and a month has five weeks at most")


def _check_positions(rule: Recurrence) -> None:
    parts = ("BYMONTH", "BYWEEKNO", "BYYEARDAY", "BYMONTHDAY", "BYDAY", "BYHOUR", "BYMINUTE", "BYSECOND")
    if rule.positions is not None and not any(part in rule.places for part in parts):
        rule.refuse("BYSETPOS", "chooses among what other BY parts name; add one, such as BYDAY")
    if rule.positions is not None and rule.freq == "WEEKLY":
        times = len(rule.hours or "1") * len(rule.minutes or "1") * len(rule.seconds or "1")
        most = len(rule.weekdays or "1") * times
        if min(map(abs, rule.positions)) > most:
            rule.refuse("BYSETPOS", f"chooses none of the {most} that a week has, so it would never fire")


def _check_times(rule: Recurrence) -> None:
    """A hundred thousand times a day is a frequency, not a list."""
    lists = {"BYHOUR": rule.hours, "BYMINUTE": rule.minutes, "BYSECOND": rule.seconds}
    expanding = {name: len(values or "1") for name, values in lists.items() if _expands(rule.freq, name)}
    times = prod(expanding.values())
    if times > MAX_TIMES:
        longest = max(expanding, key=lambda name: expanding[name])
        rule.refuse(longest, f"makes {times} times of each period; at most {MAX_TIMES}: use FREQ=MINUTELY or SECONDLY")


def _check_count(rule: Recurrence) -> None:
    """What takes other times each day is too much work to count."""
    if rule.count is None or rule.freq not in FINER_THAN_DAYS or UNITS_A_DAY[rule.freq] % rule.interval == 0:
        return
    narrowing = [name for name in _TIMES if name in rule.places and not _expands(rule.freq, name)]
    if narrowing:
        rule.refuse(
            "COUNT",
            f"beside {narrowing[0]} needs an INTERVAL that divides the day; end it by UNTIL, end_at or max_runs",
        )


def _expands(freq: str, name: str) -> bool:
    """Whether a list of times adds occurrences to each period; else it narrows down."""
    return freq not in FINER_THAN_DAYS or FINER_THAN_DAYS.index(freq) < _TIMES.index(name)


def completed(rule: Recurrence, anchor: datetime) -> Recurrence:
    """The rule with what it leaves out taken from its first day and time, as the RFC has it."""
    more: dict[str, Any] = {}
    for attribute, name in (("hours", "BYHOUR"), ("minutes", "BYMINUTE"), ("seconds", "BYSECOND")):
        if getattr(rule, attribute) is None and _expands(rule.freq, name):
            more[attribute] = frozenset({getattr(anchor, attribute[:-1])})
    if not rule.names_days:
        if rule.freq == "WEEKLY":
            more["weekdays"] = frozenset({(anchor.weekday(), 0)})
        if rule.freq in ("MONTHLY", "YEARLY"):
            more["month_days"] = frozenset({anchor.day})
        if rule.freq == "YEARLY" and rule.months is None:
            more["months"] = frozenset({anchor.month})
    return replace(rule, **more)
