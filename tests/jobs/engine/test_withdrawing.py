"""What is published while its queue or its tenant is held goes back into line; what runs goes on."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest

from jobs.engine import admission, transitions
from jobs.engine.admission import Seen
from jobs.engine.timer import Timer
from jobs.engine.transitions import Claim
from jobs.rules.states import State
from tests.support import rows
from tests.support.broker import BrokerQueue
from tests.support.processes import eventually

pytestmark = pytest.mark.usefixtures("as_engine", "empty_database")

PAUSE = "UPDATE queue SET paused_at = now() WHERE name <> 'default'"
RESUME = "UPDATE queue SET paused_at = NULL"


@pytest.fixture(autouse=True)
def _worker(queue: BrokerQueue) -> None:
    rows.worker(queues=(queue.name,), concurrency=4)


def admit() -> int:
    return admission.admit_all(Seen()).admitted


def claim(execution: UUID) -> Claim | None:
    return transitions.claim(execution, attempt=1, worker_id=uuid4(), worker="w", pid=1)


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


def test_a_withdrawn_one_can_be_cancelled(queue):
    execution = published(queue, rows.job())
    rows.change(PAUSE)
    admission.withdraw_held()
    assert transitions.cancel(execution) == State.CANCELLED


def test_the_engine_withdraws_by_itself(queue):
    rows.change(PAUSE)
    execution = rows.execution(rows.job(), State.QUEUED, queue_id=queue.name)
    engine = Timer()
    engine.start()
    try:
        assert eventually(lambda: rows.state_of(execution) == State.PENDING, 30)
    finally:
        engine.stop()
        engine.join(10)
