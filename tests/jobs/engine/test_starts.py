"""Jitter, a limited number of runs, and hours in which runs may start: from the planner to the claim."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from psycopg.types.json import Jsonb

from jobs.engine import admission, planner, spreads
from jobs.engine.admission import Seen
from jobs.rules.states import State
from tests.support import one, rows, shut
from tests.support.broker import BrokerQueue

pytestmark = pytest.mark.usefixtures("as_engine", "empty_database")

HOUR, SECOND = timedelta(hours=1), timedelta(seconds=1)


@pytest.fixture(autouse=True)
def _worker(queue: BrokerQueue) -> None:
    rows.worker(queues=(queue.name,), concurrency=4)


def admit() -> int:
    return admission.admit_all(Seen()).admitted


def hours(is_open: bool, outside: str = "wait") -> Jsonb:
    return Jsonb(shut.around(rows.now(), is_open=is_open, outside=outside))


def missed(of: Any, **columns: Any) -> UUID:
    """A schedule by the hour with five slots missed, the last half an hour ago."""
    start = rows.now() - 4.5 * HOUR
    rule = {"kind": "interval", "expression": "", "interval_seconds": 3600, "start_at": start}
    return rows.schedule(of, **rule, planned_until=start - SECOND, **columns)


def executions() -> list[tuple[datetime, datetime, str, str, datetime | None, int]]:
    return rows.fetch(
        "SELECT scheduled_for, not_before, state, reason, start_before, priority FROM execution ORDER BY scheduled_for"
    )


def test_jitter_moves_the_start_and_not_the_slot():
    rows.schedule(rows.job(), jitter_seconds=3600)
    planner.plan_due()
    found = executions()
    delays = [not_before - slot for slot, not_before, *_ in found]
    assert len(set(delays)) == len(found) >= 3
    assert all(timedelta() <= delay < HOUR for delay in delays)


def test_a_schedule_ends_with_its_last_run_and_the_slots_beyond_are_nothing():
    rows.schedule(rows.job(), max_runs=2)
    planner.plan_due()
    planner.plan_due()
    assert [state for _, _, state, *_ in executions()] == ["scheduled"] * 2
    assert rows.fetch("SELECT state, runs, due_at, next_run_at FROM schedule") == [("ended", 2, None, None)]


def test_after_an_outage_all_makes_no_more_than_the_rest():
    missed(rows.job(), max_runs=4, runs=1, misfire="all")
    planner.plan_due()
    planner.plan_due()
    assert [state for _, _, state, *_ in executions()] == ["scheduled"] * 3
    assert rows.fetch("SELECT state, runs FROM schedule") == [("ended", 4)]


def test_skipped_slots_are_no_runs():
    missed(rows.job(), max_runs=2, misfire="last")
    planner.plan_due()
    assert [state for _, _, state, *_ in executions()] == ["skipped"] * 4 + ["scheduled"]
    assert rows.fetch("SELECT state, runs FROM schedule") == [("active", 1)]


def test_a_run_that_the_quota_leaves_out_does_not_count_and_the_next_slot_takes_its_place():
    job = rows.job(rows.tenant(max_unfinished=1))
    rows.execution(job, State.PENDING)
    rows.schedule(job, max_runs=1)
    planner.plan_due()
    planner.plan_due()
    assert rows.fetch("SELECT DISTINCT reason FROM execution WHERE state = 'skipped'") == [("QUOTA",)]
    assert rows.fetch("SELECT state, runs FROM schedule") == [("active", 0)]


def test_a_run_that_is_left_out_for_overlap_does_not_count_and_revives_what_had_ended(queue):
    job = rows.job(overlap="skip", queue_id=queue.name)
    schedule = rows.schedule(job, max_runs=1, runs=1, state="ended", due_at=None)
    rows.change("UPDATE schedule SET state = 'ended', due_at = NULL WHERE id = %s", schedule)
    rows.execution(job, State.RUNNING, trigger="schedule", ripened_at=rows.now(), queue_id=queue.name)
    rows.execution(job, trigger="schedule", schedule_id=schedule, scheduled_for=rows.now(), queue_id=queue.name)
    admit()
    assert [reason for _, _, _, reason, *_ in executions()] == ["OVERLAP", ""]
    state, runs, due_at = rows.fetch("SELECT state, runs, due_at FROM schedule")[0]
    assert (state, runs) == ("active", 0)
    assert due_at is not None


def test_more_runs_revive_an_ended_schedule_from_now_on():
    schedule = rows.schedule(rows.job(), max_runs=1)
    planner.plan_due()
    planner.plan_due()
    rows.change("UPDATE schedule SET max_runs = 2 WHERE id = %s", schedule)
    planner.plan_due()
    planner.plan_due()
    assert rows.fetch("SELECT state, runs FROM schedule") == [("ended", 2)]
    assert len(executions()) == 2


@pytest.mark.parametrize(("overlap", "priority"), [("queue_one", 5), ("skip", 5), ("allow", -5), ("queue_all", -5)])
def test_a_slot_outside_waits_for_the_opening_behind_what_is_live_where_many_may_gather(overlap, priority):
    rows.schedule(rows.job(overlap=overlap), execution_window=hours(is_open=False))
    planner.plan_due()
    for slot, not_before, state, _, start_before, found in executions():
        assert (state, found) == ("scheduled", priority)
        assert not_before > slot + HOUR / 2
        assert start_before is not None
        assert start_before == not_before + 22 * HOUR


def test_a_slot_outside_is_skipped_if_so_said():
    rows.schedule(rows.job(), execution_window=hours(is_open=False, outside="skip"))
    planner.plan_due()
    assert {(state, reason) for _, _, state, reason, *_ in executions()} == {("skipped", "OUTSIDE_WINDOW")}


def test_a_slot_inside_starts_on_time_and_may_until_the_window_closes():
    rows.schedule(rows.job(), execution_window=hours(is_open=True))
    planner.plan_due()
    for slot, not_before, _, _, start_before, _ in executions():
        assert slot == not_before
        assert start_before is not None
        assert slot < start_before < slot + HOUR


def waiting(queue: BrokerQueue, state: str, outside: str = "wait", **columns: Any) -> tuple[UUID, UUID]:
    """One that is still waiting although its window closed a second ago."""
    job = rows.job(queue_id=queue.name)
    schedule = rows.schedule(job, execution_window=hours(is_open=False, outside=outside), **columns)
    slot = rows.now() - 2 * HOUR
    execution = rows.execution(
        job, state, trigger="schedule", schedule_id=schedule, scheduled_for=slot, queue_id=queue.name,
        start_before=rows.now() - SECOND, ripened_at=slot,
    )  # fmt: skip
    return execution, schedule


def test_what_still_waits_when_its_window_closes_is_not_admitted_and_waits_for_the_next(queue):
    execution, _ = waiting(queue, State.PENDING)
    assert admit() == 0
    assert spreads.postpone_late() == 1
    ((_, not_before, state, _, start_before, _),) = executions()
    assert state == State.SCHEDULED
    assert not_before > rows.now() + HOUR / 2
    assert start_before is not None
    rows.change(
        "UPDATE execution SET not_before = now(), start_before = now() + interval '1 hour' WHERE id = %s", execution
    )
    assert admit() == 1


def test_what_still_waits_is_skipped_where_slots_outside_are_and_does_not_count(queue):
    _, schedule = waiting(queue, State.PENDING, "skip", max_runs=3, runs=2)
    assert spreads.postpone_late() == 1
    assert [(state, reason) for _, _, state, reason, *_ in executions()] == [("skipped", "OUTSIDE_WINDOW")]
    assert rows.fetch("SELECT runs FROM schedule WHERE id = %s", schedule) == [(1,)]


def test_what_is_published_when_its_window_closes_is_not_claimed_and_taken_back(queue):
    execution, _ = waiting(queue, State.QUEUED)
    assert one.claim(execution, attempt=1, worker_id=uuid4(), worker="w", pid=1) is None
    assert admission.withdraw_held() == 1
    assert spreads.postpone_late() == 1
    assert rows.state_of(execution) == State.SCHEDULED


def test_what_has_begun_is_bound_by_no_window_any_more(queue):
    job = rows.job(queue_id=queue.name)
    execution = rows.execution(job, State.QUEUED, queue_id=queue.name, start_before=rows.now() + HOUR)
    assert one.claim(execution, attempt=1, worker_id=uuid4(), worker="w", pid=1) is not None
    assert rows.fetch("SELECT start_before FROM execution") == [(None,)]


def test_what_gathers_until_an_opening_is_judged_by_its_jobs_overlap(queue):
    job = rows.job(overlap="queue_one", queue_id=queue.name)
    schedule = rows.schedule(job, execution_window=hours(is_open=True))
    for minutes in range(90, 60, -10):
        slot = rows.now() - timedelta(minutes=minutes)
        rows.execution(
            job, trigger="schedule", schedule_id=schedule, scheduled_for=slot, created_at=slot, queue_id=queue.name,
            start_before=rows.now() + HOUR,
        )  # fmt: skip
    assert admit() == 1
    assert sorted((state, reason) for _, _, state, reason, *_ in executions()) == [
        ("pending", ""), ("queued", ""), ("skipped", "OVERLAP"),
    ]  # fmt: skip
