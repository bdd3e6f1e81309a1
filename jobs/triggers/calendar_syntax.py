"""Calendar rules as JSON: what they may say, as a schema and as a strict reading that names the field.

{"every": "month", "on": {"business_day": -1}, "at": ["17:00"]}
{"every": "quarter", "on": {"day": "last"}, "at": ["09:00", "18:00"], "shift": "previous_business_day"}
{"every": "month", "months": [6, 12], "on": {"weekday": "fri", "nth": -1}, "at": ["17:00"]}
{"every": "week", "on": {"weekday": "mon"}, "at": ["08:30"], "shift": "next_business_day"}
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from jobs.rules.calendars import OnHit
from jobs.triggers.contract import InvalidSchedule

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
#: Periods, and the most days that each can have.
PERIODS: Mapping[str, int] = {"week": 7, "month": 31, "quarter": 92, "year": 366}
SHIFTS = (OnHit.PREVIOUS, OnHit.NEXT)
MAX_TIMES = 24

_TIME = re.compile(r"([01]\d|2[0-3]):([0-5]\d)(?::([0-5]\d))?", re.ASCII)
_FIELDS = ("every", "months", "on", "at", "shift")

_NTH = {"type": "integer", "minimum": -366, "maximum": 366, "not": {"const": 0}}


def _only(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": [*properties], "additionalProperties": False}


#: What a rule may be. The reading below is stricter: a month has no 32nd day.
SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "description": "A calendar rule, see docs/schedules.md.",
    "properties": {
        "every": {"type": "string", "enum": [*PERIODS]},
        "months": {
            "type": ["array", "null"], "items": {"type": "integer", "minimum": 1, "maximum": 12},
            "minItems": 1, "maxItems": 12, "uniqueItems": True,
            "description": "Only these months, where every is month.",
        },
        "on": {
            "description": "The day of each period; negative numbers count from its end.",
            "oneOf": [
                _only(business_day=_NTH),
                _only(day={"oneOf": [_NTH, {"const": "last"}]}),
                {**_only(weekday={"type": "string", "enum": [*WEEKDAYS]}, nth=_NTH), "required": ["weekday"]},
            ],
        },
        "at": {
            "type": "array", "items": {"type": "string", "pattern": "^([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?$"},
            "minItems": 1, "maxItems": MAX_TIMES, "uniqueItems": True,
        },
        "shift": {
            "type": ["string", "null"], "enum": [*SHIFTS, None],
            "description": "Where a day without business goes to.",
        },
    },
    "required": ["every", "on", "at"],
    "additionalProperties": False,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class CalendarRule:
    """One day of each period. Exactly one of ``day``, ``business_day`` and ``weekday`` is given.

    ``nth`` counts from 1, or from the end by -1, whichever of them it is. ``at`` are seconds of the day, ascending.
    """

    every: str
    by: str  # "day", "business_day" or "weekday"
    nth: int
    weekday: int | None
    months: frozenset[int] | None
    at: tuple[int, ...]
    shift: OnHit | None


def parse(rule: object) -> CalendarRule:
    """The rule, or :class:`InvalidSchedule` on the field of it that is wrong."""
    if not isinstance(rule, Mapping):
        raise _refusal("", 'must be an object such as {"every": "month", "on": {"business_day": -1}, "at": ["17:00"]}')
    _known(rule, "", _FIELDS)
    every = _one_of(rule.get("every"), "every", [*PERIODS])
    by, nth, weekday = _on(rule.get("on"), every)
    months = _months(rule.get("months"), every)
    shift = rule.get("shift")
    if shift is not None:
        shift = OnHit(_one_of(shift, "shift", [*SHIFTS]))
        if by == "business_day":
            raise _refusal(
                "shift", "means nothing beside on.business_day, which never falls on another day; leave it out"
            )
    return CalendarRule(every, by, nth, weekday, months, _at(rule.get("at")), shift)


def _refusal(path: str, message: str) -> InvalidSchedule:
    return InvalidSchedule(f"rule.{path}" if path else "rule", message)


def _known(given: Mapping[Any, Any], path: str, known: tuple[str, ...]) -> None:
    for name in given:
        if name not in known:
            raise _refusal(f"{path}{str(name)[:40]}", f"unknown field; known are {', '.join(known)}")


def _one_of(value: object, path: str, known: list[Any]) -> str:
    if not isinstance(value, str) or value not in known:
        raise _refusal(path, f"must be one of {', '.join(known)}")
    return value


def _on(on: object, every: str) -> tuple[str, int, int | None]:
    ways = "{'business_day': -1}, {'day': 15}, {'day': 'last'} or {'weekday': 'fri', 'nth': -1}".replace("'", '"')
    if not isinstance(on, Mapping):
        raise _refusal("on", f"must be {ways}")
    _known(on, "on.", ("business_day", "day", "weekday", "nth"))
    said = [name for name in ("business_day", "day", "weekday") if name in on]
    if len(said) != 1:
        raise _refusal("on", f"must name exactly one of business_day, day and weekday: {ways}")
    if said == ["weekday"]:
        return "weekday", _nth_weekday(on, every), WEEKDAYS.index(_one_of(on["weekday"], "on.weekday", [*WEEKDAYS]))
    if "nth" in on:
        raise _refusal("on.nth", "belongs to weekday; leave it out")
    value = on[said[0]]
    if said == ["day"] and value == "last":
        return "day", -1, None
    return said[0], _nth(value, f"on.{said[0]}", PERIODS[every], f"of a {every}"), None


def _nth_weekday(on: Mapping[str, Any], every: str) -> int:
    if every == "week":
        if "nth" in on:
            raise _refusal("on.nth", "means nothing where every is week, which has each weekday once; leave it out")
        return 1
    if "nth" not in on:
        raise _refusal("on.nth", f"is required: say which one of the {every}, such as 1, or -1 for the last")
    return _nth(on["nth"], "on.nth", -(-PERIODS[every] // 7), f"of such a day in a {every}")


def _nth(value: object, path: str, most: int, what: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= abs(value) <= most:
        raise _refusal(path, f"must be 1 to {most}, or -1 to -{most} from the end, {what}")
    return value


def _months(months: object, every: str) -> frozenset[int] | None:
    if months is None:
        return None
    if every != "month":
        raise _refusal("months", f"is for every month only, not {every}; leave it out")
    return frozenset(_list(months, "months", 12, "whole numbers 1 to 12", _month))


def _month(value: object) -> int | None:
    is_month = isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 12
    return value if is_month and isinstance(value, int) else None


def _at(at: object) -> tuple[int, ...]:
    return tuple(sorted(_list(at, "at", MAX_TIMES, "times such as 17:00 or 17:00:30", _second)))


def _second(value: object) -> int | None:
    match = _TIME.fullmatch(value) if isinstance(value, str) else None
    return match and int(match[1]) * 3600 + int(match[2]) * 60 + int(match[3] or 0)


def _list(values: object, path: str, most: int, what: str, read: Callable[[object], int | None]) -> list[int]:
    if not isinstance(values, list | tuple) or not 1 <= len(values) <= most:
        raise _refusal(path, f"must be a list of 1 to {most} {what}")
    found: list[int] = []
    for index, value in enumerate(values):
        number = read(value)
        if number is None:
            raise _refusal(f"{path}[{index}]", f"is not understood; write {what}")
        if number in found:
            raise _refusal(f"{path}[{index}]", "is there twice")
        found.append(number)
    return found
