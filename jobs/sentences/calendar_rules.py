"""A calendar rule in words. A rule that says something unknown here is quoted as it is: never half a rule."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from jobs.sentences import days, listing

_WEEKDAYS = {name[:3].lower(): name for name in days.WEEKDAYS}
_SHIFTS = {"previous_business_day": "before", "next_business_day": "after"}
_FIELDS = {"every", "months", "on", "at", "shift"}


def words(rule: Any) -> str:
    """Such as ``at 17:00 on the last business day of every month``, in lower case."""
    try:
        return _told(rule)
    except (LookupError, TypeError, ValueError, AttributeError):
        return f"by the calendar rule {json.dumps(rule, sort_keys=True, ensure_ascii=False)}"


def _told(rule: Mapping[str, Any]) -> str:
    if set(rule) - _FIELDS:
        raise ValueError
    at = listing.joined([str(time) for time in sorted(rule["at"])])
    told = [f"at {at} {_day(rule['on'], str(rule['every']))}"]
    if months := rule.get("months"):
        told.append(f"only in {listing.spans(sorted(months), lambda month: days.MONTHS[month - 1])}")
    if shift := rule.get("shift"):
        told.append(f"or on the business day {_SHIFTS[shift]}, if that is none")
    return ", ".join(told)


def _day(on: Mapping[str, Any], every: str) -> str:
    if set(on) == {"weekday"} and every == "week":
        return f"every {_WEEKDAYS[on['weekday']]}"
    if "weekday" in on:
        return f"on {days.nth(_number(on.get('nth', 1)), _WEEKDAYS[on['weekday']])} of every {every}"
    (by, value), *others = on.items()
    if others:
        raise ValueError
    what = {"day": "day", "business_day": "business day"}[by]
    return f"on {days.nth(_number(value), what)} of every {every}"


def _number(value: Any) -> int:
    return -1 if value == "last" else int(value)
