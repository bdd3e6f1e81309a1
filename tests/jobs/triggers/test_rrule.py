"""Recurrence rules: against dateutil, and what is refused and where."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

import pytest
from dateutil import rrule as dateutil_rrule
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from jobs import triggers
from jobs.rules.slots import Trigger
from jobs.triggers.contract import InvalidSchedule
from tests.jobs.triggers import test_kinds_against_clocks

MODERATE = settings(deadline=None, max_examples=80, database=None, derandomize=True)
START = datetime(2026, 1, 1, 9, 0, 0, tzinfo=UTC)


def rule(text: str, start: datetime = START, **fields: Any) -> Trigger:
    return triggers.build("rrule", {"rrule": text, "start_at": start, **fields})


def shown(text: str, count: int = 5, **fields: Any) -> list[str]:
    return [slot.nominal[:16] for slot in islice(rule(text, **fields).after(START - timedelta(seconds=1)), count)]


@st.composite
def seconds(draw: st.DrawFn) -> str:
    text = f"FREQ=SECONDLY;INTERVAL={draw(st.integers(1, 20_000))}"
    for name, high, most in (("BYHOUR", 23, 6), ("BYMINUTE", 59, 30), ("BYSECOND", 59, 30), ("BYMONTHDAY", 28, 9)):
        if draw(st.booleans()):
            low = 1 if name == "BYMONTHDAY" else 0
            values = draw(st.lists(st.integers(low, high), min_size=1, max_size=most, unique=True))
            text += f";{name}={','.join(map(str, values))}"
    return text


@MODERATE
@given(
    text=st.one_of(test_kinds_against_clocks.rrules(), seconds()),
    start=st.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1)),  # noqa: DTZ001 - made aware here
    later=st.integers(0, 700),
)
def test_slots_in_utc_are_those_of_dateutil(text: str, start: datetime, later: int) -> None:
    # dateutil chooses positions among what is left of the first week; the RFC has the whole week.
    assume("BYSETPOS" not in text or "WEEKLY" not in text)
    anchor = start.replace(microsecond=0, tzinfo=UTC)
    try:
        trigger = rule(text, anchor)
    except InvalidSchedule:
        assume(False)
    since = anchor + timedelta(days=later)
    ours = [slot.at for slot in islice(trigger.after(since), 4)]
    assume(not ours or ours[-1].year < 2060)  # dateutil walks there, day by day
    theirs = dateutil_rrule.rrulestr(text, dtstart=anchor)
    assert ours == list(islice(theirs.xafter(since), len(ours)))
    if "COUNT" in text:
        assert [slot.at for slot in trigger.after(anchor - timedelta(seconds=1))] == [
            at for at in theirs if at.year < 2200
        ]


def test_a_rule_takes_what_it_leaves_out_from_its_first_day() -> None:
    assert shown("FREQ=WEEKLY", 2) == ["2026-01-01T09:00", "2026-01-08T09:00"]
    assert shown("FREQ=YEARLY;BYMONTH=3", 2) == ["2026-03-01T09:00", "2027-03-01T09:00"]
    assert shown("rrule:freq=daily;byhour=6,18", 2) == ["2026-01-01T18:00", "2026-01-02T06:00"]


def test_a_first_instant_between_two_seconds_counts_from_the_next_second() -> None:
    trigger = rule("FREQ=DAILY;COUNT=1", START + timedelta(microseconds=1))
    assert [slot.at for slot in trigger.after(START)] == [START + timedelta(seconds=1)]


def test_an_hourly_rule_without_hours_follows_real_time_and_one_with_hours_names_them() -> None:
    night = datetime(2026, 10, 24, 22, 30, tzinfo=UTC)
    hourly = rule("FREQ=HOURLY", night, timezone="Europe/Berlin")
    assert [slot.kind.value for slot in islice(hourly.after(night), 4)] == ["run"] * 4
    named = rule("FREQ=HOURLY;BYHOUR=2", night, timezone="Europe/Berlin")
    assert [slot.kind.value for slot in islice(named.after(night), 2)] == ["run", "dst_fold"]


def test_far_questions_cost_what_near_ones_do() -> None:
    trigger = rule("FREQ=SECONDLY;INTERVAL=7;BYMINUTE=1,2")
    far = datetime(2190, 6, 1, tzinfo=UTC)
    assert next(trigger.after(far)).at > far
    assert next(trigger.before(far, START)).at <= far
    assert trigger.count(far, far + timedelta(days=1)) == pytest.approx(24 * 120 / 7, abs=2)
    assert rule("FREQ=SECONDLY").count(START, far) == (far - START) // timedelta(seconds=1)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "must be a rule"),
        (None, "must be a rule"),
        ("FREQ=DAILY" + " " * 991, "at most 1000"),
        ("FREQ=DAILY;BYHOUR=\uff19", "outside ASCII (at character 19)"),
        ("BYHOUR=9", "FREQ is missing"),
        ("FREQ=FORTNIGHTLY", "'FORTNIGHTLY' is unknown; write one of YEARLY, MONTHLY, WEEKLY"),
        ("FREQ=DAILY;", "write NAME=VALUE, with ';' between parts (at character 12)"),
        ("FREQ=DAILY;BYEASTER=1", "'BYEASTER' is no part of a rule; known are FREQ"),
        ("FREQ=DAILY;FREQ=DAILY", "FREQ is there twice"),
        ("DTSTART:20260101T090000\nRRULE:FREQ=DAILY", "DTSTART has no place in a rule: the first day and time are the"),
        ("FREQ=DAILY\nEXDATE:20260101T090000", "EXDATE has no place in a rule: days left out belong in a calendar"),
        ("RDATE:20260101\nFREQ=DAILY", "RDATE has no place in a rule: further instants are schedules of kind once"),
        ("FREQ=DAILY;BYMINUTE=0,61", "BYMINUTE 61 is out of range; write 0 to 59 (at character 23)"),
        ("FREQ=DAILY;BYSECOND=60", "BYSECOND 60 is out of range"),
        ("FREQ=MONTHLY;BYMONTHDAY=0", "BYMONTHDAY 0 is out of range; write 1 to 31, or -31 to -1 from the end"),
        ("FREQ=DAILY;BYHOUR=-1", "BYHOUR '-1' is not understood"),
        ("FREQ=DAILY;BYHOUR=1,,2", "BYHOUR '' is not understood; write 0 to 23 (at character 21)"),
        ("FREQ=DAILY;INTERVAL=0", "INTERVAL 0 is out of range"),
        ("FREQ=YEARLY;INTERVAL=101", "INTERVAL 101 is too long for YEARLY; at most 100 (at character 22)"),
        ("FREQ=SECONDLY;INTERVAL=999999999", "is too long for SECONDLY"),
        ("FREQ=DAILY;INTERVAL=99999999999999999999", "is not understood"),
        ("FREQ=DAILY;COUNT=1001", "COUNT 1001 is too many; at most 1000, or end it by UNTIL, end_at or max_runs"),
        ("FREQ=DAILY;COUNT=2;UNTIL=20270101T000000", "UNTIL and COUNT exclude each other"),
        ("FREQ=DAILY;UNTIL=20261231", "write 20261231T235959 to have it count"),
        ("FREQ=DAILY;UNTIL=20261331T000000", "is no time"),
        ("FREQ=DAILY;UNTIL=tomorrow", "UNTIL 'TOMORROW' is no time"),
        ("FREQ=DAILY;UNTIL=20251231T000000", "UNTIL lies before the first time"),
        ("FREQ=DAILY;UNTIL=20260101T085959Z", "UNTIL lies before the first time"),
        ("FREQ=WEEKLY;BYDAY=1MO", "has a number before a day, which is for FREQ=MONTHLY or YEARLY, not WEEKLY"),
        ("FREQ=MONTHLY;BYDAY=6MO", "has 6 before a day, and a month has five weeks at most"),
        ("FREQ=MONTHLY;BYDAY=0MO", "is not understood; write MO to SU"),
        (
            "FREQ=MONTHLY;BYDAY=MO,XX",
            "BYDAY 'XX' is not understood; write MO to SU, as in 2TU or -1FR for the n-th (at",
        ),
        ("FREQ=YEARLY;BYWEEKNO=20", "leaves open which days of the week; add BYDAY"),
        ("FREQ=YEARLY;BYWEEKNO=20;BYDAY=1MO", "means nothing beside BYWEEKNO"),
        ("FREQ=MONTHLY;BYWEEKNO=20;BYDAY=MO", "is for FREQ=YEARLY only"),
        ("FREQ=MONTHLY;BYYEARDAY=20", "has no meaning for FREQ=MONTHLY"),
        ("FREQ=WEEKLY;BYMONTHDAY=20", "has no meaning for FREQ=WEEKLY"),
        ("FREQ=MONTHLY;BYSETPOS=1", "add one, such as BYDAY"),
        ("FREQ=DAILY;WKST=1", "WKST '1' is unknown"),
        (
            "FREQ=DAILY;BYMINUTE=" + ",".join(map(str, range(60))) + ";BYSECOND=" + ",".join(map(str, range(60))),
            "makes 3600 times of each period; at most 1440",
        ),
        ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", "would not fire within 50 years of start_at"),
        ("FREQ=SECONDLY;BYMONTH=2;BYMONTHDAY=30", "would not fire within 50 years"),
        ("FREQ=WEEKLY;BYDAY=MO,TU;BYHOUR=9;BYSETPOS=3,-4", "chooses none of the 2 that a week has"),
        ("FREQ=HOURLY;INTERVAL=169", "INTERVAL 169 is too long for HOURLY; at most 168"),
        (
            "FREQ=SECONDLY;INTERVAL=599;BYMINUTE=7;BYSECOND=7;COUNT=9",
            "COUNT beside BYMINUTE needs an INTERVAL that divides the day; end it by UNTIL, end_at or max_runs",
        ),
        ("FREQ=DAILY;BYHOUR=9;BYSETPOS=2", "would not fire within 50 years"),
        ("FREQ=SECONDLY;BYSECOND=1;BYSETPOS=2", "never meets the days and times named"),
        (
            "FREQ=SECONDLY;INTERVAL=60;BYSECOND=30",
            "INTERVAL counted from start_at never meets the days and times named",
        ),
        ("FREQ=HOURLY;INTERVAL=168;BYDAY=TU", "never meets the days and times named"),
        ("FREQ=SECONDLY;INTERVAL=7;BYDAY=MO;BYHOUR=3;BYMINUTE=0;BYSECOND=0", "never meets"),
        ("FREQ=SECONDLY;INTERVAL=86399;BYHOUR=0;BYMINUTE=0;BYSECOND=0", "would not fire within 50 years"),
    ],
)
def test_a_bad_rule_is_refused_with_the_place_and_what_to_do(text: object, message: str) -> None:
    with pytest.raises(InvalidSchedule) as refusal:
        triggers.build("rrule", {"rrule": text, "start_at": START} if text is not None else {"start_at": START})
    assert refusal.value.field == "rrule"
    if text is not None:
        assert message in refusal.value.message


def test_a_rule_needs_a_first_day() -> None:
    with pytest.raises(InvalidSchedule, match="start_at: is required"):
        triggers.build("rrule", {"rrule": "FREQ=DAILY"})


def test_until_may_be_local_or_utc() -> None:
    berlin = {"timezone": "Europe/Berlin"}
    assert shown("FREQ=DAILY;UNTIL=20260103T100000", **berlin)[-1] == "2026-01-03T10:00"
    assert shown("FREQ=DAILY;UNTIL=20260103T095959", **berlin)[-1] == "2026-01-02T10:00"
    assert shown("FREQ=DAILY;UNTIL=20260103T090000Z", **berlin)[-1] == "2026-01-03T10:00"
    assert shown("FREQ=DAILY;UNTIL=20260103T085959Z", **berlin)[-1] == "2026-01-02T10:00"
