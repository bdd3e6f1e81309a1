"""Cron, recurrence and calendar rules, in every zone there is, against an independent walk through real time.

By hand with more: ``CARILLON_TRIGGER_EXAMPLES=5000 python -m pytest tests/jobs/triggers/test_kinds_against_clocks.py``.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import chain, cycle, pairwise, product, repeat, takewhile
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo, available_timezones

from hypothesis import HealthCheck, Phase, assume, given, note, settings
from hypothesis import strategies as st

from jobs import triggers
from jobs.rules import planning
from jobs.rules.calendars import CalendarUse
from jobs.rules.misfires import Misfire, MisfirePolicy
from jobs.rules.slots import SlotKind
from jobs.triggers import zones
from tests.jobs.triggers import day_walker, minute_walker
from tests.jobs.triggers.test_cron_against_clocks import EXPRESSIONS

EXAMPLES = settings(
    deadline=None,
    max_examples=int(os.environ.get("CARILLON_TRIGGER_EXAMPLES", "40")),
    database=None,
    phases=[Phase.generate],
    derandomize="CARILLON_TRIGGER_EXAMPLES" not in os.environ,
    suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow],
)
ZONES = sorted(
    name for name in available_timezones() if not name.startswith(("posix", "right", "localtime", "Factory"))
)
TICK = timedelta(microseconds=1)
#: Longest stretch in seconds: of more than a thousand missed slots the oldest are only counted.
MOST = 50_000
MONTHS = st.lists(st.integers(1, 12), min_size=1, max_size=4, unique=True)


class Case(NamedTuple):
    kind: str
    spec: dict[str, Any]
    matches: Callable[[datetime], bool]
    wildcard: bool
    zone: str
    start: datetime
    end: datetime
    #: Days on which nothing runs.
    holidays: frozenset[date] = frozenset()


@cache
def days_of_changes(zone: str) -> list[datetime]:
    """Days from 2025 to 2035 in which the zone's clocks change; some others for a zone that has none."""
    place = ZoneInfo(zone)
    days = [datetime(2025, 1, 1, tzinfo=UTC) + n * timedelta(days=1) for n in range(11 * 365 + 3)]
    offsets = [day.astimezone(place).utcoffset() for day in days]
    changed = [day for day, one, other in zip(days, offsets, offsets[1:], strict=False) if one != other]
    return changed or [days[58], days[364], days[1154], days[-2]]


def joined(values: list[Any]) -> str:
    return ",".join(map(str, values))


def a_list(values: st.SearchStrategy[Any], most: int = 3) -> st.SearchStrategy[str]:
    return st.lists(values, min_size=1, max_size=most, unique=True).map(joined)


def signed(high: int) -> st.SearchStrategy[int]:
    return st.integers(1, high).flatmap(lambda n: st.sampled_from([n, -n]))


@st.composite
def rrules(draw: st.DrawFn) -> str:
    freq = draw(st.sampled_from(["YEARLY", "MONTHLY", "WEEKLY", "DAILY", "HOURLY", "MINUTELY"]))
    finest = freq in ("HOURLY", "MINUTELY")
    chances: dict[str, st.SearchStrategy[Any]] = {
        "INTERVAL": st.integers(1, 90 if finest else 4),
        "WKST": st.sampled_from(day_walker.NAMES),
        "BYMONTH": MONTHS.map(joined),
        "BYHOUR": a_list(st.integers(0, 3)) if freq != "HOURLY" else a_list(st.integers(0, 23), 8),
        "BYMINUTE": a_list(st.integers(0, 59), 5),
        "BYDAY": a_list(st.sampled_from(day_walker.NAMES), 4),
    }
    if freq != "WEEKLY":
        chances["BYMONTHDAY"] = a_list(signed(31), 8)
    if freq in ("YEARLY", "HOURLY"):
        chances["BYYEARDAY"] = a_list(signed(366), 9)
    parts = {"FREQ": freq}
    for name, strategy in chances.items():
        if draw(st.integers(0, 2 if finest else 1)) == 0:
            parts[name] = str(draw(strategy))
    if freq in ("YEARLY", "MONTHLY") and draw(st.booleans()):
        most = 53 if freq == "YEARLY" and "BYMONTH" not in parts else 5
        nth = st.tuples(signed(most), st.sampled_from(day_walker.NAMES)).map(lambda pair: f"{pair[0]}{pair[1]}")
        parts["BYDAY"] = draw(a_list(nth, 6))
    elif freq == "YEARLY" and "BYDAY" in parts and draw(st.booleans()):
        parts["BYWEEKNO"] = draw(a_list(signed(53), 9))
    if not finest and {"BYDAY", "BYMONTHDAY", "BYHOUR", "BYMINUTE"} & set(parts) and draw(st.integers(0, 2)) == 0:
        parts["BYSETPOS"] = draw(a_list(signed(6)))
    if not finest and draw(st.integers(0, 3)) == 0:
        parts["COUNT"] = str(draw(st.integers(1, 40)))
    return ";".join(f"{name}={value}" for name, value in parts.items())


