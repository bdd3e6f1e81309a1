"""Executions whose owner is gone, and messages the broker lost, are found; healthy ones are left alone."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import OperationalError

from jobs.engine import transitions, watchdog
from jobs.engine.records import Claim
from jobs.rules.codes import Failure
from jobs.rules.states import State
from tests.support import broker, one, rows

pytestmark = pytest.mark.usefixtures("as_engine", "empty_database")

PID = 77
EARLIER = timedelta(minutes=1)


def claimed(worker: UUID, of: Any = None, **columns: Any) -> Claim:
    """An execution that the worker's process claimed a minute ago."""
    execution = rows.execution(of or rows.job(), State.QUEUED, **columns)
    claim = one.claim(execution, attempt=columns.get("attempt", 1), worker_id=worker, worker="w@host", pid=PID)
    assert claim is not None
    rows.change("UPDATE execution SET started_at = started_at - %s WHERE id = %s", EARLIER, execution)
    return claim


LOST: dict[str, Callable[[], UUID]] = {
    "its lease has expired": lambda: rows.worker(pids=(PID,), lease=-1),
    "its process is gone": lambda: rows.worker(pids=(PID + 1,)),
    "its worker has been unknown for longer than a lease": uuid4,
}


@pytest.mark.parametrize("owner", LOST.values(), ids=LOST)
def test_execution_runs_again_a_second_after_its_owner_is_found_lost(owner):
    claim = claimed(owner())
    assert watchdog.recover_lost() == 1
    assert rows.fetch(
        """SELECT state, attempt, crashes, worker_id, error_code,
               not_before - clock_timestamp() BETWEEN interval '-1 minute' AND interval '1 second' FROM execution"""
    ) == [(State.SCHEDULED, 2, 1, None, Failure.WORKER_LOST, True)]
    assert rows.fetch("SELECT id, number, state, error_code, finished_at IS NOT NULL FROM attempt") == [
        (claim.attempt_id, 1, "lost", Failure.WORKER_LOST, True)
    ]
    assert rows.fetch("SELECT kind, data ->> 'error_code' FROM event") == [("execution.retried", Failure.WORKER_LOST)]
    assert watchdog.recover_lost() == 0


def test_executions_of_live_processes_are_left_alone():
    claimed(rows.worker(pids=(PID,)))
    of_a_worker_that_has_just_started = rows.execution(rows.job(), State.QUEUED)
    assert one.claim(of_a_worker_that_has_just_started, attempt=1, worker_id=uuid4(), worker="w@host", pid=PID)
    forked_while_the_list_was_read = claimed(rows.worker(pids=(1,)))
    rows.change("UPDATE execution SET started_at = now() WHERE id = %s", forked_while_the_list_was_read.id)
    rows.execution(rows.job(), State.RUNNING, worker_id=None)  # ended by its children
    assert watchdog.recover_lost() == 0
    assert rows.fetch("SELECT DISTINCT state FROM execution") == [(State.RUNNING,)]


@pytest.mark.parametrize(("minutes", "state"), [(0, State.RUNNING), (10, State.SCHEDULED)])
def test_what_a_live_process_has_long_no_time_left_for_is_lost(minutes, state, settings):
    """Its claim came to pass after its answer was given up, or its process stands still: nobody would ever end it."""
    execution = claimed(rows.worker(pids=(PID,)), timeout_seconds=60).id
    rows.change("UPDATE execution SET started_at = started_at - interval '1 minute' * %s", minutes)
    watchdog.recover_lost()
    assert rows.state_of(execution) == state
    if minutes:
        (message,) = rows.fetch("SELECT error_message FROM attempt")[0]
        assert message == f"worker w@test (process {PID}) has not ended it, and its time has long been over"


def test_lost_execution_that_should_be_cancelled_is_cancelled_and_not_tried_again():
    claim = claimed(uuid4())
    transitions.cancel(claim.id)
    assert watchdog.recover_lost() == 1
    assert rows.state_of(claim.id) == State.CANCELLED
    assert rows.fetch("SELECT state FROM attempt") == [("lost",)]
    assert rows.fetch("SELECT kind FROM event") == [("execution.cancelled",)]


def test_third_crash_buries_the_execution():
    execution = claimed(uuid4()).id
    for attempt in (2, 3):
        watchdog.recover_lost()
        rows.change("UPDATE execution SET state = 'queued'")
        assert one.claim(execution, attempt=attempt, worker_id=rows.dead_worker(), worker="w@host", pid=PID)
    assert watchdog.recover_lost() == 1
    assert rows.fetch("SELECT state, attempt, crashes, error_code FROM execution") == [
        (State.FAILED, 3, 3, Failure.WORKER_LOST)
    ]
    assert rows.fetch("SELECT execution_id, error_code, state FROM dead_letter") == [
        (execution, Failure.WORKER_LOST, "open")
    ]
    assert rows.fetch("SELECT number, state FROM attempt ORDER BY number") == [(1, "lost"), (2, "lost"), (3, "lost")]


def test_job_that_must_not_run_twice_is_buried_at_its_first_crash():
    claimed(uuid4(), rows.job(retry={"on_worker_lost": False}))
    watchdog.recover_lost()
    assert rows.fetch("SELECT state, crashes FROM execution") == [(State.FAILED, 1)]
    assert rows.fetch("SELECT error_code FROM dead_letter") == [(Failure.WORKER_LOST,)]


def test_crash_uses_up_no_attempt():
    claimed(uuid4(), rows.job(retry={"max_attempts": 1}), max_attempts=1)
    watchdog.recover_lost()
    assert rows.fetch("SELECT state, attempt FROM execution") == [(State.SCHEDULED, 2)]


