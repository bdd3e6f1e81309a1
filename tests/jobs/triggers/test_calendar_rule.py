"""Calendar rules: the days they mean, and what is refused by the name of the field."""

from __future__ import annotations

from datetime import UTC, date, datetime
from itertools import islice
from typing import Any

import jsonschema
import pytest

from jobs import triggers
from jobs.rules.calendars import CalendarUse
from jobs.triggers import calendar_syntax
from jobs.triggers.contract import InvalidSchedule

AFTER = datetime(2026, 1, 1, tzinfo=UTC)
LAST = {"every": "month", "on": {"business_day": -1}, "at": ["17:00"]}


def days(rule: dict[str, Any], count: int = 3, holidays: tuple[str, ...] = ()) -> list[str]:
    uses = (CalendarUse(days=frozenset(map(date.fromisoformat, holidays))),) if holidays else ()
    trigger = triggers.build("calendar", {"rule": rule, "calendars": uses})
    found = list(islice(trigger.after(AFTER), count))
    assert list(trigger.before(found[-1].at, AFTER))[::-1] == found
    assert trigger.count(AFTER, found[-1].at) == len(found)
    return [slot.nominal[:10] if slot.nominal[11:16] == "17:00" else slot.nominal[:16] for slot in found]


def test_the_last_business_day_goes_before_holidays() -> None:
    assert days(LAST) == ["2026-01-30", "2026-02-27", "2026-03-31"]
    assert days(LAST, holidays=("2026-01-30", "2026-01-29", "2026-03-31")) == ["2026-01-28", "2026-02-27", "2026-03-30"]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"on": {"day": "last"}, "months": [2]}, ["2026-02-28", "2027-02-28", "2028-02-29"]),
        ({"on": {"day": 31}}, ["2026-01-31", "2026-03-31", "2026-05-31"]),
        ({"on": {"day": -31}}, ["2026-01-01", "2026-03-01", "2026-05-01"]),
        ({"on": {"weekday": "fri", "nth": 5}}, ["2026-01-30", "2026-05-29", "2026-07-31"]),
        ({"on": {"weekday": "fri", "nth": -1}}, ["2026-01-30", "2026-02-27", "2026-03-27"]),
        ({"on": {"weekday": "mon", "nth": 1}}, ["2026-01-05", "2026-02-02", "2026-03-02"]),
        ({"on": {"business_day": 1}}, ["2026-01-01", "2026-02-02", "2026-03-02"]),
        ({"every": "week", "on": {"weekday": "sun"}}, ["2026-01-04", "2026-01-11", "2026-01-18"]),
        ({"every": "week", "on": {"day": 7}}, ["2026-01-04", "2026-01-11", "2026-01-18"]),
        ({"every": "week", "on": {"business_day": -1}}, ["2026-01-02", "2026-01-09", "2026-01-16"]),
        ({"every": "quarter", "on": {"day": 92}}, ["2026-09-30", "2026-12-31", "2027-09-30"]),
        ({"every": "quarter", "on": {"business_day": 2}}, ["2026-01-02", "2026-04-02", "2026-07-02"]),
        ({"every": "year", "on": {"day": 366}}, ["2028-12-31", "2032-12-31", "2036-12-31"]),
        ({"every": "year", "on": {"business_day": -1}}, ["2026-12-31", "2027-12-31", "2028-12-29"]),
        # The 31st of January 2026 is a Saturday, the 31st of May a Sunday.
        ({"on": {"day": 31}, "shift": "previous_business_day"}, ["2026-01-30", "2026-03-31", "2026-05-29"]),
        ({"on": {"day": 31}, "shift": "next_business_day"}, ["2026-02-02", "2026-03-31", "2026-06-01"]),
        ({"on": {"day": 1}, "shift": "previous_business_day"}, ["2026-01-01", "2026-01-30", "2026-02-27"]),
        ({"on": {"day": 1}, "at": ["18:00:05", "06:30"]}, ["2026-01-01T06:30", "2026-01-01T18:00", "2026-02-01T06:30"]),
    ],
)
def test_days_at_the_ends_of_periods(fields: dict[str, Any], expected: list[str]) -> None:
    rule = {**LAST, **fields}
    assert days(rule) == expected
    jsonschema.validate(rule, dict(calendar_syntax.SCHEMA))


