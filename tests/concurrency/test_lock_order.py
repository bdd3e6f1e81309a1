"""Transactions that move the same executions never wait for each other in a circle, nor does admission wait for anybody."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from time import monotonic
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from django.db import transaction

from jobs import sql
from jobs.engine import admission, gates, pausing, transitions
from jobs.engine.admission import Seen
from jobs.engine.records import Ending, Fence
from jobs.rules.states import State
from tenants import context
from tests.support import rows, servers
from tests.support.processes import eventually
from tests.support.threads import together

WAITING = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
LOCK = "SELECT id FROM execution WHERE id = %s FOR NO KEY UPDATE"


def somebody_waits() -> bool:
    """Whether some statement of this database waits for a lock."""
    return bool(rows.fetch(WAITING))


def _expire(execution: UUID) -> Any:
    rows.change("UPDATE execution SET expires_at = now() - interval '1 second' WHERE id = %s", execution)
    return transitions.expire(limit=10)


def _reject(execution: UUID) -> Any:
    return transitions.reject(execution, "no")


@pytest.mark.parametrize("end", [_expire, _reject])
def test_a_job_is_deleted_while_the_failure_of_what_waited_is_counted(owner, end, monkeypatch):
    job = rows.job(owner.tenant.id, name="a", pause_after_failures=3)
    execution, waiting = (rows.execution(job, State.PENDING, epoch=1) for _ in range(2))
    locked, counted = threading.Event(), pausing.count_failures

    def count(jobs: Any) -> None:
        locked.set()
        assert eventually(lambda: deleted.is_set() or somebody_waits())
        counted(jobs)

    deleted = threading.Event()
    monkeypatch.setattr(pausing, "count_failures", count)

    def delete() -> int:
        assert locked.wait(30)
        answer = owner.api.delete("/api/v1/jobs/a")
        deleted.set()
        return int(answer.status_code)

    def fail() -> Any:
        with context.within(context.Scope(tenant_id=owner.tenant.id)), transaction.atomic():
            return end(execution)

    ended, status = together([fail, delete])
    assert (bool(ended), status) == (True, 204)
    assert [rows.state_of(each) for each in (execution, waiting)] == [State.FAILED, State.CANCELLED]


def test_admission_passes_over_what_somebody_holds(queue):
    rows.worker(queues=(queue.name,), concurrency=8)
    held, over = (rows.execution(rows.job(max_running=1), State.PENDING, queue_id=queue.name) for _ in range(2))
    due = rows.execution(rows.job(), State.SCHEDULED, queue_id=queue.name)
    full = rows.job(max_running=1)
    rows.execution(full, State.RUNNING, queue_id=queue.name)
    parked = rows.execution(full, State.PENDING, queue_id=queue.name)
    with psycopg.connect(servers.URLS["super"]) as other:
        for each in (held, parked):
            other.execute(LOCK, [each])
        assert admission.admit_all(Seen()).admitted == 2
        assert sorted(queue.ids()) == sorted([over, due])
        other.execute(LOCK, [due])  # as whoever cancels both would
    assert admission.admit_all(Seen()).admitted == 1
    assert rows.fetch("SELECT waiting_on FROM execution WHERE id = %s", parked) == [(f"job:{full[0]}",)]


def test_neither_gates_nor_superseding_wait_for_what_somebody_holds(queue):
    """All tenants wait for a round; it comes back to what was passed over."""
    rows.worker(queues=(queue.name,), concurrency=8)
    job = rows.job(overlap="cancel_previous", queue_id=queue.name)
    now = rows.now()
    slot = {"trigger": "schedule", "queue_id": queue.name, "scheduled_for": now, "ripened_at": now}
    former = rows.execution(
        job, State.PENDING, not_before=now + timedelta(hours=-1), waiting_on=f"job:{job[0]}", **slot
    )
    due = rows.execution(job, State.SCHEDULED, **(slot | {"ripened_at": None}))
    gated = rows.execution(rows.job(), State.BLOCKED, decide_at=now + timedelta(hours=1), **slot)
    seen = Seen()
    with psycopg.connect(servers.URLS["super"]) as other:
        for each in (former, gated):
            other.execute(LOCK, [each])
        begun = monotonic()
        assert admission.admit_all(seen).held
        assert gates.Heard().poke() == 0
        assert monotonic() - begun < 4, "a wait for a lock takes five seconds"
    assert rows.state_of(former) == State.PENDING
    admission.admit_all(seen)
    assert (rows.state_of(former), rows.state_of(due)) == (State.CANCELLED, State.QUEUED)
    assert gates.Heard().poke() == 1


@pytest.mark.usefixtures("as_engine", "empty_database")
def test_buckets_are_pruned_past_what_admission_draws_from():
    """It draws from several, in any order."""
    bucket = "INSERT INTO rate_bucket (key, tokens, updated_at, refill_at, full_at) VALUES (%s, 1, now(), now(), now() - interval '1 day')"
    for key in ("job:a", "job:b"):
        rows.change(bucket, key)
    with psycopg.connect(servers.URLS["super"]) as other:
        other.execute("SELECT key FROM rate_bucket WHERE key = 'job:a' FOR NO KEY UPDATE")
        sql.run("prune_buckets")
        assert rows.fetch("SELECT key FROM rate_bucket") == [("job:a",)]
    sql.run("prune_buckets")
    assert rows.fetch("SELECT key FROM rate_bucket") == []


def _claim(ids: list[UUID]) -> int:
    return len(transitions.claim_all([(each, 1) for each in ids], worker_id=uuid4(), worker="w", pid=1))


def _succeed(ids: list[UUID]) -> int:
    return len(transitions.succeed_all([Ending(fence=_fence(each)) for each in ids]))


def _release(ids: list[UUID]) -> int:
    return len(transitions.release_all([_fence(each) for each in ids]))


def _fence(execution: UUID) -> Fence:
    return Fence(id=execution, attempt_id=uuid4(), epoch=1)


@pytest.mark.parametrize(
    ("act", "state"), [(_claim, State.QUEUED), (_succeed, State.RUNNING), (_release, State.RUNNING)]
)
@pytest.mark.usefixtures("as_engine", "empty_database")
def test_members_of_a_batch_are_locked_in_the_order_of_their_ids(act: Callable[[list[UUID]], int], state):
    job = rows.job()
    ids = sorted(rows.execution(job, state) for _ in range(3))
    held = threading.Event()

    def move() -> int:
        assert held.wait(30)
        return act(ids[::-1])

    def hold() -> int:
        with psycopg.connect(servers.URLS["super"]) as other:
            other.execute(LOCK, [ids[0]])
            held.set()
            assert eventually(somebody_waits)
            other.execute(LOCK, [ids[2]])
        return 0

    assert together([move, hold]) == [3, 0]
