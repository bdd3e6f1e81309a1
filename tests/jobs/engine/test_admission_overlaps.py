"""Overlap policies: what a due slot does while its job's earlier slots are active."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from jobs.engine import admission, records
from jobs.engine.admission import Seen
from jobs.engine.records import Fence
from jobs.rules.states import State
from tests.support import one, rows
from tests.support.broker import BrokerQueue

pytestmark = pytest.mark.usefixtures("as_engine", "empty_database")

ACTIVE_SLOT = {"trigger": "schedule", "ripened_at": rows.now()}


@pytest.fixture(autouse=True)
def _worker(queue: BrokerQueue) -> None:
    rows.worker(queues=(queue.name,), concurrency=8)


def admit() -> None:
    admission.admit_all(Seen())


def slot(queue: BrokerQueue, of: Any, *, late: float = 1, state: str = State.SCHEDULED, **columns: Any) -> UUID:
    """A slot that was due ``late`` seconds ago and was planned in time."""
    due = rows.now() - timedelta(seconds=late)
    planned = {"created_at": due - timedelta(seconds=3)} | columns
    return rows.execution(
        of, state, queue_id=queue.name, trigger="schedule", not_before=due, scheduled_for=due, **planned
    )


def states(executions: list[UUID]) -> list[str]:
    return [rows.state_of(execution) for execution in executions]


def test_allow_runs_every_slot_beside_the_others(queue):
    job = rows.job(overlap="allow")
    rows.execution(job, State.RUNNING, **ACTIVE_SLOT)
    slots = [slot(queue, job, late=late) for late in (3, 2, 1)]
    admit()
    assert states(slots) == [State.QUEUED] * 3


@pytest.mark.parametrize("state", [State.PENDING, State.QUEUED, State.RUNNING, State.SCHEDULED])
def test_skip_leaves_out_a_slot_while_an_earlier_one_is_active(queue, state):
    job = rows.job(overlap="skip")
    later = {"not_before": rows.now() + timedelta(hours=1)} if state == State.SCHEDULED else {}  # waits for its retry
    rows.execution(job, state, queue_id=queue.name, **ACTIVE_SLOT, **later)
    due = slot(queue, job)
    admit()
    assert rows.fetch("SELECT state, reason, finished_at IS NOT NULL FROM execution WHERE id = %s", due) == [
        (State.SKIPPED, "OVERLAP", True)
    ]
    assert rows.fetch("SELECT kind, data FROM event WHERE execution_id = %s", due) == [
        ("execution.skipped", {"reason": "OVERLAP"})
    ]


def test_skip_runs_the_first_of_several_slots_due_at_once(queue):
    job = rows.job(overlap="skip")
    slots = [slot(queue, job, late=late) for late in (3, 2, 1)]
    admit()
    assert states(slots) == [State.QUEUED, State.SKIPPED, State.SKIPPED]


def test_skip_runs_again_once_the_earlier_one_has_ended(queue):
    job = rows.job(overlap="skip")
    rows.execution(job, State.SUCCEEDED, **ACTIVE_SLOT)
    due = slot(queue, job)
    admit()
    assert rows.state_of(due) == State.QUEUED


def test_queue_one_keeps_one_waiting_behind_the_running_one(queue):
    job = rows.job(overlap="queue_one")
    rows.execution(job, State.RUNNING, **ACTIVE_SLOT)
    first = slot(queue, job, late=2)
    admit()
    second = slot(queue, job)
    admit()
    assert states([first, second]) == [State.PENDING, State.SKIPPED]
    assert rows.fetch("SELECT waiting_on FROM execution WHERE id = %s", first) == [(f"slot:{job[0]}",)]


def test_queue_one_runs_the_first_of_several_due_at_once_and_lets_one_wait(queue):
    job = rows.job(overlap="queue_one")
    slots = [slot(queue, job, late=late) for late in (3, 2, 1)]
    admit()
    assert states(slots) == [State.QUEUED, State.PENDING, State.SKIPPED]


def test_queue_all_lets_all_wait_and_runs_them_one_by_one_in_order(queue):
    job = rows.job(overlap="queue_all")
    slots = [slot(queue, job, late=late) for late in (3, 2, 1)]
    ran = []
    for _ in slots:
        admit()
        assert Counter(states(slots))[State.QUEUED] == 1
        (taken,) = queue.take()
        ran.append(taken)
        claim = one.claim(taken, attempt=1, worker_id=rows.worker(queues=()), worker="w", pid=1)
        assert claim is not None
        done = one.succeed(Fence(id=claim.id, attempt_id=claim.attempt_id, epoch=claim.epoch))
        assert done is not None
        assert done.frees_somebody == (len(ran) < len(slots))
    assert ran == slots


@pytest.mark.parametrize("overlap", ["skip", "queue_one"])
def test_slots_caught_up_after_an_outage_wait_for_each_other_instead_of_being_skipped(queue, overlap):
    job = rows.job(overlap=overlap)
    slots = [slot(queue, job, late=late, created_at=rows.now()) for late in (300, 200, 100)]
    admit()
    assert states(slots) == [State.QUEUED, State.PENDING, State.PENDING]


@pytest.mark.parametrize("overlap", ["skip", "queue_one", "queue_all"])
def test_manual_runs_neither_hold_up_slots_nor_are_held_up(queue, overlap):
    job = rows.job(overlap=overlap)
    rows.execution(job, State.RUNNING)
    manual = [rows.execution(job, queue_id=queue.name) for _ in range(3)]
    due = slot(queue, job)
    admit()
    assert states([*manual, due]) == [State.QUEUED] * 4


def test_slot_in_its_second_attempt_waits_instead_of_being_judged_again(queue):
    job = rows.job(overlap="skip")
    rows.execution(job, State.RUNNING, **ACTIVE_SLOT)
    again = slot(queue, job, ripened_at=rows.now(), attempt=2)
    admit()
    assert rows.state_of(again) == State.PENDING


def test_other_jobs_slots_are_no_overlap(queue):
    tenant = rows.tenant()
    rows.execution(rows.job(tenant, overlap="skip"), State.RUNNING, **ACTIVE_SLOT)
    due = slot(queue, rows.job(tenant, overlap="skip"))
    admit()
    assert rows.state_of(due) == State.QUEUED


def test_slot_behind_a_full_job_waits_for_the_job_and_then_runs(queue):
    job = rows.job(overlap="queue_all", max_running=1)
    manual = rows.execution(job, State.RUNNING, worker_id=rows.worker(queues=()))
    slots = [slot(queue, job, late=late) for late in (2, 1)]
    admit()
    assert states(slots) == [State.PENDING, State.PENDING]
    assert one.succeed(Fence(id=manual, attempt_id=manual, epoch=1)) == records.Ended(frees_somebody=True)
    admit()
    assert states(slots) == [State.QUEUED, State.PENDING]
