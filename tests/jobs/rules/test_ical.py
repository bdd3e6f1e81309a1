"""iCalendar in and out: what becomes of events, and how a bad file is refused."""

from __future__ import annotations

import contextlib
from datetime import UTC, date, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.rules import calendar_days, ical, ical_writing
from jobs.rules.calendar_days import Entry, InvalidDays


def calendar(*events: str) -> str:
    body = "".join(f"BEGIN:VEVENT\n{event}\nEND:VEVENT\n" for event in events)
    return f"BEGIN:VCALENDAR\nVERSION:2.0\n{body}END:VCALENDAR\n"


def days_of(*events: str) -> list[str]:
    found = calendar_days.of_entries(ical.read(calendar(*events), 2026))
    return [day.isoformat() for day, _ in found.between(date(2026, 1, 1), date(2027, 12, 31))]


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        ("DTSTART;VALUE=DATE:20261224", ["2026-12-24"]),
        ("DTSTART;VALUE=DATE:20261224\nDTEND;VALUE=DATE:20261225", ["2026-12-24"]),
        ("DTSTART;VALUE=DATE:20261224\nDTEND;VALUE=DATE:20261227", ["2026-12-24", "2026-12-25", "2026-12-26"]),
        ("DTSTART;VALUE=DATE:20261224\nDURATION:P2D", ["2026-12-24", "2026-12-25"]),
        ("DTSTART:20261224T090000Z\nDTEND:20261224T170000Z", ["2026-12-24"]),
        ('DTSTART;TZID="W. Europe: Berlin":20261224T220000\nDTEND:20261225T000000', ["2026-12-24"]),
        ("DTSTART;TZID=Europe/Berlin:20261224T220000\nDTEND:20261225T010000", ["2026-12-24", "2026-12-25"]),
        ("DTSTART:20261224T220000Z\nDURATION:PT3H", ["2026-12-24", "2026-12-25"]),
        ("DTSTART:20261224T000000Z\nDTEND:20261224T000000Z", ["2026-12-24"]),
        ("DTSTART;VALUE=DATE:20200501\nRRULE:FREQ=YEARLY", ["2026-05-01", "2027-05-01"]),
        ("DTSTART;VALUE=DATE:20201126\nRRULE:FREQ=YEARLY;BYMONTH=11;BYDAY=4TH", ["2026-11-26", "2027-11-25"]),
        ("DTSTART;VALUE=DATE:20261201\nRRULE:FREQ=WEEKLY;COUNT=3\nEXDATE;VALUE=DATE:20261208", ["2026-12-01", "2026-12-15"]),
        ("DTSTART;VALUE=DATE:20261201\nRDATE;VALUE=DATE:20261203,20261205", ["2026-12-01", "2026-12-03", "2026-12-05"]),
        ("DTSTART;VALUE=DATE:20261201\nSTATUS:CANCELLED", []),
        ("BEGIN:VALARM\nTRIGGER:-PT5M\nDURATION:P9D\nEND:VALARM\nDTSTART;VALUE=DATE:20261224", ["2026-12-24"]),
    ],
)  # fmt: skip
def test_an_event_becomes_days(event, expected):
    assert days_of(event) == expected


def test_an_occurrence_that_was_moved_is_where_it_was_moved_to():
    series = "UID:a\nDTSTART;VALUE=DATE:20261201\nRRULE:FREQ=DAILY;COUNT=3"
    moved = "UID:a\nRECURRENCE-ID;VALUE=DATE:20261202\nDTSTART;VALUE=DATE:20261209"
    assert days_of(series, moved) == ["2026-12-01", "2026-12-03", "2026-12-09"]


