"""What is admitted, in which order, and what holds it back; published messages are read from the real broker."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest

from jobs.engine import admission, dispatch, transitions
from jobs.engine.admission import Round, Seen
from jobs.engine.records import Fence
from jobs.rules.states import State
from tests.support import broker, one, rows, servers
from tests.support.broker import BrokerQueue
from tests.support.processes import eventually

pytestmark = pytest.mark.usefixtures("as_engine", "empty_database")


def admit() -> Round:
    return admission.admit_all(Seen())


def pending(queue: BrokerQueue, of: Any, count: int = 1, **columns: Any) -> list[UUID]:
    return [rows.execution(of, State.PENDING, queue_id=queue.name, **columns) for _ in range(count)]


def ended(queue: BrokerQueue) -> transitions.Ended | None:
    """Claim the oldest message and succeed."""
    (execution,) = queue.take(1)
    claim = one.claim(execution, attempt=1, worker_id=rows.worker(queues=()), worker="w", pid=1)
    assert claim is not None
    return one.succeed(Fence(id=claim.id, attempt_id=claim.attempt_id, epoch=claim.epoch))


def test_higher_priority_goes_first_within_a_tenant(queue):
    job = rows.job()
    low, high, middle = (pending(queue, job, priority=priority)[0] for priority in (1, 9, 5))
    rows.worker(queues=(queue.name,), concurrency=1)
    admit()
    assert queue.ids() == [high, middle]
    assert rows.state_of(low) == State.PENDING


def test_the_older_goes_first_among_equals(queue):
    job, start = rows.job(), rows.now() - timedelta(minutes=1)
    newer, older = (pending(queue, job, not_before=start + timedelta(seconds=n))[0] for n in (2, 1))
    rows.worker(queues=(queue.name,))
    admit()
    assert queue.ids() == [older, newer]


def test_tenants_share_the_window_by_weight(queue):
    light, heavy = (rows.job(rows.tenant(weight=weight)) for weight in (1, 3))
    owners = {execution: job for job in (light, heavy) for execution in pending(queue, job, 30)}
    rows.worker(queues=(queue.name,), concurrency=16)
    admit()
    assert Counter(owners[execution] for execution in queue.ids()) == {light: 8, heavy: 24}


def test_a_tenant_without_anything_in_flight_goes_before_one_with_much(queue):
    busy, idle = rows.job(), rows.job()
    for _ in range(3):
        rows.execution(busy, State.RUNNING, queue_id=queue.name)
    pending(queue, busy, 5, priority=9)
    wanted = pending(queue, idle, 5, priority=0)
    rows.worker(queues=(queue.name,), concurrency=1)
    admit()
    assert set(queue.ids()) < set(wanted)


def test_tenant_cap_counts_what_is_in_flight_and_leaves_others_alone(queue):
    capped, free = rows.job(rows.tenant(max_running=3)), rows.job()
    rows.execution(capped, State.RUNNING)
    rows.execution(capped, State.QUEUED, queue_id="default")
    mine, others = pending(queue, capped, 4), pending(queue, free, 4)
    rows.worker(queues=(queue.name,), concurrency=8)
    admit()
    published = set(queue.ids())
    assert len(published & set(mine)) == 1
    assert published >= set(others)


def test_tenant_cap_holds_for_live_work_and_what_is_behind_it_together(queue):
    capped = rows.job(rows.tenant(max_running=1))
    live, behind = pending(queue, capped)[0], pending(queue, capped, priority=-5)[0]
    rows.worker(queues=(queue.name,), concurrency=8)
    admit()
    assert (rows.state_of(live), rows.state_of(behind)) == (State.QUEUED, State.PENDING)


def test_work_behind_all_that_is_live_stands_behind_it_in_the_broker_too(queue):
    early, late = pending(queue, rows.job(), priority=-5)[0], pending(queue, rows.job(), 3)
    rows.worker(queues=(queue.name,), concurrency=8)
    admit()
    assert queue.ids() == [*late, early]


def test_a_broker_that_hangs_is_waited_for_once_a_round(queue, monkeypatch):
    other = broker.queue()
    for each in (queue, other):
        pending(each, rows.job())
        rows.worker(queues=(each.name,))
    tries: list[int] = []
    monkeypatch.setattr(dispatch, "_send", lambda *_, **__: tries.append(1))
    assert admit().admitted == 2
    assert len(tries) == 1


def test_job_cap_parks_the_rest_and_a_finish_wakes_one(queue):
    job = rows.job(max_running=2)
    waiting = pending(queue, job, 5)
    rows.worker(queues=(queue.name,), concurrency=8)
    admit()
    assert len(queue.ids()) == 2
    parked = rows.fetch("SELECT DISTINCT waiting_on, count(*) FROM execution WHERE state = 'pending' GROUP BY 1")
    assert parked == [(f"job:{job[0]}", 3)]
    done = ended(queue)
    assert done is not None
    assert done.frees_somebody
    admit()
    assert len(queue.ids()) == 2
    assert Counter(map(rows.state_of, waiting)) == {State.SUCCEEDED: 1, State.QUEUED: 2, State.PENDING: 2}


def test_parked_ones_wake_when_the_cap_is_lifted(queue):
    job = rows.job(max_running=1)
    pending(queue, job, 4)
    rows.worker(queues=(queue.name,), concurrency=8)
    admit()
    rows.change("UPDATE job SET max_running = NULL WHERE id = %s", job[0])
    admit()
    assert len(queue.ids()) == 4


def test_a_finish_frees_nobody_where_nobody_waits(queue):
    pending(queue, rows.job(max_running=2), 2)
    rows.worker(queues=(queue.name,))
    admit()
    done = ended(queue)
    assert done is not None
    assert not done.frees_somebody


def test_paused_queue_admits_nothing_until_it_is_open_again(queue):
    rows.worker(queues=(queue.name,))
    pending(queue, rows.job())
    rows.change("UPDATE queue SET paused_at = now() WHERE name = %s", queue.name)
    assert admit().admitted == 0
    rows.change("UPDATE queue SET paused_at = NULL WHERE name = %s", queue.name)
    assert admit().admitted == 1


def test_queue_cap_counts_queued_and_running():
    queue = broker.queue(max_running=4)
    job = rows.job()
    rows.worker(queues=(queue.name,), concurrency=8)
    for state in (State.RUNNING, State.QUEUED):
        rows.execution(job, state, queue_id=queue.name)
    pending(queue, job, 5)
    assert admit().admitted == 2


@pytest.mark.parametrize(
    "columns", [None, {"lease": -1}, {"draining": True}, {"queues": ("default",)}], ids=["none", "lost", "draining", "other queue"]
)  # fmt: skip
def test_nothing_is_admitted_without_a_live_worker(queue, columns):
    if columns is not None:
        rows.worker(**({"queues": (queue.name,)} | columns))
    (execution,) = pending(queue, rows.job())
    assert admit().admitted == 0
    assert rows.state_of(execution) == State.PENDING


def test_suspended_tenant_is_passed_over(queue):
    tenant = rows.tenant(state="suspended")
    pending(queue, rows.job(tenant))
    rows.worker(queues=(queue.name,))
    assert admit().admitted == 0
    rows.change("UPDATE tenant SET state = 'active' WHERE id = %s", tenant)
    assert admit().admitted == 1


def test_disabled_job_holds_what_waits_until_it_is_active_again(queue):
    job = rows.job(state="disabled")
    (execution,) = pending(queue, job)
    rows.worker(queues=(queue.name,))
    assert admit().admitted == 0
    assert rows.fetch("SELECT waiting_on FROM execution WHERE id = %s", execution) == [(f"held:{job[0]}",)]
    rows.change("UPDATE job SET state = 'active' WHERE id = %s", job[0])
    assert admit().admitted == 1


def test_paused_job_runs_what_was_due_before_its_pause(queue):
    pending(queue, rows.job(state="paused"))
    rows.worker(queues=(queue.name,))
    assert admit().admitted == 1


def test_round_gives_way_while_another_engine_admits(queue):
    rows.worker(queues=(queue.name,))
    pending(queue, rows.job())
    with servers.superuser() as other:
        other.execute("SELECT pg_advisory_lock(%s)", [admission.LOCK_KEY])
        assert admit() == Round(held=False)
        assert queue.ids() == []
    assert eventually(lambda: admit().admitted == 1)


def test_cancelled_one_is_never_admitted(queue):
    kept, cancelled = pending(queue, rows.job(), 2)
    transitions.cancel(cancelled)
    rows.worker(queues=(queue.name,))
    admit()
    assert queue.ids() == [kept]


def test_one_that_is_being_cancelled_while_admission_picks_it_is_not_admitted(queue):
    (execution,) = pending(queue, rows.job())
    rows.worker(queues=(queue.name,))
    with psycopg.connect(servers.URLS["super"]) as other:
        other.execute("UPDATE execution SET state = 'cancelled', finished_at = now() WHERE id = %s", [execution])
        assert admit().admitted == 0  # and waits for nobody
        other.commit()
    assert rows.state_of(execution) == State.CANCELLED
    assert queue.ids() == []


def test_one_that_is_not_due_stays_scheduled(queue):
    rows.worker(queues=(queue.name,))
    later = rows.execution(rows.job(), queue_id=queue.name, not_before=rows.now() + timedelta(minutes=1))
    due = rows.execution(rows.job(), queue_id=queue.name)
    admit()
    assert queue.ids() == [due]
    assert rows.state_of(later) == State.SCHEDULED


def test_a_disabled_jobs_executions_are_parked_until_it_is_activated(queue):
    job = rows.job(state="disabled")
    (execution,) = pending(queue, job)
    rows.worker(queues=(queue.name,))
    admit()
    assert rows.fetch("SELECT state, waiting_on FROM execution") == [("pending", f"held:{job[0]}")]
    rows.change("UPDATE job SET state = 'active'")
    admit()
    assert queue.ids() == [execution]
