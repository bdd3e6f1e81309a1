"""Concurrency keys: executions of a tenant that share one, of whatever job, run at most so many at once."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from jobs.engine import admission, planner
from jobs.engine.admission import Seen
from jobs.engine.transitions import Fence
from jobs.rules.states import State
from tests.support import one, rows
from tests.support.broker import BrokerQueue

pytestmark = pytest.mark.usefixtures("as_engine", "empty_database")


@pytest.fixture(autouse=True)
def _worker(queue: BrokerQueue) -> None:
    rows.worker(queues=(queue.name,), concurrency=8)


def admit() -> int:
    return admission.admit_all(Seen()).admitted


def pending(queue: BrokerQueue, of: Any, key: str, count: int = 1, **columns: Any) -> list[UUID]:
    return [
        rows.execution(of, State.PENDING, queue_id=queue.name, concurrency_key=key, **columns) for _ in range(count)
    ]


def finish(queue: BrokerQueue) -> bool:
    """Claim the oldest message and succeed; whether somebody waits for the room."""
    (taken,) = queue.take(1)
    claim = one.claim(taken, attempt=1, worker_id=rows.worker(queues=()), worker="w", pid=1)
    assert claim is not None
    ended = one.succeed(Fence(id=claim.id, attempt_id=claim.attempt_id, epoch=claim.epoch))
    assert ended is not None
    return ended.frees_somebody


def test_a_key_is_shared_by_all_jobs_of_a_tenant_and_the_rest_is_parked_under_it(queue):
    tenant = rows.tenant()
    first, second = rows.job(tenant), rows.job(tenant)
    waiting = pending(queue, first, "customer:17", 2) + pending(queue, second, "customer:17", 2)
    assert admit() == 1
    assert [rows.state_of(row) for row in waiting] == [State.QUEUED, State.PENDING, State.PENDING, State.PENDING]
    parked = rows.fetch("SELECT waiting_on, count(*) FROM execution WHERE waiting_on <> '' GROUP BY 1")
    assert parked == [(f"key:{tenant}:customer:17", 3)]


def test_other_keys_other_tenants_and_executions_without_one_go_their_way(queue):
    job, other = rows.job(), rows.job()
    pending(queue, job, "a", 2)
    pending(queue, job, "b", 2)
    pending(queue, job, "", 2)
    pending(queue, other, "a", 2)
    assert admit() == 1 + 1 + 2 + 1


def test_running_ones_count_wherever_they_were_queued(queue):
    job = rows.job(max_running_per_key=2)
    rows.execution(job, State.RUNNING, queue_id="default", concurrency_key="k")
    pending(queue, job, "k", 3)
    assert admit() == 1


def test_a_finish_lets_the_next_in_line_go(queue):
    job = rows.job()
    low, high = pending(queue, job, "k", priority=1)[0], pending(queue, job, "k", priority=9)[0]
    middle = pending(queue, job, "k", priority=5)[0]
    started = []
    while admit():
        started += queue.ids()
        finish(queue)
    assert started == [high, middle, low]


def test_a_finish_says_whether_somebody_waits_for_its_key(queue):
    pending(queue, rows.job(), "k", 2)
    admit()
    assert finish(queue)
    admit()
    assert not finish(queue)


def test_of_different_limits_under_a_key_the_smallest_counts(queue):
    tenant = rows.tenant()
    lax, strict = rows.job(tenant, max_running_per_key=3), rows.job(tenant, max_running_per_key=1)
    rows.execution(strict, State.RUNNING, concurrency_key="k")
    company = pending(queue, lax, "k", 2)
    assert admit() == 0
    rows.change("UPDATE execution SET state = 'succeeded', finished_at = now() WHERE state = 'running'")
    assert admit() == 2
    assert [rows.state_of(row) for row in company] == [State.QUEUED, State.QUEUED]


def test_a_strict_one_further_up_the_line_is_not_overtaken_by_lax_ones(queue):
    tenant = rows.tenant()
    lax, strict = rows.job(tenant, max_running_per_key=3), rows.job(tenant, max_running_per_key=1)
    pending(queue, lax, "k", priority=9)
    (waits,) = pending(queue, strict, "k", priority=5)
    pending(queue, lax, "k", 3, priority=1)
    assert admit() == 1
    finish(queue)
    assert admit() == 1
    assert rows.state_of(waits) == State.QUEUED


def test_a_raised_limit_holds_for_what_waits_already(queue):
    job = rows.job()
    pending(queue, job, "k", 4)
    assert admit() == 1
    rows.change("UPDATE job SET max_running_per_key = 3 WHERE id = %s", job[0])
    assert admit() == 2


def test_key_and_job_cap_together_end_with_every_execution_having_run(queue):
    tenant = rows.tenant()
    jobs = [rows.job(tenant, max_running=2, max_running_per_key=n) for n in (1, 2)]
    for job in jobs:
        for key in ("a", "b", ""):
            pending(queue, job, key, 4)
    ended = 0
    while admit() or queue.ids():
        finish(queue)
        ended += 1
    assert ended == 24


@pytest.mark.parametrize("full", [{"max_running": 1}, {"rate_limit": "1/h"}])
def test_a_place_is_not_kept_for_one_that_its_own_job_does_not_let_go(queue, full):
    tenant = rows.tenant()
    capped = rows.job(tenant, **full)
    pending(queue, capped, "a", priority=9)
    (refused,) = pending(queue, capped, "b", priority=8)
    (free,) = pending(queue, rows.job(tenant), "b", priority=1)
    assert admit() == 2
    assert [rows.state_of(row) for row in (refused, free)] == [State.PENDING, State.QUEUED]


def test_planned_slots_carry_the_key_their_payload_makes(queue):
    job = rows.job(queue_id=queue.name, concurrency_key="d:{duration_seconds}", payload={"duration_seconds": 5})
    rows.schedule(job)
    rows.schedule(job, payload='{"duration_seconds": 7}')
    planner.plan_due()
    assert rows.fetch("SELECT DISTINCT concurrency_key FROM execution ORDER BY 1") == [("d:5",), ("d:7",)]
