"""What is published while its queue, its tenant or its job is held goes back into line; what runs goes on."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest

from jobs.engine import admission, retention, transitions
from jobs.engine.admission import Seen
from jobs.engine.timer import Timer
from jobs.engine.transitions import Claim
from jobs.rules.states import State
from tests.support import executors, one, rows
from tests.support.broker import BrokerQueue
from tests.support.processes import eventually

pytestmark = pytest.mark.usefixtures("as_engine", "empty_database")

PAUSE = "UPDATE queue SET paused_at = now() WHERE name <> 'default'"
RESUME = "UPDATE queue SET paused_at = NULL"


@pytest.fixture(autouse=True)
def _worker(queue: BrokerQueue) -> None:
    rows.worker(queues=(queue.name,), concurrency=4)


def become(job: Any, state: str) -> None:
    rows.change("UPDATE job SET state = %s WHERE id = %s", state, job[0])


def admit() -> int:
    return admission.admit_all(Seen()).admitted


def claim(execution: UUID) -> Claim | None:
    return one.claim(execution, attempt=1, worker_id=uuid4(), worker="w", pid=1)


def published(queue: BrokerQueue, of: Any) -> UUID:
    execution = rows.execution(of, State.PENDING, queue_id=queue.name)
    assert admit() == 1
    return execution


def test_a_paused_queue_takes_back_what_is_published_and_its_message_finds_nothing(queue):
    execution = published(queue, rows.job())
    rows.change(PAUSE)
    assert admission.withdraw_held() == 1
    assert rows.fetch("SELECT state, queued_at, publish_again_at, waiting_on FROM execution") == [
        (State.PENDING, None, None, "")
    ]
    assert claim(execution) is None
    assert admit() == 0


def test_after_resuming_it_is_published_anew_and_claimed_once_of_two_messages(queue):
    execution = published(queue, rows.job())
    rows.change(PAUSE)
    admission.withdraw_held()
    rows.change(RESUME)
    assert admit() == 1
    assert queue.ids() == [execution, execution]
    assert [claim(each) is not None for each in queue.ids()] == [True, False]


def test_what_runs_goes_on_and_other_queues_and_tenants_keep_theirs(queue):
    job, held = rows.job(), rows.job(rows.tenant(state="suspended"))
    running = rows.execution(held, State.RUNNING, queue_id=queue.name)
    mine, theirs = (rows.execution(of, State.QUEUED, queue_id=queue.name) for of in (job, held))
    assert admission.withdraw_held() == 1
    assert [rows.state_of(each) for each in (running, mine, theirs)] == [State.RUNNING, State.QUEUED, State.PENDING]


def test_a_suspended_tenant_starts_nothing_more_until_it_is_active(queue):
    tenant = rows.tenant()
    execution = published(queue, rows.job(tenant))
    rows.change("UPDATE tenant SET state = 'suspended' WHERE id = %s", tenant)
    assert admission.withdraw_held() == 1
    assert admit() == 0
    rows.change("UPDATE tenant SET state = 'active' WHERE id = %s", tenant)
    assert admit() == 1
    assert claim(execution) is not None


def test_a_disabled_jobs_published_goes_back_waits_and_runs_once_it_is_active_again(queue):
    job = rows.job()
    execution = published(queue, job)
    become(job, "disabled")
    assert admission.withdraw_held() == 1
    assert rows.fetch("SELECT state, queued_at, publish_again_at FROM execution") == [(State.PENDING, None, None)]
    assert claim(execution) is None
    assert admit() == 0
    assert rows.fetch("SELECT waiting_on FROM execution") == [(f"held:{job[0]}",)]
    become(job, "active")
    assert admit() == 1
    assert [claim(each) is not None for each in queue.ids()] == [True, False]


def test_what_a_deleted_job_still_published_goes_back_and_is_cancelled(queue):
    job = rows.job()
    execution = published(queue, job)
    become(job, "deleted")
    assert admission.withdraw_held() == 1
    assert admit() == 0
    assert claim(execution) is None
    retention.prune()
    assert rows.state_of(execution) == State.CANCELLED


@pytest.mark.parametrize("state", ["disabled", "deleted"])
def test_a_message_that_arrives_before_the_engine_has_taken_it_back_starts_nothing(queue, state):
    job = rows.job()
    execution = published(queue, job)
    become(job, state)
    assert claim(execution) is None
    assert rows.fetch("SELECT state, epoch, worker_id FROM execution") == [(State.QUEUED, 0, None)]
    assert rows.fetch("SELECT count(*) FROM attempt") == [(0,)]
    assert admission.withdraw_held() == 1


def test_of_a_batch_only_members_whose_job_may_start_are_claimed(queue):
    job, held = rows.job(), rows.job(state="disabled")
    mine, theirs = (rows.execution(of, State.QUEUED, queue_id=queue.name) for of in (job, held))
    claims = transitions.claim_all([(theirs, 1), (mine, 1)], worker_id=uuid4(), worker="w", pid=1)
    assert [each.id for each in claims] == [mine]
    assert rows.state_of(theirs) == State.QUEUED


def test_a_paused_job_holds_its_schedules_only(queue):
    job = rows.job()
    execution = published(queue, job)
    become(job, "paused")
    assert admission.withdraw_held() == 0
    assert claim(execution) is not None


def test_of_a_disabled_job_what_runs_goes_on_and_other_jobs_of_the_tenant_keep_theirs(queue):
    held = rows.job(state="disabled")
    job = rows.job(held[1])
    running = rows.execution(held, State.RUNNING, queue_id=queue.name)
    mine, theirs = (rows.execution(of, State.QUEUED, queue_id=queue.name) for of in (job, held))
    assert admission.withdraw_held() == 1
    assert [rows.state_of(each) for each in (running, mine, theirs)] == [State.RUNNING, State.QUEUED, State.PENDING]


def test_more_than_one_batch_of_held_ones_is_taken_back_in_one_look(queue, monkeypatch):
    monkeypatch.setattr(admission, "WITHDRAW_BATCH", 2)
    held = rows.job(state="disabled")
    for _ in range(5):
        rows.execution(held, State.QUEUED, queue_id=queue.name)
    assert admission.withdraw_held() == 5
    assert rows.fetch("SELECT DISTINCT state FROM execution") == [(State.PENDING,)]


def test_a_withdrawn_one_can_be_cancelled(queue):
    execution = published(queue, rows.job())
    rows.change(PAUSE)
    admission.withdraw_held()
    assert transitions.cancel(execution) == State.CANCELLED


def _pause_queue(_: Any) -> None:
    rows.change(PAUSE)


def _disable_job(job: Any) -> None:
    become(job, "disabled")


@pytest.mark.parametrize("hold", [_pause_queue, _disable_job])
def test_the_engine_withdraws_by_itself(queue, hold):
    job = rows.job()
    execution = rows.execution(job, State.QUEUED, queue_id=queue.name)
    hold(job)
    engine = Timer()
    engine.start()
    try:
        assert eventually(lambda: rows.state_of(execution) == State.PENDING, 30)
    finally:
        engine.stop()
        engine.join(60)


@pytest.mark.parametrize(
    "gone",
    [
        {"lease_expires_at": rows.now()},
        {"draining": True},
        {"state": "inactive"},
        {"capabilities": ["cpu"]},
    ],
    ids=["dead", "draining", "inactive", "cannot"],
)
def test_what_no_executor_takes_any_more_goes_back_and_holds_no_cap(gone):
    where = executors.queue()
    taken, left = rows.tenant(), rows.tenant()
    executors.row(taken, queues=[where])
    executors.row(left, queues=[where], **gone)
    for tenant in (taken, left):
        job = rows.job(tenant, type="external", queue_id=where, payload={"capabilities": ["gpu"]})
        rows.execution(job, State.QUEUED, queue_id=where)
    assert admission.withdraw_held() == 1
    assert admit() == 0
    assert rows.fetch("SELECT tenant_id, state FROM execution ORDER BY state") == [
        (left, State.PENDING),
        (taken, State.QUEUED),
    ]