def test_days_shifted_onto_one_another_are_one() -> None:
    week_off = tuple(f"2026-01-{day:02}" for day in range(5, 19))
    weekly = {"every": "week", "on": {"weekday": "wed"}, "at": ["17:00"], "shift": "next_business_day"}
    assert days(weekly, 3, week_off) == ["2026-01-19", "2026-01-21", "2026-01-28"]


def test_where_no_day_has_business_nothing_fires() -> None:
    nothing = CalendarUse(days=frozenset(), include=True)
    for rule in (LAST, {**LAST, "on": {"day": 1}, "shift": "next_business_day"}):
        assert list(triggers.build("calendar", {"rule": rule, "calendars": (nothing,)}).after(AFTER)) == []


@pytest.mark.parametrize(
    ("rule", "field", "message"),
    [
        (None, "rule", "is required"),
        ([], "rule", "must be an object"),
        ({}, "rule.every", "must be one of week, month, quarter, year"),
        ({**LAST, "every": ["month"]}, "rule.every", "must be one of"),
        ({**LAST, "colour": 1}, "rule.colour", "unknown field; known are every, months, on, at, shift"),
        ({**LAST, "on": 15}, "rule.on", '{"weekday": "fri", "nth": -1}'),
        ({**LAST, "on": {}}, "rule.on", "exactly one of business_day, day and weekday"),
        ({**LAST, "on": {"day": 1, "business_day": 1}}, "rule.on", "exactly one"),
        ({**LAST, "on": {"days": 1}}, "rule.on.days", "unknown field"),
        ({**LAST, "on": {"day": 32}}, "rule.on.day", "must be 1 to 31, or -1 to -31 from the end, of a month"),
        ({**LAST, "on": {"day": 0}}, "rule.on.day", "must be 1 to 31"),
        ({**LAST, "on": {"day": True}}, "rule.on.day", "must be 1 to 31"),
        ({**LAST, "on": {"day": 10**400}}, "rule.on.day", "must be 1 to 31"),
        ({**LAST, "on": {"business_day": "last"}}, "rule.on.business_day", "must be 1 to 31"),
        ({**LAST, "every": "week", "on": {"day": 8}}, "rule.on.day", "must be 1 to 7"),
        ({**LAST, "on": {"weekday": "friday", "nth": 1}}, "rule.on.weekday", "must be one of mon, tue"),
        ({**LAST, "on": {"weekday": "fri"}}, "rule.on.nth", "is required: say which one of the month"),
        ({**LAST, "on": {"weekday": "fri", "nth": 6}}, "rule.on.nth", "must be 1 to 5"),
        ({**LAST, "on": {"day": 1, "nth": 1}}, "rule.on.nth", "belongs to weekday"),
        ({**LAST, "every": "week", "on": {"weekday": "fri", "nth": 1}}, "rule.on.nth", "means nothing"),
        ({**LAST, "months": [13]}, "rule.months[0]", "whole numbers 1 to 12"),
        ({**LAST, "months": [1, 1]}, "rule.months[1]", "is there twice"),
        ({**LAST, "months": []}, "rule.months", "must be a list of 1 to 12"),
        ({**LAST, "every": "year", "months": [1]}, "rule.months", "is for every month only"),
        ({**LAST, "at": "17:00"}, "rule.at", "must be a list of 1 to 24 times"),
        ({**LAST, "at": ["17:00", "24:00"]}, "rule.at[1]", "write times such as 17:00"),
        ({**LAST, "at": ["17:00", "17:00:00"]}, "rule.at[1]", "is there twice"),
        ({**LAST, "at": ["17:00"] * 25}, "rule.at", "1 to 24"),
        ({**LAST, "shift": "next_business_day"}, "rule.shift", "means nothing beside on.business_day"),
        ({**LAST, "on": {"day": 1}, "shift": "skip"}, "rule.shift", "previous_business_day, next_business_day"),
        ({**LAST, "on": {"day": 30}, "months": [2]}, "rule", "a day that never comes"),
        ({**LAST, "on": {"business_day": 24}}, "rule", "a day that never comes"),
    ],
)
def test_a_bad_rule_is_refused_by_the_name_of_its_field(rule: Any, field: str, message: str) -> None:
    with pytest.raises(InvalidSchedule) as refusal:
        triggers.build("calendar", {"rule": rule})
    assert refusal.value.field == field
    assert message in refusal.value.message