def test_members_of_a_lost_batch_come_again_alone_and_none_is_charged_with_it():
    job = rows.job()
    members = [rows.execution(job, State.QUEUED) for _ in range(3)]
    claims = transitions.claim_all(
        [(member, 1) for member in members], worker_id=rows.dead_worker(), worker="w@host", pid=PID
    )
    assert [claim.id for claim in claims] == members
    assert watchdog.recover_lost() == 3
    assert rows.fetch("SELECT DISTINCT state, attempt, crashes FROM execution") == [(State.PENDING, 1, 0)]
    assert rows.fetch("SELECT DISTINCT number, state FROM attempt") == [(1, "lost")]

    rows.change("UPDATE execution SET state = 'queued'")
    assert one.claim(members[0], attempt=1, worker_id=rows.dead_worker(), worker="w@host", pid=PID)
    watchdog.recover_lost()
    assert rows.fetch("SELECT state, crashes FROM execution WHERE id = %s", members[0]) == [(State.SCHEDULED, 1)]


def test_many_healthy_long_runs_hide_no_lost_one():
    job, tenant = rows.job()
    rows.change(
        """INSERT INTO execution (id, job_id, tenant_id, revision, trigger, triggered_by, state, reason, not_before, queue_id,
               priority, timeout_seconds, max_attempts, error_code, error_message, error_fingerprint, attempt, crashes, epoch,
               waiting_on, created_at, started_at, worker_id, worker_pid)
           SELECT carillon_child_id(carillon_floor_id(now()), n::text), %s, %s, 1, 'manual', '', 'running', '', now(), 'default',
               5, 7200, 3, '', '', '', 1, 0, 1, '', now(), now() - interval '1 hour', %s, %s FROM generate_series(1, 600) n""",
        job, tenant, rows.worker(pids=(PID,)), PID,
    )  # fmt: skip
    claimed(uuid4())
    assert watchdog.recover_lost() == 1


def test_lost_ones_on_every_page_are_found(monkeypatch):
    monkeypatch.setattr(watchdog, "PAGE", 2)
    lost = [claimed(uuid4()).id for _ in range(5)]
    assert watchdog.recover_lost() == 5
    assert {rows.state_of(execution) for execution in lost} == {State.SCHEDULED}


@pytest.mark.parametrize("spec", ['{"retry": {"max_attempts": "many"}}', '{"retry": 3}', '"no object"'])
def test_row_that_cannot_be_recovered_is_buried_and_the_sweep_goes_on(spec):
    bad, good = claimed(uuid4()), claimed(uuid4())
    rows.change("UPDATE job_revision SET spec = %s WHERE job_id = %s", spec, bad.job_id)
    assert watchdog.recover_lost() == 2
    assert [rows.state_of(claim.id) for claim in (bad, good)] == [State.FAILED, State.SCHEDULED]
    assert rows.fetch("SELECT execution_id, error_code FROM dead_letter") == [(bad.id, Failure.CONFIG_INVALID)]


def test_row_without_its_revision_is_tried_again_by_the_default_policy():
    claim = claimed(uuid4())
    rows.change("DELETE FROM job_revision")
    watchdog.recover_lost()
    assert rows.state_of(claim.id) == State.SCHEDULED


def test_database_in_trouble_buries_nobody(monkeypatch):
    claim = claimed(uuid4())

    def away(*_: Any, **__: Any) -> None:
        raise OperationalError("deadlock detected")

    with monkeypatch.context() as patch:
        patch.setattr(transitions, "retry", away)
        with pytest.raises(OperationalError):
            watchdog.recover_lost()
    assert rows.state_of(claim.id) == State.RUNNING
    assert watchdog.recover_lost() == 1


def test_what_a_process_does_not_really_run_is_given_back_unpunished():
    worker = rows.worker(pids=(PID,))
    mine, wanted_gone, other = claimed(worker), claimed(worker), claimed(rows.worker(pids=(PID,)))
    transitions.cancel(wanted_gone.id)
    watchdog.disown([mine.id, wanted_gone.id, other.id], worker_id=worker, pid=PID)
    assert [rows.state_of(claim.id) for claim in (mine, wanted_gone, other)] == [
        State.PENDING, State.CANCELLED, State.RUNNING
    ]  # fmt: skip
    assert rows.fetch("SELECT attempt, crashes FROM execution WHERE id = %s", mine.id) == [(1, 0)]


def published(queue: broker.BrokerQueue, *, due: float) -> UUID:
    """Published to the broker ``due`` seconds before it may be published again."""
    again = rows.now() + timedelta(seconds=due)
    return rows.execution(rows.job(), State.QUEUED, queue_id=queue.name, publish_again_at=again)


def test_exactly_as_many_are_published_again_as_the_broker_lacks_oldest_first(queue):
    newest, oldest, middle = (published(queue, due=due) for due in (-1, -3, -2))
    assert watchdog.publish_stranded(broker.client) == 3
    queue.take(2)  # the broker loses the two oldest
    rows.change("UPDATE execution SET publish_again_at = publish_again_at - interval '1 minute'")
    assert watchdog.publish_stranded(broker.client) == 2
    assert queue.ids() == [newest, oldest, middle]
    assert watchdog.publish_stranded(broker.client) == 0


def test_nothing_is_published_twice_within_half_a_minute(queue):
    published(queue, due=-1)
    assert watchdog.publish_stranded(broker.client) == 1
    queue.take()
    assert watchdog.publish_stranded(broker.client) == 0
    left = rows.fetch("SELECT publish_again_at - clock_timestamp() FROM execution")[0][0]
    assert timedelta(seconds=1) < left <= timedelta(seconds=30)


def test_one_just_published_may_still_be_on_its_way(queue):
    published(queue, due=5)
    assert watchdog.publish_stranded(broker.client) == 0
    assert queue.ids() == []
