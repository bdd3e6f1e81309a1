"""Which of a schedule's calendars hits a day, and what it says of it: as they are now."""

from __future__ import annotations

from datetime import datetime

from jobs.models import Calendar, Schedule
from jobs.rules import calendar_days, calendar_names
from jobs.rules.calendar_names import Named, Use
from jobs.rules.calendars import CalendarUse
from jobs.triggers import zones


def said(schedule: Schedule, at: datetime | None) -> str:
    """Such as ``the calendar de has 2026-10-03, Tag der Deutschen Einheit``; empty if none hits that day any more."""
    if at is None or not schedule.calendars:
        return ""
    day = at.astimezone(zones.zone(schedule.timezone)).date()
    try:
        named = calendar_names.parse(schedule.calendars)
    except calendar_names.InvalidUse:
        return ""
    names = [each.calendar for each in named]
    rows = Calendar.objects.filter(tenant=schedule.tenant_id, name__in=names).values_list("name", "days")
    stored = {name: calendar_days.read(days) for name, days in rows}
    for each in named:
        days = stored.get(each.calendar)
        if days is not None and CalendarUse(days, each.use is Use.INCLUDE).hits(day):
            return _clause(each, day.isoformat(), days.note(day))
    return f"no calendar of the schedule hits {day.isoformat()} any more"


def _clause(named: Named, day: str, note: str) -> str:
    if named.use is Use.INCLUDE:
        return f"the calendar {named.calendar} does not include {day}"
    moving = "" if named.on_hit == "skip" else f"; its on_hit is {named.on_hit}, and there was no day to move it to"
    return f"the calendar {named.calendar} has {day}{f', {note}' if note else ''}{moving}"
