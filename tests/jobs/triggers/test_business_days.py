"""Slots under calendars, against a walker that knows no trick: every slot of a long time, each moved by itself."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import islice, pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jobs import triggers
from jobs.rules.calendar_days import Days, Yearly
from jobs.rules.calendars import CalendarUse, OnHit, is_business_day
from jobs.rules.slots import TICK, Slot, SlotKind
from jobs.triggers import zones
from jobs.triggers.business_days import FARTHEST, MOST_SHIFTED

DAY = timedelta(days=1)


def use(*days: str, **options) -> CalendarUse:
    return CalendarUse(frozenset(map(date.fromisoformat, days)), **options)


def build(expression, *uses, kind="cron", zone="Europe/Berlin", **fields):
    own = {"expression": expression} if kind == "cron" else {}
    return triggers.build(kind, {**own, "timezone": zone, "calendars": uses, **fields})


def instants(trigger, after, count=5):
    return [(slot.at.isoformat()[:16], str(slot.kind)) for slot in islice(trigger.after(after), count)]


def test_a_slot_on_a_holiday_is_a_slot_that_does_not_run():
    trigger = build("0 9 * * *", use("2026-10-03"))
    assert instants(trigger, datetime(2026, 10, 1, 12, tzinfo=UTC), 3) == [
        ("2026-10-02T07:00", "run"), ("2026-10-03T07:00", "holiday"), ("2026-10-04T07:00", "run"),
    ]  # fmt: skip


def test_a_slot_is_moved_to_the_business_day_before_at_the_same_hour_and_keeps_its_name():
    trigger = build("0 17 1 * *", use("2026-11-01", on_hit=OnHit.PREVIOUS))
    slot = next(trigger.after(datetime(2026, 10, 2, tzinfo=UTC)))
    assert (slot.at, slot.nominal) == (datetime(2026, 10, 30, 16, tzinfo=UTC), "2026-11-01T17:00:00+01:00")


def test_a_slot_that_is_moved_onto_one_that_runs_anyway_is_that_one():
    trigger = build("0 9 * * *", use("2026-12-25", "2026-12-26", on_hit=OnHit.NEXT))
    after = datetime(2026, 12, 24, 12, tzinfo=UTC)
    assert instants(trigger, after, 2) == [("2026-12-27T08:00", "run"), ("2026-12-28T08:00", "run")]
    assert trigger.count(after, after + 5 * DAY) == 3


def test_included_days_are_the_only_ones():
    trigger = build("0 9 * * *", use("2026-06-03", "2026-06-05", include=True))
    assert [kind for _, kind in instants(trigger, datetime(2026, 6, 2, 12, tzinfo=UTC), 3)] == ["run", "holiday", "run"]


def test_the_weekend_alone_hits_nothing_but_is_never_moved_to():
    trigger = build("0 9 * * *", use(on_hit=OnHit.NEXT))
    assert {kind for _, kind in instants(trigger, datetime(2026, 6, 2, tzinfo=UTC), 20)} == {"run"}


@pytest.mark.parametrize("far", [FARTHEST, FARTHEST + 1])
def test_without_a_business_day_near_enough_it_is_a_holiday(far):
    start = date(2026, 6, 1)
    days = frozenset(start + number * DAY for number in range(far))
    everyday = CalendarUse(days, on_hit=OnHit.NEXT, weekend=frozenset())
    slots = list(islice(build("0 9 1 6 *", everyday).after(datetime(2026, 5, 1, tzinfo=UTC)), 1))
    expected = ("2026-07-02", SlotKind.RUN) if far == FARTHEST else ("2026-06-01", SlotKind.HOLIDAY)
    assert (slots[0].at.date().isoformat(), slots[0].kind) == expected


def test_a_schedule_moves_nothing_beyond_its_end():
    trigger = build("0 9 * * 5", use("2026-06-05", on_hit=OnHit.NEXT), end_at=datetime(2026, 6, 8, tzinfo=UTC))
    assert instants(trigger, datetime(2026, 6, 1, tzinfo=UTC)) == [("2026-06-05T07:00", "holiday")]


@pytest.mark.parametrize(
    ("policy", "expected"),
    [({}, ("2026-03-29T01:00", "run")), ({"dst_gap": "skip"}, ("2026-03-29T01:00", "dst_gap"))],
)
def test_a_slot_moved_into_a_gap_keeps_to_the_gap_s_policy(policy, expected):
    moved = use("2026-03-28", on_hit=OnHit.NEXT, weekend=frozenset())
    assert instants(build("30 2 28 3 *", moved, **policy), datetime(2026, 3, 1, tzinfo=UTC), 1) == [expected]


@pytest.mark.parametrize(("policy", "hour"), [("first", "00:30"), ("second", "01:30"), ("both", "00:30")])
def test_a_slot_moved_into_a_fold_runs_once(policy, hour):
    moved = use("2026-10-24", on_hit=OnHit.NEXT, weekend=frozenset())
    trigger = build("30 2 24 10 *", moved, dst_fold=policy)
    assert instants(trigger, datetime(2026, 10, 1, tzinfo=UTC), 1) == [(f"2026-10-25T{hour}", "run")]


def test_once_is_moved_too():
    moved = use("2026-10-05", on_hit=OnHit.PREVIOUS)
    trigger = build("", moved, kind="once", run_at=datetime(2026, 10, 5, 7, tzinfo=UTC))
    assert instants(trigger, datetime(2026, 9, 1, tzinfo=UTC)) == [("2026-10-02T07:00", "run")]
    assert instants(trigger, datetime(2026, 10, 3, tzinfo=UTC)) == []


def test_a_day_with_too_many_slots_is_skipped_whole():
    moved = use("2026-10-05", on_hit=OnHit.NEXT)
    trigger = build("", moved, kind="interval", interval_seconds=60, start_at=datetime(2026, 10, 1, tzinfo=UTC))
    kinds = [slot.kind for slot in islice(trigger.after(datetime(2026, 10, 4, 22, tzinfo=UTC) - TICK), 1440)]
    assert set(kinds) == {SlotKind.HOLIDAY}


def test_a_million_slots_are_counted_without_being_made():
    days = Days({date(2026, 1, 1): ""}, {(12, 25): Yearly(1990, "")})
    seconds = {"kind": "interval", "interval_seconds": 1, "start_at": datetime(2026, 1, 1, tzinfo=UTC)}
    for on_hit in OnHit:
        trigger = build("", CalendarUse(days, on_hit=on_hit), **seconds)
        asked = []
        made = type(trigger.inner).after

        def after(self, instant, made=made, asked=asked):
            for slot in made(self, instant):
                asked.append(slot)
                yield slot

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(type(trigger.inner), "after", after)
            assert (
                trigger.count(datetime(2026, 1, 1, tzinfo=UTC) - TICK, datetime(2027, 1, 1, tzinfo=UTC) - TICK)
                == 31_536_000
            )
        assert asked == []


# The walker: all slots of the inner trigger between two far instants, each judged and moved by itself.


def walked(inner, uses, zone, window, policy, low, high):
    place = zones.zone(zone)
    every = list(inner.before(high, low))[::-1]
    kept, moved, full = [], [], {}
    for slot in every:
        local = slot.at.astimezone(place)
        hitting = next((each for each in uses if each.hits(local.date())), None)
        if slot.kind is not SlotKind.RUN or hitting is None:
            kept.append(slot)
            continue
        if local.date() not in full:
            full[local.date()] = crowded(every, local.date(), place)
        landed = None if full[local.date()] else moved_to(slot, local, hitting, uses, place, window, policy)
        if landed is None:
            kept.append(Slot(slot.at, slot.nominal, SlotKind.HOLIDAY))
        else:
            moved.append(landed)
    taken = {(slot.at, slot.kind) for slot in kept}
    for slot in moved:
        if (slot.at, slot.kind) not in taken:
            taken.add((slot.at, slot.kind))
            kept.append(slot)
    return sorted(kept, key=lambda slot: (slot.at, ["dst_gap", "dst_fold", "run", "holiday"].index(slot.kind)))


def crowded(every, day, place):
    start = min(datetime(day.year, day.month, day.day, fold=f, tzinfo=place).astimezone(UTC) for f in (0, 1))
    morrow = day + DAY
    end = max(datetime(morrow.year, morrow.month, morrow.day, fold=f, tzinfo=place).astimezone(UTC) for f in (0, 1))
    return sum(start <= slot.at < end for slot in every) > MOST_SHIFTED


def moved_to(slot, local, hitting, uses, place, window, policy):
    if hitting.on_hit is OnHit.SKIP:
        return None
    step = DAY if hitting.on_hit is OnHit.NEXT else -DAY
    days = [local.date() + step * number for number in range(1, FARTHEST + 1)]
    target = next((day for day in days if is_business_day(day, uses)), None)
    if target is None:
        return None
    named = datetime.fromisoformat(slot.nominal)
    clock = named.time() if named != slot.at and named.date() == local.date() else local.time()
    # Minute by minute through real time: what does the clock show?
    minutes = minutes_around(target, place)
    shown = [instant for instant, local in minutes if same(local, target, clock)]
    kind = SlotKind.RUN
    if shown:
        at = shown[-1] if policy.get("dst_fold") == "second" else shown[0]
        at += timedelta(seconds=clock.second)
    else:
        named_wall = datetime.combine(target, clock)
        later = [now for (_, before), (now, local) in pairs(minutes) if before < named_wall < local]
        at, kind = later[0], SlotKind.DST_GAP if policy.get("dst_gap") == "skip" else SlotKind.RUN
    if at.astimezone(place).date() != target or not window[0] <= at < window[1]:
        return None
    return Slot(at, slot.nominal, kind)


def same(shown, target, clock):
    return (shown.date(), shown.hour, shown.minute) == (target, clock.hour, clock.minute)


@cache
def minutes_around(day, place):
    start = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(hours=15)
    instants = [start + timedelta(minutes=number) for number in range(60 * 54)]
    return [(instant, instant.astimezone(place).replace(tzinfo=None)) for instant in instants]


def pairs(values):
    return list(pairwise(values))


ZONES = [
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "America/St_Johns",
    "Asia/Beirut",
    "UTC",
    "America/Havana",
    "Asia/Kathmandu",
]
EXPRESSIONS = [
    "0 9 * * *",
    "30 2 * * *",
    "30 0,23 * * *",
    "15 */6 * * *",
    "0 0 1,15 * *",
    "30 1,2 * * 0,6",
    "45 23 * * 1-5",
    "0 12 29 2 *",
]
AROUND = [
    date(2026, 3, 8),
    date(2026, 3, 29),
    date(2026, 10, 25),
    date(2026, 11, 1),
    date(2026, 4, 5),
    date(2008, 11, 2),
    date(2026, 12, 28),
]


@st.composite
def cases(draw):
    middle = draw(st.sampled_from(AROUND))
    several = st.frozensets(st.integers(-12, 12).map(lambda n: middle + n * DAY), max_size=8)
    weekends = st.sampled_from([frozenset({5, 6}), frozenset({4, 5}), frozenset(), frozenset(range(7))])
    uses = draw(
        st.lists(
            st.builds(CalendarUse, several, st.booleans(), st.sampled_from(OnHit), weekends), min_size=1, max_size=3
        )
    )
    policy = {
        "dst_gap": draw(st.sampled_from(["run_after_gap", "skip"])),
        "dst_fold": draw(st.sampled_from(["first", "second", "both"])),
    }
    zone = draw(st.sampled_from(ZONES))
    start = datetime(middle.year, middle.month, middle.day, tzinfo=UTC)
    kind = draw(st.sampled_from(["cron", "cron", "cron", "interval", "once"]))
    own = {
        "cron": {"expression": draw(st.sampled_from(EXPRESSIONS))},
        "interval": {"interval_seconds": draw(st.sampled_from([3600, 7 * 3600, 86_400, 1200, 780])), "start_at": start - 200 * DAY},
        "once": {"run_at": start + draw(st.integers(-14 * 24, 14 * 24)) * timedelta(hours=1)},
    }[kind]  # fmt: skip
    if draw(st.booleans()):
        own["end_at"] = start + 20 * DAY + draw(st.integers(-200, 0)) * timedelta(hours=1)
    low = start + draw(st.integers(-20 * 24, 10 * 24)) * timedelta(hours=1)
    return (
        kind,
        {**own, **policy, "timezone": zone},
        tuple(uses),
        low,
        low + draw(st.integers(0, 15 * 48)) * timedelta(minutes=30),
    )


@settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
@given(cases())
def test_what_is_made_and_counted_is_what_a_walker_finds(case):
    kind, spec, uses, low, high = case
    inner, trigger = triggers.build(kind, spec), triggers.build(kind, {**spec, "calendars": uses})
    reach = 40 * DAY
    bounds = (
        spec.get("start_at") or datetime(1970, 1, 1, tzinfo=UTC),
        spec.get("end_at") or datetime(2200, 1, 1, tzinfo=UTC),
    )
    every = walked(inner, uses, spec["timezone"], bounds, spec, low - reach, high + reach)
    expected = [slot for slot in every if low < slot.at <= high]
    made = []
    for slot in trigger.after(low):
        if slot.at > high:
            break
        made.append(slot)
    assert made == expected
    assert list(trigger.before(high, low + TICK)) == expected[::-1]
    assert trigger.count(low, high) == len(expected)
    assert len({(slot.at, slot.kind) for slot in made}) == len(made)
