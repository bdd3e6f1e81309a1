"""Periods of a calendar, by a zone's clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

Period = Literal["hour", "day", "week", "month"]


def window(at: datetime, period: Period, back: int, zone: str) -> tuple[datetime, datetime]:
    """The period so many before the one that ``at`` is in: its first instant, and the first after it, in UTC."""
    here = at.astimezone(ZoneInfo(zone))
    if period == "hour":
        begin = at.astimezone(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=back)
        return begin, begin + timedelta(hours=1)
    begin, end = (_begin(here, period, back - more) for more in (0, 1))
    return begin.astimezone(UTC), end.astimezone(UTC)


def _begin(here: datetime, period: Period, back: int) -> datetime:
    day = here.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    if period == "month":
        months = day.year * 12 + day.month - 1 - back
        return day.replace(year=months // 12, month=months % 12 + 1, day=1)
    days = back if period == "day" else day.weekday() + 7 * back
    return day - timedelta(days=days)


def days(begin: datetime, end: datetime, zone: str) -> tuple[str, str]:
    """The same as dates of the zone: the first of the period, and the first after it."""
    first, after = (f"{at.astimezone(ZoneInfo(zone)):%Y-%m-%d}" for at in (begin, end))
    return first, after


def said(at: datetime, dialect: str) -> str:
    """As each database compares it with its own: PostgreSQL is told the zone, in others times are in UTC."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S}" + ("+00" if dialect == "postgresql" else "")
