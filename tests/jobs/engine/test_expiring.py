"""What has waited too long does not start any more: skipped if it never began, failed if its time for all attempts is over."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from jobs.engine import admission, transitions
from jobs.engine.admission import Seen
from jobs.engine.records import Fence, Problem
from jobs.engine.timer import Timer
from jobs.rules.codes import Absence, Failure
from jobs.rules.states import State
from tests.support import one, rows
from tests.support.broker import BrokerQueue

pytestmark = pytest.mark.usefixtures("as_engine", "empty_database")

AGO = timedelta(seconds=30)


def due(queue: BrokerQueue, ago: timedelta, **columns: Any) -> UUID:
    """Ripened; the queue has no worker."""
    columns = {"max_wait_seconds": 20, **columns}
    execution = rows.execution(rows.job(**columns), State.SCHEDULED, queue_id=queue.name, not_before=rows.now() - ago)
    admission.admit_all(Seen())
    return execution


def claim(execution: UUID, attempt: int = 1) -> Any:
    return one.claim(execution, attempt=attempt, worker_id=uuid4(), worker="w", pid=1)


def put_back(found: Any, delay: timedelta = timedelta()) -> None:
    fence = Fence(id=found.id, attempt_id=found.attempt_id, epoch=found.epoch)
    assert transitions.retry(fence, Problem(code=Failure.EXECUTION_FAILED, message="no"), delay=delay)


def late(execution: UUID) -> None:
    rows.change("UPDATE execution SET expires_at = now() - interval '1 second' WHERE id = %s", execution)


def test_what_waits_longer_than_its_job_allows_is_skipped_and_says_so(queue):
    execution = due(queue, AGO)
    assert admission.expire_late() == 1
    assert rows.fetch("SELECT state, reason, waiting_on, finished_at IS NOT NULL FROM execution") == [
        (State.SKIPPED, Absence.EXPIRED, "", True)
    ]
    assert rows.fetch("SELECT kind, data ->> 'reason' FROM event WHERE execution_id = %s", execution) == [
        ("execution.skipped", Absence.EXPIRED)
    ]
    assert rows.fetch("SELECT count(*) FROM dead_letter") == [(0,)]
    assert admission.expire_late() == 0


@pytest.mark.parametrize("limit", [60, None])
def test_within_its_limit_or_without_one_it_goes_on_waiting(queue, limit):
    execution = due(queue, AGO, max_wait_seconds=limit)
    assert admission.expire_late() == 0
    assert rows.state_of(execution) == State.PENDING


def test_the_engines_clock_sees_to_it(queue):
    execution = due(queue, AGO)
    Timer().round()
    assert rows.state_of(execution) == State.SKIPPED


def test_what_is_published_and_late_is_refused_at_the_claim_and_skipped(queue):
    execution = due(queue, timedelta(seconds=1))
    rows.change("UPDATE execution SET state = 'queued'")
    late(execution)
    assert claim(execution) is None
    assert admission.expire_late() == 1
    assert rows.state_of(execution) == State.SKIPPED


def test_once_it_has_begun_the_longest_wait_binds_it_no_more(queue):
    execution = due(queue, timedelta(seconds=1))
    rows.change("UPDATE execution SET state = 'queued'")
    put_back(claim(execution))
    assert rows.fetch("SELECT state, expires_at FROM execution") == [(State.SCHEDULED, None)]


def test_what_keeps_to_an_operations_pace_waits_as_long_as_that_takes(queue):
    execution = rows.execution(
        rows.job(max_wait_seconds=1), State.SCHEDULED, queue_id=queue.name, not_before=rows.now() - AGO,
        operation_id=uuid4(),
    )  # fmt: skip
    admission.admit_all(Seen())
    assert admission.expire_late() == 0
    assert rows.state_of(execution) == State.PENDING


def test_the_time_for_all_attempts_is_counted_from_the_first_start(queue):
    execution = rows.execution(rows.job(max_total_seconds=1000), State.QUEUED, queue_id=queue.name)
    first = claim(execution)
    assert first.seconds_left == 1000
    rows.change("UPDATE execution SET started_at = started_at - interval '400 seconds'")
    put_back(first)
    rows.change("UPDATE execution SET state = 'queued'")
    second = claim(execution, attempt=2)
    assert 500 < second.seconds_left <= 600
    put_back(second)
    rows.change("UPDATE execution SET state = 'queued'")
    assert claim(execution, attempt=3).seconds_left <= second.seconds_left


def test_what_is_in_back_off_when_its_time_is_over_has_failed_and_is_a_dead_letter(queue):
    execution = rows.execution(rows.job(max_total_seconds=100), State.QUEUED, queue_id=queue.name)
    put_back(claim(execution), timedelta(hours=1))
    assert admission.expire_late() == 0
    late(execution)
    assert admission.expire_late() == 1
    assert rows.fetch("SELECT state, reason, error_code FROM execution") == [(State.FAILED, "", Failure.TIMEOUT)]
    assert rows.fetch("SELECT execution_id, error_code FROM dead_letter") == [(execution, Failure.TIMEOUT)]


def test_a_postponed_one_is_due_anew_with_its_whole_wait(queue):
    execution = due(queue, AGO)
    from jobs.rules.starts import Start

    assert transitions.postpone([(execution, Start(rows.now() + AGO))])
    assert rows.fetch("SELECT state, expires_at FROM execution") == [(State.SCHEDULED, None)]
