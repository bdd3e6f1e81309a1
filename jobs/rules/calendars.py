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
    weekday, free, asked = day.weekday(), False, False
    for use in uses:
        free = free or weekday in use.weekend or use.hits(day)
        asked = True
    return not free if asked else weekday not in SATURDAY_AND_SUNDAY


def hit_by(day: date, uses: Iterable[CalendarUse]) -> CalendarUse | None:
    """The first use that hits a day: it says what becomes of its slots. None if they run."""
    return next((use for use in uses if use.hits(day)), None)