@st.composite
def calendar_rules(draw: st.DrawFn) -> dict[str, Any]:
    every = draw(st.sampled_from(["week", "month", "quarter", "year"]))
    most = {"week": 7, "month": 31, "quarter": 92, "year": 366}[every]
    on: dict[str, Any] = draw(
        st.one_of(
            st.builds(lambda n: {"business_day": n}, signed(min(most, 25))),
            st.builds(lambda n: {"day": n}, st.one_of(signed(most), st.just("last"))),
            st.builds(
                lambda day, n: {"weekday": day, "nth": n},
                st.sampled_from(["mon", "tue", "wed", "thu", "fri", "sat", "sun"]),
                signed(-(-most // 7)),
            ),
        )
    )
    if every == "week":
        on.pop("nth", None)
    at = draw(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 59)), min_size=1, max_size=4, unique=True))
    rule = {"every": every, "on": on, "at": [f"{hour:02}:{minute:02}" for hour, minute in at]}
    if "business_day" not in on:
        rule["shift"] = draw(st.sampled_from([None, "previous_business_day", "next_business_day"]))
    if every == "month" and draw(st.booleans()):
        rule["months"] = draw(MONTHS)
    return rule


@st.composite
def cases(draw: st.DrawFn) -> Case:
    zone = draw(st.sampled_from(ZONES))
    middle = draw(st.sampled_from(days_of_changes(zone)))
    kind = draw(st.sampled_from(["cron", "rrule", "rrule", "calendar"]))
    wildcard, holidays = False, frozenset[date]()
    spec: dict[str, Any]
    if kind == "cron":
        text = draw(EXPRESSIONS)
        spec, wildcard = {"expression": text}, any(field[0] == "*" for field in text.split()[:2])

        def matches(wall: datetime) -> bool:
            return minute_walker.wall_matches(text, wall)
    elif kind == "rrule":
        begin = middle - timedelta(days=draw(st.integers(0, 900)), minutes=draw(st.integers(0, 1439)))
        rule = draw(rrules())
        walker = day_walker.RuleWalker(rule, begin.astimezone(ZoneInfo(zone)).replace(tzinfo=None, fold=0))
        assume(walker.anchor.second == 0)
        spec, wildcard, matches = {"rrule": rule, "start_at": begin}, walker.wildcard, walker.matches
        if "COUNT" not in rule and draw(st.integers(0, 3)) == 0:
            until = walker.anchor + timedelta(days=draw(st.integers(0, 1000)))
            spec["rrule"] += f";UNTIL={until:%Y%m%dT%H%M%S}"
            matches = day_walker.RuleWalker(spec["rrule"], walker.anchor).matches
    else:
        holidays = frozenset(middle.date() + timedelta(days=n) for n in draw(st.sets(st.integers(-9, 9), max_size=8)))
        calendar = draw(calendar_rules())
        spec, matches = {"rule": calendar}, day_walker.CalendarWalker(calendar, holidays).matches
        if holidays:
            spec["calendars"] = (CalendarUse(days=holidays),)
    spec |= {
        "timezone": zone,
        "dst_gap": draw(st.sampled_from(["run_after_gap", "skip"])),
        "dst_fold": draw(st.sampled_from(["first", "second", "both"])),
    }
    # Offsets of whole seconds are no minutes to walk; no zone has them any more.
    return Case(kind, spec, matches, wildcard, zone, middle - timedelta(days=2), middle + timedelta(days=3), holidays)


