"""Plans: what runs, what is skipped and why, what is folded, and what comes next."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from jobs import triggers
from jobs.rules import planning
from jobs.rules.codes import Absence
from jobs.rules.misfires import Misfire, MisfirePolicy
from jobs.rules.planning import Plan
from jobs.rules.slots import Slot, Trigger

NOW = datetime(2026, 3, 1, 12, 0, 30, tzinfo=UTC)
SOON = timedelta(seconds=3)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
MISFIRE = Absence.MISFIRE
EXPIRED = Absence.CATCHUP_EXPIRED


def cron(expression: str, zone: str = "UTC", **fields: object) -> Trigger:
    return triggers.build("cron", {"expression": expression, "timezone": zone, **fields})


def make(trigger: Trigger, after: datetime, now: datetime = NOW, **policy: object) -> Plan:
    return planning.plan(trigger, after=after, now=now, horizon=now + SOON, policy=MisfirePolicy(**policy))  # type: ignore[arg-type]


def hours(slots: tuple[Slot, ...]) -> list[int]:
    return [slot.at.hour for slot in slots]


def test_nothing_due_gives_only_the_next_slot() -> None:
    plan = make(cron("0 * * * *"), after=NOW - 30 * timedelta(seconds=1))
    assert plan == Plan((), (), (), plan.next, None)
    assert plan.next is not None
    assert plan.next.at == datetime(2026, 3, 1, 13, tzinfo=UTC)


def test_a_slot_late_but_within_grace_simply_runs() -> None:
    plan = make(cron("0 12 * * *"), after=NOW - HOUR, misfire=Misfire.SKIP)
    assert hours(plan.runs) == [12]
    assert (plan.skipped, plan.folded) == ((), ())
    assert plan.last_at == datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_slots_up_to_the_horizon_run_ahead_and_the_first_beyond_is_next() -> None:
    plan = make(cron("* * * * * *"), after=NOW)
    assert [slot.at - NOW for slot in plan.runs] == [timedelta(seconds=n) for n in (1, 2, 3)]
    assert plan.next is not None
    assert plan.next.at == NOW + timedelta(seconds=4)


def test_a_schedule_that_has_ended_has_no_next_slot() -> None:
    trigger = triggers.build("once", {"run_at": NOW - timedelta(seconds=5)})
    plan = make(trigger, after=NOW - HOUR)
    assert len(plan.runs) == 1
    assert plan.next is None
    assert make(trigger, after=NOW) == Plan((), (), (), None, None)


def test_a_slot_already_handled_beyond_the_horizon_is_not_handled_again() -> None:
    plan = make(cron("0 * * * *"), after=NOW + HOUR)
    assert plan.runs == ()
    assert plan.next is not None
    assert plan.next.at == datetime(2026, 3, 1, 14, tzinfo=UTC)


@pytest.mark.parametrize(
    ("misfire", "runs", "skipped"),
    [
        (Misfire.SKIP, [], [9, 10, 11]),
        (Misfire.LAST, [11], [9, 10]),
        (Misfire.AT_MOST, [10, 11], [9]),
        (Misfire.ALL, [9, 10, 11], []),
    ],
)
def test_missed_slots_follow_the_policy(misfire: Misfire, runs: list[int], skipped: list[int]) -> None:
    now = NOW + 10 * MINUTE
    plan = make(cron("5 * * * *"), after=NOW - 4 * HOUR + 10 * MINUTE, now=now - HOUR, misfire=misfire, misfire_max=2)
    assert hours(plan.runs) == runs
    assert [(slot.at.hour, reason) for slot, reason in plan.skipped] == [(hour, MISFIRE) for hour in skipped]
    assert plan.folded == ()


@pytest.mark.parametrize(("misfire", "runs"), [(Misfire.SKIP, []), (Misfire.LAST, [11]), (Misfire.ALL, [11])])
def test_a_single_missed_slot_follows_the_policy(misfire: Misfire, runs: list[int]) -> None:
    plan = make(cron("0 11 * * *"), after=NOW - 2 * HOUR, misfire=misfire)
    assert hours(plan.runs) == runs
    assert len(plan.skipped) == 1 - len(runs)


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kolkata"])
def test_last_gives_way_to_a_newer_slot_that_is_due(zone: str) -> None:
    plan = make(cron("*/30 * * * *", zone), after=NOW - 2 * HOUR)
    assert [slot.at for slot in plan.runs] == [NOW - timedelta(seconds=30)]
    assert {reason for _, reason in plan.skipped} == {MISFIRE}


def test_last_does_not_give_way_to_a_slot_still_to_come() -> None:
    plan = make(cron("32 0 * * * *"), after=NOW - 2 * HOUR)
    assert hours(plan.runs) == [11, 12]
    assert [slot.at.hour for slot, _ in plan.skipped] == [10]


def test_slots_beyond_the_catch_up_window_are_expired_whatever_the_policy() -> None:
    plan = make(
        cron("0 0 * * *"),
        after=NOW - timedelta(days=4, hours=1),
        misfire=Misfire.ALL,
        catch_up_window=timedelta(days=2),
    )
    assert [slot.at.day for slot in plan.runs] == [28, 1]
    assert [(slot.at.day, reason) for slot, reason in plan.skipped] == [(26, EXPIRED), (27, EXPIRED)]


@pytest.mark.parametrize(("count", "single", "folded"), [(10, 10, []), (11, 0, [11])])
def test_more_than_ten_skipped_in_a_row_fold(count: int, single: int, folded: list[int]) -> None:
    grace = timedelta(seconds=5)
    plan = make(cron("0 * * * *"), after=NOW - count * HOUR, misfire=Misfire.SKIP, misfire_grace=grace)
    assert len(plan.skipped) == single
    assert [fold.count for fold in plan.folded] == folded
    assert plan.runs == ()


def test_a_fold_names_its_first_and_last_slot_and_the_newest_runs_beside_it() -> None:
    plan = make(cron("0 * * * *"), after=NOW - 20 * HOUR, misfire_grace=timedelta(seconds=5))
    assert [slot.at for slot in plan.runs] == [NOW.replace(second=0)]
    [fold] = plan.folded
    assert (fold.first.at, fold.last.at) == (NOW.replace(second=0) - 19 * HOUR, NOW.replace(second=0) - HOUR)
    assert (fold.count, fold.reason) == (19, MISFIRE)
    assert plan.skipped == ()


def test_each_reason_folds_on_its_own() -> None:
    plan = make(cron("0 * * * *"), after=NOW - 50 * HOUR, misfire=Misfire.SKIP)
    assert [(fold.count, fold.reason) for fold in plan.folded] == [(26, EXPIRED), (23, MISFIRE)]
    assert hours(plan.runs) == [12]


def test_a_clock_change_slot_parts_a_row_and_keeps_its_reason() -> None:
    trigger = cron("0 0-23 * * *", "Europe/Berlin")
    now = datetime(2026, 10, 25, 12, 30, tzinfo=UTC)
    plan = make(trigger, after=now - 24 * HOUR, now=now, misfire=Misfire.SKIP)
    assert [(fold.count, fold.reason) for fold in plan.folded] == [(12, MISFIRE), (11, MISFIRE)]
    assert [(slot.nominal, reason) for slot, reason in plan.skipped] == [
        ("2026-10-25T02:00:00+01:00", Absence.DST_FOLD)
    ]


def test_a_gap_left_out_by_policy_is_recorded_when_it_is_on_time() -> None:
    trigger = cron("30 2 * * *", "Europe/Berlin", dst_gap="skip")
    now = datetime(2026, 3, 29, 1, 0, 1, tzinfo=UTC)
    plan = make(trigger, after=now - 5 * HOUR, now=now)
    assert [(slot.nominal, reason) for slot, reason in plan.skipped] == [("2026-03-29T02:30:00+01:00", Absence.DST_GAP)]
    assert plan.runs == ()


@pytest.mark.parametrize(
    ("misfire", "runs", "folds"),
    [
        (Misfire.SKIP, 0, [(EXPIRED, 43_200), (MISFIRE, 86_394)]),
        (Misfire.ALL, 1000, [(EXPIRED, 43_200), (MISFIRE, 85_394)]),
        (Misfire.AT_MOST, 7, [(EXPIRED, 43_200), (MISFIRE, 86_387)]),
    ],
)
def test_beyond_a_thousand_missed_slots_the_rest_is_counted(
    misfire: Misfire, runs: int, folds: list[tuple[Absence, int]]
) -> None:
    plan = make(
        cron("* * * * * *"),
        after=NOW - timedelta(hours=36, seconds=1),
        misfire=misfire,
        misfire_max=7,
        misfire_grace=timedelta(seconds=6),
    )
    on_time = 6 + 1 + 3
    assert len(plan.runs) == runs + on_time
    assert [(fold.reason, fold.count) for fold in plan.folded] == folds
    assert sum(fold.count for fold in plan.folded) + runs + on_time == 36 * 3600 + 1 + 3
    assert plan.folded[1].first.at - plan.folded[0].last.at == timedelta(seconds=1)


def test_few_slots_beyond_the_thousand_are_named_one_by_one() -> None:
    window = timedelta(seconds=1010)
    plan = make(
        cron("* * * * * *"),
        after=NOW - timedelta(seconds=1016),
        misfire=Misfire.ALL,
        misfire_grace=timedelta(0),
        catch_up_window=window,
    )
    assert len(plan.runs) == 1000 + 1 + 3
    assert Counter(reason for _, reason in plan.skipped) == {EXPIRED: 5, MISFIRE: 10}
    assert plan.folded == ()


def test_a_full_plan_goes_on_from_its_last_slot() -> None:
    trigger = cron("* * * * * *")
    policy = MisfirePolicy(misfire_grace=timedelta(days=1))
    after, handled, plans = NOW - timedelta(seconds=2500), 0, 0
    while True:
        plan = planning.plan(trigger, after=after, now=NOW, horizon=NOW + SOON, policy=policy)
        handled, plans = handled + len(plan.runs), plans + 1
        assert plan.next is not None
        assert plan.last_at is not None
        if plan.next.at > NOW + SOON:
            break
        after = plan.last_at
    assert (handled, plans) == (2503, 3)


def test_slots_of_one_instant_stay_in_one_plan(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planning, "MAX_SLOTS", 1)
    trigger = cron("15,30 2 * * *", "Australia/Lord_Howe", dst_gap="skip")
    change = datetime(2026, 10, 3, 15, 30, tzinfo=UTC)
    for now in (change + timedelta(seconds=1), change + HOUR):
        plan = make(trigger, after=change - HOUR, now=now)
        assert [slot.at for slot in plan.runs] == [change]
        assert [(slot.at, reason) for slot, reason in plan.skipped] == [(change, Absence.DST_GAP)]