def test_folded_lines_and_escapes_are_read():
    found = ical.read(calendar("DTSTART;VALUE=DATE:20261224\nSUMMARY;LANGUAGE=de:Heilig\n  Abend\\, frei"), 2026)
    assert found == [Entry(date(2026, 12, 24), None, "Heilig Abend, frei")]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "line 1: the file ends before END:VCALENDAR"),
        ("hello", "line 1: is no line of a calendar"),
        ("BEGIN:VCARD\nEND:VCARD", "line 1: a calendar begins with BEGIN:VCALENDAR"),
        ("BEGIN:VCALENDAR\nBEGIN:VEVENT\nEND:VCALENDAR", "line 3: END:VCALENDAR where END:VEVENT belongs"),
        (calendar("SUMMARY:x"), "line 3: this event has no DTSTART"),
        (calendar("DTSTART:20261301"), "line 4: DTSTART must be a day"),
        (calendar("DTSTART:20261201T250000Z"), "line 4: DTSTART must be a day"),
        (calendar("DTSTART:20261201\nDTSTART:20261202"), "line 5: DTSTART comes twice"),
        (calendar("DTSTART:20261201\nDTEND:20261101"), "line 5: DTEND is before DTSTART"),
        (calendar("DTSTART:20261201\nDTEND:99991231"), "line 5: an event has at most 366 days"),
        (calendar("DTSTART:00010101\nDTEND:00010103"), "line 3: DTSTART must lie between"),
        (calendar("DTSTART:20261201\nDURATION:P99999D"), "line 5: an event has at most 366 days"),
        (calendar("DTSTART:20261201\nDURATION:forever"), "line 5: DURATION must be a length"),
        (calendar("DTSTART:20261201\nRRULE:FREQ=SECONDLY"), "line 5: RRULE: FREQ must be DAILY"),
        (calendar("DTSTART:20261201\nRRULE:FREQ=DAILY;BYSECOND=1"), "line 5: RRULE: 'BYSECOND=1' is not understood"),
        (calendar("DTSTART:20261201\nRRULE:FREQ=DAILY"), "line 5: RRULE: makes more than 1000 days"),
        (calendar("DTSTART:20261201\nRRULE:FREQ=DAILY;INTERVAL=0"), "line 5: RRULE: INTERVAL must be 1"),
        (calendar("DTSTART:20261201\nRRULE:FREQ=YEARLY;BYDAY=XX"), "line 5: RRULE: BYDAY=XX names what there is not"),
        (calendar("DTSTART:20261201\nRRULE:FREQ=YEARLY;COUNT=" + "9" * 150), "line 5: RRULE: COUNT must be"),
        (calendar("DTSTART:18000101\nRRULE:FREQ=DAILY;BYMONTHDAY=31"), "line 5: RRULE: the event begins before 1900"),
        ("BEGIN:VCALENDAR\n" + "BEGIN:A\n" * 50_000, "line 9: components are at most 8 deep"),
        ("BEGIN:VCALENDAR\n" + "X:" + "y" * 500_000, "line 2: a line has at most 8192 characters"),
        ("BEGIN:VCALENDAR\nX:a\n" + " y" * 200_000, "a line has at most 8192 characters"),
        ("BEGIN:VCALENDAR\nX:a\n" + " \n" * 200_000, "a line has at most 8192 characters"),
        (calendar(*["DTSTART:20261201"] * 5000), "a calendar has at most 2000 events"),
        (calendar(*["DTSTART:20000101\nRRULE:FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30"] * 1900), "too many recurrences"),
        (calendar(*["DTSTART:19000101\nRRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30"] * 1900), "too many recurrences"),
        (calendar(*["DTSTART:19700101\nRRULE:FREQ=YEARLY;INTERVAL=100000;BYDAY=MO"] * 1900), "too many recurrences"),
        ("x" * 600_000, "at most 512 KiB"),
    ],
)  # fmt: skip
def test_a_bad_file_is_refused_at_its_line_before_it_costs_much(text, told):
    with pytest.raises(InvalidDays) as refused:
        ical.read(text, 2026)
    assert refused.value.field == "ical"
    assert told in refused.value.message


@given(st.text(alphabet='BEGIN:VCALDTSRUE;=0123456789\n \t"\\,', max_size=300), st.booleans())
def test_any_text_is_read_or_refused(text, inside):
    with contextlib.suppress(InvalidDays):
        ical.read(calendar(text) if inside else text, 2026)


entries = st.builds(
    Entry,
    st.dates(date(1990, 1, 1), date(2060, 1, 1)),
    st.none(),
    st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "S"]), max_size=150),
    st.booleans(),
)


@settings(max_examples=60)
@given(st.lists(entries, max_size=20))
def test_what_is_written_reads_as_the_same_days(given_entries):
    days = calendar_days.of_entries(given_entries)
    text = ical_writing.write(days, name="Ours; all, of \\ them", key="k", at=datetime(2026, 1, 1, tzinfo=UTC))
    assert all(len(line.encode()) <= 75 for line in text.split("\r\n"))
    assert calendar_days.of_entries(ical.read(text, 2026)) == days


def test_a_29th_of_february_of_every_year_is_written_where_there_is_one():
    days = calendar_days.Days({}, {(2, 29): calendar_days.Yearly(2025, "leap")})
    text = ical_writing.write(days, name="n", key="k", at=datetime(2026, 1, 1, tzinfo=UTC))
    assert "DTSTART;VALUE=DATE:20280229" in text
