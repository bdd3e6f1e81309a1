"""Cron against an independent walk through real time, and against two other libraries."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import islice, takewhile

import pytest
from croniter import croniter
from cronsim import CronSim
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs import triggers
from tests.jobs.triggers import minute_walker

MODERATE = settings(deadline=None, max_examples=60, database=None)

#: Zones and a date near a change of their clocks, or near none.
CHANGES = [
    ("Europe/Berlin", "2026-03-29"),
    ("Europe/Berlin", "2026-10-25"),
    ("Europe/Dublin", "2026-10-25"),
    ("America/New_York", "2026-03-08"),
    ("America/New_York", "2026-11-01"),
    ("Australia/Lord_Howe", "2026-04-05"),
    ("Australia/Lord_Howe", "2026-10-04"),
    ("Africa/Casablanca", "2026-02-15"),
    ("Africa/Casablanca", "2026-03-22"),
    ("Pacific/Apia", "2011-12-30"),
    ("Pacific/Chatham", "2026-09-27"),
    ("America/Sao_Paulo", "2018-02-18"),
    ("America/Sao_Paulo", "2018-11-04"),
    ("Asia/Beirut", "2026-03-29"),
    ("Asia/Beirut", "2026-10-25"),
    ("Antarctica/Troll", "2026-03-29"),
    ("Antarctica/Troll", "2026-10-25"),
    ("America/Havana", "2026-03-08"),
    ("America/Scoresbysund", "2026-10-25"),
    ("Asia/Kolkata", "2026-12-31"),
    ("UTC", "2027-01-01"),
]


def numbers(low: int, high: int) -> st.SearchStrategy[str]:
    """A field without a star: a value, a list, a range, with or without a step."""
    value = st.integers(low, high)
    several = st.lists(value, min_size=2, max_size=4, unique=True)
    step = st.sampled_from(["", "/2", "/3", "/7"])
    span = st.tuples(several, step).map(lambda pair: f"{min(pair[0])}-{max(pair[0])}{pair[1]}")
    return st.one_of(value.map(str), several.map(lambda values: ",".join(map(str, values))), span)


def starred(low: int, high: int) -> st.SearchStrategy[str]:
    return st.one_of(numbers(low, high), st.sampled_from(["*", "*/5", "*/20"]))


TIMES = st.one_of(
    st.tuples(numbers(0, 59), numbers(0, 3)),
    st.tuples(numbers(0, 59), numbers(0, 23)),
    st.tuples(starred(0, 59), starred(0, 23)),
)
DAYS = st.one_of(
    st.just(("*", "*", "*")), st.tuples(starred(1, 31), st.just("*"), st.one_of(st.just("*"), numbers(0, 7)))
)
EXPRESSIONS = st.tuples(TIMES, DAYS).map(lambda parts: " ".join([*parts[0], *parts[1]]))


@MODERATE
@given(
    expression=EXPRESSIONS,
    change=st.sampled_from(CHANGES),
    gap=st.sampled_from(["run_after_gap", "skip"]),
    fold=st.sampled_from(["first", "second", "both"]),
)
def test_slots_are_those_of_a_walk_through_real_time(
    expression: str, change: tuple[str, str], gap: str, fold: str
) -> None:
    zone, date = change
    start, end = minute_walker.days(date, 2)
    spec = {"expression": expression, "timezone": zone, "dst_gap": gap, "dst_fold": fold}
    trigger = triggers.build("cron", spec)
    just_before, last = start - timedelta(microseconds=1), end - timedelta(microseconds=1)

    found = [
        (slot.at, slot.nominal, slot.kind.value)
        for slot in takewhile(lambda slot: slot.at < end, trigger.after(just_before))
    ]
    backwards = [(slot.at, slot.nominal, slot.kind.value) for slot in trigger.before(last, start)]

    assert found == minute_walker.walk(expression, zone, start, end, gap, fold)
    assert backwards[::-1] == found
    assert trigger.count(just_before, last) == len(found)
    runs = [at for at, _, kind in found if kind == "run"]
    assert runs == sorted(set(runs))


@pytest.mark.parametrize("change", CHANGES)
def test_slots_are_the_same_wherever_the_walk_begins(change: tuple[str, str]) -> None:
    zone, date = change
    start, end = minute_walker.days(date, 1)
    trigger = triggers.build("cron", {"expression": "7,37 0-3,12,23 * * *", "timezone": zone, "dst_gap": "skip"})
    slots = list(takewhile(lambda slot: slot.at <= end, trigger.after(start)))
    for index, slot in enumerate(slots):
        later = [other for other in slots if other.at > slot.at]
        assert list(islice(trigger.after(slot.at), len(later))) == later
        assert list(trigger.before(slot.at, start + timedelta(microseconds=1)))[::-1] == [
            other for other in slots if other.at <= slot.at
        ]
        assert trigger.count(slot.at, end) == len(later), index


INSTANTS = st.datetimes(datetime(1990, 1, 1), datetime(2090, 1, 1)).map(  # noqa: DTZ001 - made aware here
    lambda naive: naive.replace(tzinfo=UTC)
)


@MODERATE
@given(
    second=st.one_of(st.none(), starred(0, 59)),
    times=TIMES,
    day=st.one_of(st.just("*"), numbers(1, 28), st.just("L")),
    month=starred(1, 12),
    weekday=st.one_of(st.just("*"), numbers(0, 6), st.sampled_from(["mon-fri", "MON,WED", "5#2", "0#1", "5-7"])),
    instant=INSTANTS,
)
def test_slots_in_utc_are_those_of_cronsim(
    second: str | None, times: tuple[str, str], day: str, month: str, weekday: str, instant: datetime
) -> None:
    if "#" in weekday:
        day = "*"
    expression = " ".join([*([second] if second else []), *times, day, month, weekday])
    trigger = triggers.build("cron", {"expression": expression})
    assert [slot.at for slot in islice(trigger.after(instant), 5)] == list(islice(CronSim(expression, instant), 5))


@MODERATE
@given(
    days=st.one_of(
        st.tuples(st.sampled_from(["L", "15,L", "1W", "15W", "28W", "31W", "30", "29-31"]), st.just("*")),
        st.tuples(st.just("*"), st.sampled_from(["L5", "L0", "1#1,3#5", "fri#2", "7#3", "5-7", "sat-sun", "1-7/2"])),
        st.tuples(st.sampled_from(["13", "L", "1-7"]), st.sampled_from(["5", "sat-sun", "2-4"])),
    ),
    month=starred(1, 12),
    instant=INSTANTS,
)
def test_special_days_are_those_of_croniter(days: tuple[str, str], month: str, instant: datetime) -> None:
    expression = f"30 6 {days[0]} {month} {days[1]}"
    trigger = triggers.build("cron", {"expression": expression})
    oracle = croniter(expression, instant, ret_type=datetime, max_years_between_matches=100)
    assert [slot.at for slot in islice(trigger.after(instant), 5)] == [oracle.get_next() for _ in range(5)]
