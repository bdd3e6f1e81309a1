"""What may be said of a calendar, and what its days become of it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, TypedDict
from uuid import UUID

from django.utils import timezone

from jobs import errors
from jobs.models import Calendar, CalendarKind
from jobs.rules import calendar_days, ical, public_holidays
from jobs.rules.calendar_days import Entry, InvalidDays
from tenants.rules.audit_chain import canonical

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
#: Most calendars one inherits from, and most steps to the farthest.
MOST_EXTENDED = 10


class CalendarFields(TypedDict, total=False):
    """What a client may say; what is left out has its default, or stays. ``ical`` is a file, and is not kept as such."""

    name: str
    description: str
    kind: str
    country: str
    subdivision: str
    dates: list[dict[str, Any]]
    ical: str
    extends: list[str]
    weekend: list[str]


#: Which fields say the days of which kind.
OWN: Mapping[str, frozenset[str]] = {
    CalendarKind.HOLIDAYS: frozenset({"country", "subdivision"}),
    CalendarKind.DATES: frozenset({"dates"}),
    CalendarKind.ICAL: frozenset({"ical"}),
}


def assign(calendar: Calendar, fields: CalendarFields) -> None:
    """Put all into it but what it inherits; its own days are those of its source. Refuses by field."""
    for other in sorted(frozenset().union(*OWN.values()) - OWN[calendar.kind]):
        if fields.get(other):
            raise errors.invalid({other: [f"has no meaning for a calendar of kind {calendar.kind}: leave it out"]})
    for name in ("name", "description"):
        if name in fields:
            setattr(calendar, name, fields[name].strip())
    if not calendar.name or not calendar.name.isprintable():
        raise errors.invalid({"name": ["must be text of one line"]})
    if "weekend" in fields:
        calendar.weekend = sorted({WEEKDAYS.index(day) for day in fields["weekend"]})
    try:
        _assign_days(calendar, fields)
    except InvalidDays as error:
        raise errors.invalid({error.field: [error.message]}) from None


def _assign_days(calendar: Calendar, fields: CalendarFields) -> None:
    if calendar.kind == CalendarKind.HOLIDAYS:
        before = (calendar.country, calendar.subdivision)
        calendar.country = fields.get("country", calendar.country)
        calendar.subdivision = fields.get("subdivision", "" if "country" in fields else calendar.subdivision)
        if not calendar.source or before != (calendar.country, calendar.subdivision):
            write_down(calendar, holidays(calendar), f"holidays {public_holidays.VERSION}")
    elif calendar.kind == CalendarKind.ICAL and "ical" in fields:
        write_down(calendar, ical.read(fields["ical"], timezone.now().year), "import")
    elif "dates" in fields:
        write_down(calendar, calendar_days.parse(fields["dates"]), "")


def holidays(calendar: Calendar) -> list[Entry]:
    """As the library knows them now. Raises :class:`InvalidDays`."""
    return public_holidays.entries(calendar.country, calendar.subdivision, timezone.now().year)


def write_down(calendar: Calendar, entries: Sequence[Entry], source: str) -> None:
    """Its own days from now on. Raises :class:`InvalidDays`."""
    calendar_days.refuse_too_many(entries, "ical" if calendar.kind == CalendarKind.ICAL else "dates")
    calendar.dates = [entry.told() for entry in entries]
    calendar.source = source


def entries(calendar: Calendar) -> list[Entry]:
    """Its own."""
    return calendar_days.parse(calendar.dates)


def resolve(calendar: Calendar, known: Mapping[UUID, Calendar]) -> bool:
    """Its days with those of all that it extends, which are among ``known`` and resolved. Says whether they changed."""
    parts = [calendar_days.of_entries(entries(calendar))]
    parts += [calendar_days.read(known[UUID(other)].days) for other in calendar.extends]
    united = calendar_days.united(parts)
    if len(united) > calendar_days.MOST_DAYS:
        most = f"with all that it inherits a calendar has at most {calendar_days.MOST_DAYS} days"
        raise errors.invalid({"extends": [f"{calendar.name}: {most}, and these are {len(united)}"]})
    calendar.days = united.stored()
    digest = hashlib.sha256(canonical(calendar.days)).hexdigest()[:32]
    changed = digest != calendar.digest
    calendar.digest = digest
    return changed


def told(calendar: Calendar, names: Mapping[UUID, str]) -> dict[str, Any]:
    """All that a client may say of it, as it is now; ``names`` of the tenant's calendars."""
    return {
        "name": calendar.name,
        "description": calendar.description,
        "kind": str(calendar.kind),
        "country": calendar.country,
        "subdivision": calendar.subdivision,
        "dates": calendar.dates,
        "extends": [names[UUID(other)] for other in calendar.extends if UUID(other) in names],
        "weekend": [WEEKDAYS[day] for day in calendar.weekend],
    }
