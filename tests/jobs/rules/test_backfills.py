"""Which slots run again: how a slot stands, and the slots of a time in both orders."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import islice

import pytest

from jobs import triggers
from jobs.rules import backfills
from jobs.rules.backfills import MISSING, Order, Run, Which
from jobs.rules.states import State

AT = datetime(2026, 3, 28, tzinfo=UTC)
HOUR = timedelta(hours=1)


def run(state: str, *, minute: int = 0, started: bool = True) -> Run:
    return Run(state=state, started=started, made_at=AT + timedelta(minutes=minute))


@pytest.mark.parametrize(
    ("runs", "stands"),
    [
        ([], MISSING),
        ([run("succeeded")], "succeeded"),
        ([run("failed"), run("succeeded", minute=1)], "succeeded"),
        ([run("succeeded", minute=1), run("failed")], "succeeded"),
        ([run("succeeded"), run("failed", minute=1)], "failed"),
        ([run("running"), run("failed", minute=1)], "running"),
        ([run("scheduled", started=False)], "scheduled"),
        ([run("cancelled", started=False)], MISSING),
        ([run("cancelled")], "cancelled"),
        ([run("skipped", started=False)], MISSING),
        ([run("failed"), run("cancelled", minute=1, started=False)], "failed"),
        ([run("failed", started=False)], "failed"),
    ],
)
def test_a_slot_stands_as_what_ran_for_it_last(runs: list[Run], stands: str) -> None:
    assert backfills.standing(runs) == stands


def test_what_is_wanted_of_each_standing() -> None:
    wanted = {which: {s for s in (MISSING, *State) if backfills.is_wanted(which, s)} for which in Which}
    assert wanted == {
        Which.MISSING: {MISSING},
        Which.FAILED: {"failed"},
        Which.ALL: {MISSING, "succeeded", "failed", "cancelled", "skipped"},
    }


def slots(order: Order, *, beyond: datetime | None = None, **spec: str) -> list[str]:
    trigger = triggers.build("cron", {"expression": "30 */6 * * *", **spec})
    found = backfills.slots(trigger, since=AT, until=AT + 24 * HOUR, order=order, beyond=beyond)
    return [slot.at.strftime("%H:%M") for slot in islice(found, 100)]


def test_the_slots_of_a_time_are_the_same_in_both_orders_and_go_on_beyond_one() -> None:
    oldest = slots(Order.OLDEST)
    assert oldest == ["00:30", "06:30", "12:30", "18:30"]
    assert slots(Order.NEWEST) == oldest[::-1]
    at = AT + timedelta(hours=6, minutes=30)
    assert slots(Order.OLDEST, beyond=at) == ["12:30", "18:30"]
    assert slots(Order.NEWEST, beyond=at) == ["00:30"]


def test_the_first_instant_is_in_and_the_last_is_not() -> None:
    trigger = triggers.build("cron", {"expression": "0 * * * *"})
    for order in Order:
        found = list(backfills.slots(trigger, since=AT, until=AT + 2 * HOUR, order=order, beyond=None))
        assert sorted(slot.at for slot in found) == [AT, AT + HOUR]


@pytest.mark.parametrize(("policy", "expected"), [("run_after_gap", ["01:00"]), ("skip", [])])
def test_a_slot_that_a_clock_change_removed_runs_only_where_its_schedule_says_so(
    policy: str, expected: list[str]
) -> None:
    spec = {"expression": "30 2 * * *", "timezone": "Europe/Berlin", "dst_gap": policy}
    trigger = triggers.build("cron", spec)
    day = datetime(2026, 3, 29, tzinfo=UTC)
    for order in Order:
        found = list(backfills.slots(trigger, since=day, until=day + 12 * HOUR, order=order, beyond=None))
        assert [slot.at.strftime("%H:%M") for slot in found] == expected


def test_no_more_are_made_ahead_than_what_is_in_flight_needs() -> None:
    assert backfills.room(5, 0) == 30
    assert backfills.room(5, 29) == 1
    assert backfills.room(5, 30) == backfills.room(5, 300) == 0
