"""Calendars as schedules use them: which days are hit, and what then becomes of a slot. Pure.

A day is **hit** if a calendar that is excluded has it, or one that is included has it not. A **business day** is no
day of the weekend, and no use of the schedule hits it.
"""

from __future__ import annotations

from collections.abc import Container, Iterable
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

SATURDAY_AND_SUNDAY = frozenset({5, 6})


class OnHit(StrEnum):
    """What becomes of a slot on a day that is hit."""

    SKIP = "skip"
    PREVIOUS = "previous_business_day"
    NEXT = "next_business_day"


@dataclass(frozen=True, slots=True)
class CalendarUse:
    """One calendar of a schedule. ``weekend``: its weekdays without business, Monday is 0."""

    days: Container[date]
    include: bool = False
    on_hit: OnHit = OnHit.SKIP
    weekend: frozenset[int] = SATURDAY_AND_SUNDAY

    def hits(self, day: date) -> bool:
        """Whether a slot of that day is not to run then."""
        return (day in self.days) != self.include


def is_business_day(day: date, uses: Iterable[CalendarUse]) -> bool:
    """By all calendars of a schedule; without any, Monday to Friday."""
    weekend, hit = frozenset[int](), False
    for use in uses:
        weekend |= use.weekend
        hit = hit or use.hits(day)
    return not hit and day.weekday() not in (weekend or SATURDAY_AND_SUNDAY)
