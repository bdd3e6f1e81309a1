"""A job is paused after so many executions that failed one after another, once, however many end at the same time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest
from django.db import connections

from jobs.engine import admission, transitions
from jobs.engine.records import Ending, Fence, Problem
from jobs.rules.codes import Failure
from jobs.rules.states import State
from tests.support import one, rows

pytestmark = pytest.mark.usefixtures("as_engine", "empty_database")

STATE = "SELECT state, failed_in_a_row, failures_at_pause FROM job"


def claim(job: Any) -> Any:
    execution = rows.execution(job, State.QUEUED)
    found = one.claim(execution, attempt=1, worker_id=uuid4(), worker="w", pid=1)
    assert found is not None
    return found


def fence(found: Any) -> Fence:
    return Fence(id=found.id, attempt_id=found.attempt_id, epoch=found.epoch)


def fail(found: Any) -> None:
    assert transitions.exhaust(fence(found), Problem(code=Failure.EXECUTION_FAILED, message="no"))


def succeed(found: Any) -> None:
    counted = found.job_id if found.is_counted else None
    assert transitions.succeed_all([Ending(fence=fence(found), counted_job=counted)])


def test_the_third_failure_in_a_row_pauses_and_is_told_once():
    job = rows.job(pause_after_failures=3)
    for _ in range(2):
        fail(claim(job))
    assert rows.fetch(STATE) == [("active", 2, None)]
    running = claim(job)
    fail(claim(job))
    fail(running)
    assert rows.fetch(STATE) == [("paused", 4, 3)]
    assert rows.fetch("SELECT kind, job_id, data FROM event WHERE kind = 'job.paused'") == [
        ("job.paused", job[0], {"failures": 3})
    ]
    assert rows.fetch("SELECT actor, action, object_id, changes, reason FROM audit_event") == [
        ("system", "job.paused", str(job[0]), {"state": ["active", "paused"]},
         "paused by itself after 3 failures in a row")
    ]  # fmt: skip


def test_a_success_between_begins_anew_and_a_cancelled_one_says_nothing():
    job = rows.job(pause_after_failures=2)
    fail(claim(job))
    succeed(claim(job))
    fail(claim(job))
    transitions.acknowledge_cancel(fence(claim(job)))
    assert rows.fetch(STATE) == [("active", 1, None)]
    fail(claim(job))
    assert rows.fetch(STATE) == [("paused", 2, 2)]


def test_a_job_without_it_is_neither_counted_nor_paused():
    job = rows.job()
    found = claim(job)
    assert not found.is_counted
    fail(found)
    assert rows.fetch(STATE) == [("active", 0, None)]


def test_what_is_rejected_or_runs_out_of_time_counts_as_well():
    job = rows.job(pause_after_failures=2, max_total_seconds=1)
    assert transitions.reject(rows.execution(job, State.PENDING), "bad")
    execution = rows.execution(job, State.PENDING, epoch=1, attempt=2)
    rows.change("UPDATE execution SET expires_at = now() - interval '1 second' WHERE id = %s", execution)
    assert admission.expire_late() == 1
    assert rows.fetch(STATE) == [("paused", 2, 2)]


def test_finishes_at_the_same_time_are_all_counted():
    job = rows.job(pause_after_failures=8)
    found = [claim(job) for _ in range(8)]

    def end(each: Any) -> None:
        fail(each)
        connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(end, found))
    assert rows.fetch(STATE) == [("paused", 8, 8)]
    assert rows.fetch("SELECT count(*) FROM audit_event") == [(1,)]
