"""Known hard cases, with instants worked out by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import islice, takewhile
from typing import Any

import pytest

from jobs import triggers
from jobs.rules.slots import Slot, Trigger


def cron(expression: str, zone: str = "UTC", **fields: Any) -> Trigger:
    return triggers.build("cron", {"expression": expression, "timezone": zone, **fields})


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def shown(slots: list[Slot]) -> list[tuple[str, str, str]]:
    return [
        (slot.at.strftime("%m-%d %H:%M"), slot.nominal[5:16] + slot.nominal[19:], slot.kind.value) for slot in slots
    ]


def between(trigger: Trigger, start: str, end: str) -> list[tuple[str, str, str]]:
    return shown(list(takewhile(lambda slot: slot.at < utc(end), trigger.after(utc(start)))))


@pytest.mark.parametrize(
    ("expression", "after", "expected"),
    [
        ("0 0 29 2 *", "2026-01-01", ["2028-02-29T00:00", "2032-02-29T00:00"]),
        ("0 0 29 2 *", "2096-03-01", ["2104-02-29T00:00"]),
        ("0 0 31 * *", "2026-01-31", ["2026-03-31T00:00", "2026-05-31T00:00", "2026-07-31T00:00"]),
        (
            "0 0 13 * 5",
            "2026-02-07",
            ["2026-02-13T00:00", "2026-02-20T00:00", "2026-02-27T00:00", "2026-03-06T00:00", "2026-03-13T00:00"],
        ),
        ("0 0 13 * 0-6", "2026-04-14", ["2026-04-15T00:00", "2026-04-16T00:00"]),
        ("0 0 1-31 * 5", "2026-04-14", ["2026-04-15T00:00", "2026-04-16T00:00"]),
        ("0 0 13 * 5", "2026-04-11", ["2026-04-13T00:00", "2026-04-17T00:00"]),
        ("59 23 L * *", "2027-12-31", ["2027-12-31T23:59", "2028-01-31T23:59", "2028-02-29T23:59", "2028-03-31T23:59"]),
        ("0 0 * * 5-7", "2026-10-19", ["2026-10-23T00:00", "2026-10-24T00:00", "2026-10-25T00:00", "2026-10-30T00:00"]),
        ("0 0 * * sat-sun", "2026-10-19", ["2026-10-24T00:00", "2026-10-25T00:00", "2026-10-31T00:00"]),
        ("0 0 * * 0-7", "2026-10-24", ["2026-10-25T00:00", "2026-10-26T00:00"]),
        ("15,45 59 23 31 12 *", "2026-12-31", ["2026-12-31T23:59:15", "2026-12-31T23:59:45", "2027-12-31T23:59:15"]),
        ("*/20 * * * * *", "2026-12-31T23:59:30", ["2026-12-31T23:59:40", "2027-01-01T00:00", "2027-01-01T00:00:20"]),
        ("0 0 1 1 *", "2026-01-01", ["2027-01-01T00:00", "2028-01-01T00:00"]),
        ("0 9 * * 1#1", "2026-10-19", ["2026-11-02T09:00", "2026-12-07T09:00"]),
        ("0 9 * * L5", "2026-10-19", ["2026-10-30T09:00", "2026-11-27T09:00"]),
        ("0 9 1W * *", "2026-07-15", ["2026-08-03T09:00", "2026-09-01T09:00"]),
        ("0 9 31W * *", "2026-05-15", ["2026-05-29T09:00", "2026-06-30T09:00"]),
        ("59/15 * * * *", "2026-01-01", ["2026-01-01T00:59", "2026-01-01T01:59"]),
        ("@hourly", "2026-01-01T05:30", ["2026-01-01T06:00"]),
        ("@DAILY", "2026-01-01", ["2026-01-02T00:00"]),
        ("@weekly", "2026-10-19", ["2026-10-25T00:00"]),
        ("@monthly", "2026-10-19", ["2026-11-01T00:00"]),
        ("@yearly", "2026-10-19", ["2027-01-01T00:00"]),
    ],
)
def test_slots_in_utc_are_the_expected_ones(expression: str, after: str, expected: list[str]) -> None:
    slots = list(islice(cron(expression).after(utc(after)), len(expected)))
    assert [slot.at for slot in slots] == [utc(text) for text in expected]
    assert list(islice(cron(expression).before(slots[-1].at, utc(after) + timedelta(seconds=1)), 99))[::-1] == slots


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ("run_after_gap", [("03-29 01:00", "03-29T02:30+01:00", "run"), ("03-30 00:30", "03-30T02:30+02:00", "run")]),
        ("skip", [("03-29 01:00", "03-29T02:30+01:00", "dst_gap"), ("03-30 00:30", "03-30T02:30+02:00", "run")]),
    ],
)
def test_a_time_in_the_gap_follows_the_gap_policy(policy: str, expected: list[tuple[str, str, str]]) -> None:
    trigger = cron("30 2 * * *", "Europe/Berlin", dst_gap=policy)
    assert between(trigger, "2026-03-28T12:00", "2026-03-30T12:00") == expected


def test_several_times_in_one_gap_are_one_slot() -> None:
    trigger = cron("0,15,30,45 2 * * *", "America/New_York")
    assert between(trigger, "2026-03-08T05:00", "2026-03-08T20:00") == [("03-08 07:00", "03-08T02:00-05:00", "run")]


def test_a_run_after_the_gap_joins_the_slot_that_is_there_anyway() -> None:
    trigger = cron("30 2,3 * * *", "Australia/Lord_Howe")
    assert between(trigger, "2026-10-03T12:00", "2026-10-03T20:00") == [
        ("10-03 15:30", "10-04T02:30+11:00", "run"),
        ("10-03 16:30", "10-04T03:30+11:00", "run"),
    ]
    joined = cron("15,30 2 * * *", "Australia/Lord_Howe")
    assert between(joined, "2026-10-03T12:00", "2026-10-03T20:00") == [("10-03 15:30", "10-04T02:30+11:00", "run")]


def test_a_time_right_after_the_gap_is_no_gap() -> None:
    trigger = cron("0 3 * * *", "Europe/Berlin", dst_gap="skip")
    assert between(trigger, "2026-03-28T12:00", "2026-03-29T12:00") == [("03-29 01:00", "03-29T03:00+02:00", "run")]


def test_a_schedule_that_starts_as_the_gap_ends_still_runs_what_the_gap_removed() -> None:
    closes = utc("2026-03-29T01:00")
    trigger = cron("30 2 * * *", "Europe/Berlin", start_at=closes)
    assert next(trigger.after(utc("2026-01-01"))).at == closes
    assert [slot.at for slot in trigger.before(closes, closes)] == [closes]
    assert trigger.count(utc("2026-01-01"), closes) == 1


def test_a_skipped_gap_stands_beside_the_slot_of_the_same_instant() -> None:
    trigger = cron("15,30 2 * * *", "Australia/Lord_Howe", dst_gap="skip")
    expected = [("10-03 15:30", "10-04T02:15+10:30", "dst_gap"), ("10-03 15:30", "10-04T02:30+11:00", "run")]
    assert between(trigger, "2026-10-03T12:00", "2026-10-03T20:00") == expected
    assert shown(list(trigger.before(utc("2026-10-03T20:00"), utc("2026-10-03T12:00")))) == expected[::-1]
    assert trigger.count(utc("2026-10-03T12:00"), utc("2026-10-03T20:00")) == 2


@pytest.mark.parametrize(
    ("policy", "kinds"), [("first", ["run", "dst_fold"]), ("second", ["dst_fold", "run"]), ("both", ["run", "run"])]
)
def test_a_time_in_the_fold_follows_the_fold_policy(policy: str, kinds: list[str]) -> None:
    trigger = cron("30 2 * * *", "Europe/Berlin", dst_fold=policy)
    assert between(trigger, "2026-10-24T12:00", "2026-10-25T12:00") == [
        ("10-25 00:30", "10-25T02:30+02:00", kinds[0]),
        ("10-25 01:30", "10-25T02:30+01:00", kinds[1]),
    ]


@pytest.mark.parametrize("policy", ["first", "second", "both"])
def test_a_wildcard_schedule_follows_real_time_through_the_fold(policy: str) -> None:
    trigger = cron("*/30 * * * *", "Australia/Lord_Howe", dst_fold=policy)
    assert between(trigger, "2026-04-04T14:00", "2026-04-04T16:10") == [
        ("04-04 14:30", "04-05T01:30+11:00", "run"),
        ("04-04 15:00", "04-05T01:30+10:30", "run"),
        ("04-04 15:30", "04-05T02:00+10:30", "run"),
        ("04-04 16:00", "04-05T02:30+10:30", "run"),
    ]


def test_a_wildcard_schedule_knows_no_gap() -> None:
    assert between(cron("*/20 2 * * *", "Europe/Berlin"), "2026-03-28T12:00", "2026-03-29T12:00") == []


def test_ramadan_changes_are_a_fold_and_a_gap_like_any_other() -> None:
    # Morocco: back to UTC+0 on 2026-02-15 at 03:00, forward to UTC+1 on 2026-03-22 at 02:00.
    trigger = cron("30 2 * * 0", "Africa/Casablanca")
    assert between(trigger, "2026-02-14T00:00", "2026-02-16T00:00") == [
        ("02-15 01:30", "02-15T02:30+01:00", "run"),
        ("02-15 02:30", "02-15T02:30+00:00", "dst_fold"),
    ]
    assert between(trigger, "2026-03-21T00:00", "2026-03-23T00:00") == [("03-22 02:00", "03-22T02:30+00:00", "run")]


def test_a_day_that_never_was_runs_at_the_first_instant_after_it() -> None:
    # Samoa went from the evening of 29 December 2011 straight to the 31st.
    assert between(cron("0 9 * * *", "Pacific/Apia"), "2011-12-29T00:00", "2011-12-31T12:00") == [
        ("12-29 19:00", "12-29T09:00-10:00", "run"),
        ("12-30 10:00", "12-30T09:00-10:00", "run"),
        ("12-30 19:00", "12-31T09:00+14:00", "run"),
    ]


def test_midnight_that_does_not_exist_runs_at_one() -> None:
    assert between(cron("0 0 * * *", "America/Sao_Paulo"), "2018-11-03T12:00", "2018-11-05T12:00") == [
        ("11-04 03:00", "11-04T00:00-03:00", "run"),
        ("11-05 02:00", "11-05T00:00-02:00", "run"),
    ]


def test_bounds_are_half_open() -> None:
    trigger = cron("0 * * * *", start_at=utc("2026-01-01T10:00"), end_at=utc("2026-01-01T12:00"))
    assert [slot.at.hour for slot in trigger.after(utc("2025-01-01"))] == [10, 11]
    assert [slot.at.hour for slot in trigger.before(utc("2027-01-01"), utc("2025-01-01"))] == [11, 10]
    assert trigger.count(utc("2025-01-01"), utc("2027-01-01")) == 2
    assert list(trigger.after(utc("2026-01-01T11:00"))) == []


def test_instants_may_be_given_in_any_zone() -> None:
    new_year = datetime.fromisoformat("2027-01-01T00:30:00+01:00")
    trigger = cron("45 23 31 12 *")
    assert next(trigger.after(new_year)).at == utc("2026-12-31T23:45")
    assert trigger.count(new_year, new_year + timedelta(hours=1)) == 1


def test_fractions_of_a_second_do_not_blur_strictly_after() -> None:
    trigger = cron("* * * * * *")
    at = utc("2026-01-01T00:00:05")
    tick = timedelta(microseconds=1)
    assert next(trigger.after(at)).at == at + timedelta(seconds=1)
    assert next(trigger.after(at - tick)).at == at
    assert next(trigger.before(at, utc("2025-01-01"))).at == at
    assert next(trigger.before(at - tick, utc("2025-01-01"))).at == at - timedelta(seconds=1)
    assert trigger.count(at, at + timedelta(seconds=2, microseconds=5)) == 2


def test_a_count_over_centuries_is_exact() -> None:
    start, end = utc("1970-01-01"), utc("2199-12-31T23:59:59")
    assert cron("* * * * * *", "Europe/Berlin").count(start, end) == int((end - start).total_seconds())
