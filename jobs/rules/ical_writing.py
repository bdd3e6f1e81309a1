"""A calendar's days as iCalendar (RFC 5545), to be subscribed to or imported elsewhere. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

from jobs.rules.calendar_days import Days

_FOLD = 74


def write(days: Days, *, name: str, key: str, at: datetime) -> str:
    """All days, each an event of a whole day. ``key`` makes their ids; ``at``: when they were last changed."""
    stamp = f"{at.astimezone(UTC):%Y%m%dT%H%M%SZ}"
    return "".join(f"{part}\r\n" for line in _lines(days, name, key, stamp) for part in _folded(line))


def _lines(days: Days, name: str, key: str, stamp: str) -> Iterator[str]:
    yield from ("BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Carillon//Calendars//EN", "CALSCALE:GREGORIAN")
    yield f"X-WR-CALNAME:{_escaped(name)}"
    for day in sorted(days.fixed):
        yield from _event(day, days.fixed[day], key, stamp)
    for (month, number), again in sorted(days.yearly.items()):
        yield from _event(_first(again.since, month, number), again.note, key, stamp, yearly=True)
    yield "END:VCALENDAR"


def _event(day: date, note: str, key: str, stamp: str, *, yearly: bool = False) -> Iterator[str]:
    yield "BEGIN:VEVENT"
    yield f"UID:{day:%Y%m%d}{'-yearly' if yearly else ''}-{key}@carillon"
    yield f"DTSTAMP:{stamp}"
    yield f"DTSTART;VALUE=DATE:{day:%Y%m%d}"
    yield f"DTEND;VALUE=DATE:{day + timedelta(days=1):%Y%m%d}"
    if yearly:
        yield "RRULE:FREQ=YEARLY"
    if note:
        yield f"SUMMARY:{_escaped(note)}"
    yield "TRANSP:TRANSPARENT"
    yield "END:VEVENT"


def _first(since: int, month: int, day: int) -> date:
    while True:  # the 29th of February of the next leap year
        try:
            return date(since, month, day)
        except ValueError:
            since += 1


def _escaped(text: str) -> str:
    for letter in "\\;,":
        text = text.replace(letter, f"\\{letter}")
    return text.replace("\n", "\\n")


def _folded(line: str) -> Iterator[str]:
    """At most 75 octets each, never within a letter."""
    part, size = "", 0
    for letter in line:
        width = len(letter.encode())
        if size + width > _FOLD:
            yield part
            part, size = " ", 1
        part, size = part + letter, size + width
    yield part
