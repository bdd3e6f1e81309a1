"""A calendar rule in a few words, for lists and messages."""

from __future__ import annotations

from jobs.triggers import calendar_syntax
from jobs.triggers.calendar_syntax import CalendarRule
from jobs.triggers.contract import InvalidSchedule

_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
_SHIFTS = {"previous_business_day": "or the business day before", "next_business_day": "or the business day after"}


def of(rule: object) -> str:
    """Such as: last business day of each month at 17:00."""
    try:
        return _words(calendar_syntax.parse(rule))
    except InvalidSchedule:
        return "calendar rule"


def _words(rule: CalendarRule) -> str:
    what = {"day": "day", "business_day": "business day"}.get(rule.by) or _WEEKDAYS[rule.weekday or 0]
    if rule.months is not None:
        period = " and ".join(_joined([_MONTHS[month - 1] for month in sorted(rule.months)]))
    else:
        period = f"each {rule.every}"
    which = what if rule.by == "weekday" and rule.every == "week" else f"{_ordinal(rule.nth)} {what}"
    words = [which, "of", period, "at", ", ".join(map(_time, rule.at))]
    return " ".join(words) + (f", {_SHIFTS[rule.shift]}" if rule.shift else "")


def _joined(names: list[str]) -> list[str]:
    return [", ".join(names[:-1]), names[-1]] if len(names) > 1 else names


def _ordinal(nth: int) -> str:
    if nth == -1:
        return "last"
    number = abs(nth)
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}" + (" to last" if nth < 0 else "")


def _time(second: int) -> str:
    text = f"{second // 3600:02}:{second // 60 % 60:02}"
    return f"{text}:{second % 60:02}" if second % 60 else text