@EXAMPLES
@given(case=cases(), stretches=st.lists(st.integers(1, MOST), min_size=1, max_size=12))
def test_preview_and_dispatch_are_what_a_walk_through_real_time_sees(case: Case, stretches: list[int]) -> None:
    try:
        trigger = triggers.build(case.kind, case.spec)
    except triggers.InvalidSchedule as error:
        assume("fire" not in error.message and "never" not in error.message)
        raise
    note(f"{case.kind} {case.spec}")
    begin = case.spec.get("start_at", case.start)
    expected = [
        left_out(one, case)
        for one in minute_walker.walk_walls(
            case.matches, case.wildcard, case.zone, case.start, case.end, case.spec["dst_gap"], case.spec["dst_fold"]
        )
        if one[0] >= begin
    ]
    found = list(takewhile(lambda slot: slot.at < case.end, trigger.after(case.start - TICK)))
    assert [(slot.at, slot.nominal, slot.kind.value) for slot in found] == expected
    assert list(trigger.before(case.end - TICK, case.start))[::-1] == found
    assert trigger.count(case.start - TICK, case.end - TICK) == len(found)
    assert planned(trigger, case, stretches) == [slot for slot in found if slot.kind is SlotKind.RUN]


def left_out(seen: minute_walker.Seen, case: Case) -> minute_walker.Seen:
    """A run on one of the schedule's holidays is none."""
    at, nominal, kind = seen
    is_holiday = at.astimezone(ZoneInfo(case.zone)).date() in case.holidays
    return (at, nominal, "holiday") if kind == "run" and is_holiday else seen


def first_changes() -> dict[tuple[Any, ...], tuple[str, datetime]]:
    """Of all zones that show the same time from 2025 to 2035 one, and an instant within a month before its first change."""
    months = [datetime(2025 + n // 12, n % 12 + 1, 1, tzinfo=UTC) for n in range(11 * 12)]
    found: dict[tuple[Any, ...], tuple[str, datetime]] = {}
    for zone in ZONES:
        place = ZoneInfo(zone)
        offsets = tuple(month.astimezone(place).utcoffset() for month in months)
        changed = (month for month, one, other in zip(months, offsets, offsets[1:], strict=False) if one != other)
        found.setdefault(offsets, (zone, next(changed, months[0])))
    return found


def test_the_first_clock_change_of_every_zone_is_what_a_walk_sees() -> None:
    policies = cycle(product(["run_after_gap", "skip"], ["first", "second", "both"]))
    expression = "7,37 0-23 * * *"
    clocks = first_changes()
    assert len(clocks) > 50
    for (zone, since), (gap, fold) in zip(clocks.values(), policies, strict=False):
        place = ZoneInfo(zone)
        days = [since + timedelta(days=n) for n in range(33)]
        changes = (
            one
            for one, other in pairwise(days)
            if one.astimezone(place).utcoffset() != other.astimezone(place).utcoffset()
        )
        start = next(changes, since)
        end = start + timedelta(days=1)
        trigger = triggers.build("cron", {"expression": expression, "timezone": zone, "dst_gap": gap, "dst_fold": fold})
        found = list(takewhile(lambda slot, end=end: slot.at < end, trigger.after(start - TICK)))
        told = [(slot.at, slot.nominal, slot.kind.value) for slot in found]
        assert told == minute_walker.walk(expression, zone, start, end, gap, fold), (zone, gap, fold)


def planned(trigger: Any, case: Case, stretches: list[int]) -> list[Any]:
    """The runs of a planner that looks again and again, after stretches of any length, and misses nothing."""
    policy = MisfirePolicy(
        misfire=Misfire.ALL, misfire_max=1, misfire_grace=timedelta(0), catch_up_window=timedelta(days=3650)
    )
    runs: list[Any] = []
    after, last = case.start - TICK, case.end - TICK
    for seconds in chain(stretches, repeat(MOST)):
        if after >= last:
            return runs
        now = min(after + timedelta(seconds=seconds), last)
        while True:
            plan = planning.plan(trigger, after=after, now=now, horizon=now, policy=policy)
            runs += plan.runs
            stopped = plan.next is not None and plan.next.at <= now and plan.last_at is not None
            after = plan.last_at if stopped and plan.last_at else now
            if not stopped:
                break
    raise AssertionError("a stretch came to nothing")


def test_every_zone_is_one_to_the_product_as_well() -> None:
    assert len(ZONES) > 400
    for name in ZONES:
        if name != "Factory":
            zones.zone(name)


def test_the_walk_knows_a_month_end_by_heart() -> None:
    """The walk is no oracle unless it is right itself."""
    walker = day_walker.CalendarWalker({"every": "month", "on": {"business_day": -1}, "at": ["17:00"]})
    assert [day for day in range(20, 32) if walker.is_day(date(2026, 5, day))] == [29]
    rule = day_walker.RuleWalker("FREQ=MONTHLY;BYDAY=-1FR", datetime(2026, 1, 1, 9))  # noqa: DTZ001 - a wall time
    assert [day for day in range(1, 32) if rule.of_day(date(2026, 5, day))] == [29]
