"""Overlap `cancel_previous`: a due slot has the one before it cancelled, and runs when that is over."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from jobs import explanations
from jobs.engine import admission
from jobs.engine.admission import Seen
from jobs.engine.transitions import Fence, acknowledge_cancel
from jobs.models import Execution
from jobs.rules.states import State
from tests.support import rows
from tests.support.broker import BrokerQueue

pytestmark = pytest.mark.usefixtures("as_engine", "empty_database")


@pytest.fixture
def job(queue: BrokerQueue) -> Any:
    rows.worker(queues=(queue.name,), concurrency=8)
    return rows.job(overlap="cancel_previous", queue_id=queue.name)


def slot(of: Any, queue: BrokerQueue, *, late: float = 1, state: str = State.SCHEDULED, **columns: Any) -> UUID:
    due = rows.now() - timedelta(seconds=late)
    facts = {"created_at": due - timedelta(seconds=3), "trigger": "schedule", "not_before": due, "scheduled_for": due}
    if state != State.SCHEDULED:
        facts["ripened_at"] = due
    return rows.execution(of, state, queue_id=queue.name, **(facts | columns))


def is_asked(execution: UUID) -> bool:
    return bool(rows.fetch("SELECT cancel_requested_at IS NOT NULL FROM execution WHERE id = %s", execution)[0][0])


@pytest.mark.parametrize("state", [State.PENDING, State.QUEUED, State.SCHEDULED])
def test_one_that_waits_is_cancelled_at_once_and_says_why(queue, job, state):
    later = (
        {"not_before": rows.now() + timedelta(hours=1), "ripened_at": rows.now()} if state == State.SCHEDULED else {}
    )
    former = slot(job, queue, late=60, state=state, **later)
    due = slot(job, queue)
    admission.admit_all(Seen())
    assert (rows.state_of(former), rows.state_of(due)) == (State.CANCELLED, State.QUEUED)
    assert rows.fetch("SELECT kind FROM event WHERE execution_id = %s", former) == [("execution.cancelled",)]
    assert "a later slot of its job was due" in explanations.of_execution(Execution.objects.get(pk=former)).summary


def test_a_running_one_is_asked_to_stop_and_the_slot_runs_once_it_has(queue, job):
    former = slot(job, queue, late=60, state=State.RUNNING)
    due, seen = slot(job, queue), Seen()
    admission.admit_all(seen)
    assert (rows.state_of(former), is_asked(former), rows.state_of(due)) == (State.RUNNING, True, State.PENDING)
    assert acknowledge_cancel(Fence(id=former, attempt_id=former, epoch=1))
    admission.admit_all(seen)
    assert rows.state_of(due) == State.QUEUED


def test_of_several_slots_due_at_once_the_newest_runs(queue, job):
    slots = [slot(job, queue, late=late) for late in (3, 2, 1)]
    admission.admit_all(Seen())
    assert [rows.state_of(key) for key in slots] == [State.CANCELLED, State.CANCELLED, State.QUEUED]


def test_requests_other_jobs_and_what_is_caught_up_are_left_alone(queue, job):
    others = [
        slot(job, queue, state=State.PENDING, trigger="manual"),
        slot(rows.job(overlap="cancel_previous", queue_id=queue.name), queue, state=State.PENDING),
        # A recovery's that waits for its pace: its misfire policy has said that it runs.
        slot(job, queue, state=State.PENDING, operation_id=job[0], waiting_on=f"op:{job[0]}", priority=-5),
    ]
    slot(job, queue)
    admission.admit_all(Seen())
    assert State.CANCELLED not in {rows.state_of(key) for key in others}


def test_a_slot_caught_up_late_cancels_nothing(queue, job):
    former = slot(job, queue, late=7200, state=State.RUNNING)
    slot(job, queue, late=3600, created_at=rows.now())
    admission.admit_all(Seen())
    assert not is_asked(former)
