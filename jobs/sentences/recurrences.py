"""A recurrence rule of RFC 5545 in words. What it does not know it quotes: never half a rule."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from jobs.sentences import days, listing, times

_UNITS = {
    "SECONDLY": "second", "MINUTELY": "minute", "HOURLY": "hour", "DAILY": "day", "WEEKLY": "week", "MONTHLY": "month",
    "YEARLY": "year",
}  # fmt: skip
_WEEKDAYS = {"SU": 0, "MO": 1, "TU": 2, "WE": 3, "TH": 4, "FR": 5, "SA": 6}
_BY_DAY = re.compile(r"([+-]?\d{1,2})?(SU|MO|TU|WE|TH|FR|SA)")
_KNOWN = {
    "FREQ",
    "INTERVAL",
    "COUNT",
    "UNTIL",
    "WKST",
    "BYDAY",
    "BYMONTHDAY",
    "BYMONTH",
    "BYHOUR",
    "BYMINUTE",
    "BYSECOND",
    "BYSETPOS",
}


class _Unknown(Exception):
    """A rule that is quoted instead."""


def words(rrule: str, start: datetime | None) -> str:
    """The rule, counted from ``start`` on its own clock, in lower case."""
    text = rrule.strip()
    try:
        return _told(_parts(text), start)
    except (_Unknown, ValueError, KeyError):
        return f"by the recurrence rule {text}"


def _parts(text: str) -> dict[str, str]:
    parts: dict[str, str] = {}
    for part in text.removeprefix("RRULE:").upper().split(";"):
        name, _, value = part.partition("=")
        if name not in _KNOWN or name in parts or not value:
            raise _Unknown
        parts[name] = value
    return parts


def _told(parts: Mapping[str, str], start: datetime | None) -> str:
    unit, every = _UNITS[parts["FREQ"]], int(parts.get("INTERVAL", "1"))
    said = [f"every {unit}" if every == 1 else f"every {every} {unit}s"]
    if at := _time(parts, start, unit):
        said.append(at)
    on = _days(parts, unit)
    if on:
        said.append(on)
    elif start is not None and unit in ("week", "month", "year") and "BYDAY" not in parts:
        said.append(_day_of(start, unit, parts))
    if "BYMONTH" in parts:
        said.append(f"only in {listing.joined([days.MONTHS[month - 1] for month in _numbers(parts['BYMONTH'])])}")
    if "BYSETPOS" in parts:
        said.append(
            f"but only {listing.joined([_nth(number) for number in _numbers(parts['BYSETPOS'])])} of these in each {unit}"
        )
    return ", ".join([" ".join(said), *_ends(parts)])


def _time(parts: Mapping[str, str], start: datetime | None, unit: str) -> str:
    if unit in ("second", "minute", "hour"):
        names = {"BYHOUR": "hour", "BYMINUTE": "minute", "BYSECOND": "second"}
        told = [
            f"{name} {listing.joined([str(n) for n in _numbers(parts[key])])}"
            for key, name in names.items()
            if key in parts
        ]
        return f"of {' and '.join(told)}" if told else ""
    if start is None and not {"BYHOUR"} <= set(parts):
        return ""
    given = start or datetime.min  # noqa: DTZ901 - a clock's time alone is read of it
    hours, minutes, seconds = (
        _numbers(parts[key]) if key in parts else [usual]
        for key, usual in (("BYHOUR", given.hour), ("BYMINUTE", given.minute), ("BYSECOND", given.second))
    )
    return times.words(sorted(seconds), sorted(minutes), sorted(hours))


def _days(parts: Mapping[str, str], unit: str) -> str:
    said = []
    if "BYMONTHDAY" in parts:
        said.append(
            f"on {listing.joined([_nth(number, 'day' if number < 0 else '') for number in _numbers(parts['BYMONTHDAY'])])} of the month"
        )
    if "BYDAY" in parts:
        # Within months that are named, the second Friday is one of each of them.
        said.append(_by_day(parts["BYDAY"], "month" if unit == "year" and "BYMONTH" in parts else unit))
    return " if that is ".join(said) if len(said) < 2 else f"{said[0]}, if that is {said[1].removeprefix('on ')}"


def _by_day(text: str, unit: str) -> str:
    found = [_BY_DAY.fullmatch(item) for item in text.split(",")]
    if None in found:
        raise _Unknown
    pairs: list[Any] = [(int(match[1] or 0), _WEEKDAYS[match[2]]) for match in found if match]
    if not any(n for n, _ in pairs):
        return f"on {days.of_week({day for _, day in pairs})}"
    if not all(n for n, _ in pairs):
        raise _Unknown
    return f"on {listing.joined([days.nth(n, days.WEEKDAYS[day]) for n, day in pairs])} of the {unit}"


def _day_of(start: datetime, unit: str, parts: Mapping[str, str]) -> str:
    if unit == "week":
        return f"on {days.WEEKDAYS[start.isoweekday() % 7]}"
    day = f"on the {listing.ordinal(start.day)}"
    if unit == "month" or "BYMONTH" in parts:
        return f"{day} of the month"
    return f"{day} of {days.MONTHS[start.month - 1]}"


def _nth(number: int, what: str = "") -> str:
    if number == -1:
        return f"the last {what}".rstrip()
    if number < 0:
        return f"the {listing.ordinal(-number)} {what} from the end".replace("  ", " ")
    return f"the {listing.ordinal(number)} {what}".rstrip()


def _ends(parts: Mapping[str, str]) -> list[str]:
    told = []
    if "COUNT" in parts:
        told.append("once in all" if parts["COUNT"] == "1" else f"{int(parts['COUNT']):,} times in all")
    if "UNTIL" in parts:
        told.append(f"until {_until(parts['UNTIL'])}")
    return told


def _until(text: str) -> str:
    match = re.fullmatch(r"(\d{4})(\d\d)(\d\d)(?:T(\d\d)(\d\d)(\d\d)(Z?))?", text)
    if match is None:
        raise _Unknown
    year, month, day, hour, minute, second, utc = match.groups()
    at = f" {hour}:{minute}{':' + second if second != '00' else ''}{' UTC' if utc else ''}" if hour else ""
    return f"{year}-{month}-{day}{at}"


def _numbers(text: str) -> list[int]:
    return [int(item) for item in text.split(",")]
