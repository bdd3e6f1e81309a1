"""iCalendar (RFC 5545) as days: what people import, and what they get. Pure.

    BEGIN:VEVENT                      one entry for each event, with its summary as the note
    DTSTART;VALUE=DATE:20261224       all of a day, or a time: then the day that its own clock shows
    DTEND;VALUE=DATE:20270102         excluded, as the standard says
    RRULE:FREQ=YEARLY                 every year from then on; other rules are written out, see ical_recurrences
    END:VEVENT

A file is read line by line and never held twice. Refusals name the line. What has no say in days (zones, alarms, to-dos,
journals) is passed over; a cancelled event is none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from jobs.rules import ical_lines, ical_recurrences
from jobs.rules.calendar_days import (
    FIRST,
    LAST,
    LONGEST_NOTE,
    MOST_DAYS_OF_ENTRY,
    MOST_ENTRIES,
    Entry,
    InvalidDays,
    within,
)
from jobs.rules.ical_lines import InvalidFile, Line, Nesting
from jobs.rules.ical_recurrences import Budget, InvalidRecurrence, Recurrence

MOST_BYTES = 512 * 1024
MOST_EVENTS = 2000
_DAY = timedelta(days=1)
_STAMP = re.compile(r"(\d{8})(?:T(\d{6})Z?)?", re.ASCII)
_LENGTH = re.compile(r"\+?P(?:(\d{1,4})W|(?:(\d{1,5})D)?(?:T(?:(\d{1,5})H)?(?:(\d{1,6})M)?(?:(\d{1,7})S)?)?)", re.ASCII)
_ESCAPED = re.compile(r"\\([\\;,nN])")


@dataclass(slots=True)
class _Event:
    """What an event says, by name; of what may come several times, all. ``rules``: its recurrences, understood."""

    number: int
    said: dict[str, Line] = field(default_factory=dict)
    listed: dict[str, list[Line]] = field(default_factory=dict)
    rules: list[tuple[int, Recurrence]] = field(default_factory=list)

    def take(self, line: Line) -> None:
        if line.name in ("EXDATE", "RDATE", "RRULE"):
            self.listed.setdefault(line.name, []).append(line)
        elif line.name not in self.said:
            self.said[line.name] = line
        elif line.name in ("DTSTART", "DTEND", "DURATION"):
            raise InvalidFile(line.number, f"{line.name} comes twice in this event")


def read(text: str, year: int) -> list[Entry]:
    """The entries of a file, in order; recurrences are written out up to 25 years after ``year``. Or :class:`InvalidFile`."""
    if len(text) > MOST_BYTES or len(text.encode()) > MOST_BYTES:
        raise InvalidDays("ical", f"a file has at most {MOST_BYTES // 1024} KiB")
    events = [event for event in _events(text) if not _is_cancelled(event)]
    budget = Budget()
    for event in events:
        event.rules = [(line.number, _recurrence(event, line, budget, year)) for line in _rules(event)]
    moved = _moved(events)
    found: dict[Entry, None] = {}
    for event in events:
        for entry in _entries(event, moved):
            found[entry] = None
            if len(found) > MOST_ENTRIES:
                raise InvalidFile(event.number, f"with this event there are more than {MOST_ENTRIES} days")
    return sorted(found, key=lambda entry: (entry.start, entry.note))


def _moved(events: list[_Event]) -> dict[str, set[date]]:
    """Occurrences that are told of by themselves are not of their series any more."""
    found: dict[str, set[date]] = {}
    for event in events:
        if "RECURRENCE-ID" in event.said and "UID" in event.said:
            found.setdefault(event.said["UID"].value, set()).add(_stamp(event.said["RECURRENCE-ID"])[0])
    return found


def _rules(event: _Event) -> list[Line]:
    """Rules that are to be written out: one that merely says every year says so in its entry."""
    rules = event.listed.get("RRULE", [])
    return [] if "RECURRENCE-ID" in event.said or _is_yearly(event) else rules


def _is_yearly(event: _Event) -> bool:
    rules = event.listed.get("RRULE", [])
    return set(event.listed) == {"RRULE"} and len(rules) == 1 and rules[0].value.strip().upper() == "FREQ=YEARLY"


def _recurrence(event: _Event, line: Line, budget: Budget, year: int) -> Recurrence:
    try:
        return ical_recurrences.read(line.value, _span(event)[0], budget, year)
    except InvalidRecurrence as error:
        raise InvalidFile(line.number, f"RRULE: {error}") from None


def _entries(event: _Event, moved: dict[str, set[date]]) -> Iterator[Entry]:
    start, last = _span(event)
    note = _text(event.said["SUMMARY"].value) if "SUMMARY" in event.said else ""
    length = last - start
    elsewhere = moved.get(event.said["UID"].value, set()) if "UID" in event.said else set()
    if "RECURRENCE-ID" in event.said or not event.listed:
        yield _entry(event.number, start, length, note)
        return
    if _is_yearly(event) and not elsewhere:
        yield _entry(event.number, start, length, note, yearly=True)
        return
    days = {start} if not event.rules else set()
    for line in event.listed.get("RDATE", []):
        days.update(_days(line))
    for number, recurrence in event.rules:
        try:
            days.update(recurrence.days())
        except InvalidRecurrence as error:
            raise InvalidFile(number, f"RRULE: {error}") from None
    left_out = {day for line in event.listed.get("EXDATE", []) for day in _days(line)} | elsewhere
    for day in sorted(days - left_out):
        yield _entry(event.number, day, length, note)


def _entry(number: int, start: date, length: timedelta, note: str, *, yearly: bool = False) -> Entry:
    try:
        within(start, "DTSTART")
        until = within(start + length, "DTEND") if length else None
    except (InvalidDays, OverflowError) as error:
        where = error.field if isinstance(error, InvalidDays) else "DTEND"
        raise InvalidFile(number, f"{where} must lie between {FIRST.year} and {LAST.year}") from None
    return Entry(start, until, note, yearly)


def _span(event: _Event) -> tuple[date, date]:
    """The first and the last day of an event."""
    if "DTSTART" not in event.said:
        raise InvalidFile(event.number, "this event has no DTSTART")
    start, clock = _stamp(event.said["DTSTART"])
    if "DTEND" in event.said:
        line = event.said["DTEND"]
        end, until = _stamp(line)
        last = end - _DAY if not until and end > start else end  # what ends at midnight ends the day before
        if (end, until) < (start, clock):
            raise InvalidFile(line.number, "DTEND is before DTSTART")
    elif "DURATION" in event.said:
        line = event.said["DURATION"]
        last = _after(start, clock, _length(line))
    else:
        return start, start
    if last - start >= timedelta(days=MOST_DAYS_OF_ENTRY):
        raise InvalidFile(line.number, f"an event has at most {MOST_DAYS_OF_ENTRY} days")
    return start, max(start, last)


def _after(start: date, clock: str, length: timedelta) -> date:
    begins = datetime.combine(start, datetime.min.time())
    if clock:
        begins = begins.replace(hour=int(clock[:2]), minute=int(clock[2:4]), second=min(int(clock[4:6]), 59))
    ends = begins + length
    return (ends - timedelta(microseconds=1)).date() if length else start


def _length(line: Line) -> timedelta:
    found = _LENGTH.fullmatch(line.value.strip())
    if found is None or not any(found.groups()):
        raise InvalidFile(line.number, "DURATION must be a length such as P1D or PT2H")
    weeks, days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return timedelta(weeks=weeks, days=days, hours=hours, minutes=minutes, seconds=seconds)


def _is_cancelled(event: _Event) -> bool:
    return "STATUS" in event.said and event.said["STATUS"].value.strip().upper() == "CANCELLED"


def _days(line: Line) -> list[date]:
    """Of a list of days, instants or periods."""
    return [_stamp(Line(line.number, line.name, part.partition("/")[0]))[0] for part in line.value.split(",")]


def _stamp(line: Line) -> tuple[date, str]:
    """The day, and the time of day if it is one: as the event's own clock shows them."""
    found = _STAMP.fullmatch(line.value.strip())
    try:
        if found:
            clock = found[2] or ""
            if clock and not (clock[:2] < "24" and clock[2:4] < "60" and clock[4:] <= "60"):
                found = None
            else:
                return date(int(found[1][:4]), int(found[1][4:6]), int(found[1][6:])), clock.rstrip("0") and clock
    except ValueError:
        pass
    raise InvalidFile(line.number, f"{line.name} must be a day such as 20261224 or a time such as 20261224T180000Z")


def _events(text: str) -> Iterator[_Event]:
    """Events as deep as events lie; what is in or beside them is passed over."""
    nesting, count, event = Nesting(), 0, None
    for line in ical_lines.read(text):
        if line.name not in ("BEGIN", "END"):
            nesting.require(line.number)
            if event is not None and len(nesting.parts) == 2:
                event.take(line)
            continue
        part = line.value.strip().upper()
        if line.name == "END":
            nesting.close(line.number, part)
            if event is not None and len(nesting.parts) == 1:
                yield event
                event = None
        elif nesting.open(line.number, part) == 2 and part == "VEVENT":
            count, event = count + 1, _Event(line.number)
            if count > MOST_EVENTS:
                raise InvalidFile(line.number, f"a calendar has at most {MOST_EVENTS} events")
    nesting.end()


def _text(value: str) -> str:
    plain = _ESCAPED.sub(lambda found: " " if found[1] in "nN" else found[1], value)
    return " ".join("".join(letter if letter.isprintable() else " " for letter in plain).split())[:LONGEST_NOTE]
