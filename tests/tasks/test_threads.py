"""Attempts in threads beside others: each is told to stop by its context, and one that does not costs the process."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection

from jobs.engine import leases, transitions
from jobs.handlers import Cancelled
from jobs.models.queue import Pool
from jobs.rules.codes import Failure
from jobs.rules.states import State
from tasks import attendant, runner, worker_process
from tests.support import attempts, rows
from tests.support.attempts import Outcome
from tests.support.processes import eventually

pytestmark = pytest.mark.usefixtures("as_engine", "empty_database", "quick", "in_threads")

Run = Callable[[Outcome], "Future[None]"]


@pytest.fixture
def in_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_process.lease, "pool", Pool.THREADS)


@pytest.fixture
def run() -> Iterator[Run]:
    """Runs an attempt in a thread of its own."""
    with ThreadPoolExecutor(8) as threads:

        def work(outcome: Outcome) -> None:
            try:
                runner.run([(outcome.id, 1)])
            finally:
                connection.close()

        yield lambda outcome: threads.submit(work, outcome)


def published(**columns: Any) -> Outcome:
    return Outcome(rows.execution(rows.job(type=attempts.JOB_TYPE), State.QUEUED, **columns))


def polite(params: Any, context: Any) -> Any:
    if eventually(lambda: context.cancelled):
        raise Cancelled
    return "ran to its end"


def test_several_run_at_once_in_one_process(run):
    together = threading.Barrier(4, timeout=60)
    outcomes = [published() for _ in range(4)]
    with attempts.job_type(lambda params, context: together.wait() >= 0, threaded=True):
        for each in [run(outcome) for outcome in outcomes]:
            each.result()
    assert [outcome.result for outcome in outcomes] == [True] * 4


def test_cancel_reaches_the_one_it_is_meant_for(run):
    meant, other = published(), published()
    finish = threading.Event()

    def action(params, context):
        return polite(params, context) if context.execution_id == meant.id else finish.wait(60)

    with attempts.job_type(action, threaded=True):
        running = [run(meant), run(other)]
        assert eventually(lambda: (meant.state, other.state) == (State.RUNNING, State.RUNNING))
        transitions.cancel(meant.id)
        running[0].result()
        assert (meant.state, other.state) == (State.CANCELLED, State.RUNNING)
        finish.set()
        running[1].result()
    assert other.result is True


def test_what_stopped_it_decides_not_what_it_raises(run):
    outcome = published(timeout_seconds=0.1)
    with attempts.job_type(polite, threaded=True):
        run(outcome).result()
    assert (outcome.state, outcome.error_code) == (State.SCHEDULED, Failure.TIMEOUT)


def test_drained_attempt_is_given_back(run, monkeypatch):
    outcome = published()
    with attempts.job_type(polite, threaded=True):
        running = run(outcome)
        assert eventually(lambda: outcome.state == State.RUNNING)
        monkeypatch.setattr(worker_process._drain_at, "value", leases.boot_time())
        running.result()
    assert (outcome.state, outcome.attempt) == (State.PENDING, 1)


def test_thread_that_does_not_stop_is_settled_for_and_the_process_is_replaced(run, monkeypatch, settings, later):
    settings.CANCEL_GRACE = timedelta(seconds=0.2)
    replaced, finish = [], threading.Event()
    monkeypatch.setattr(attendant.current(), "_replace", lambda: replaced.append(1))
    outcome = published(timeout_seconds=60)

    def deaf(params, context):
        later(100)
        return finish.wait(60)

    with attempts.job_type(deaf, threaded=True):
        running = run(outcome)
        assert eventually(lambda: replaced == [1])
        assert (outcome.state, outcome.error_code) == (State.SCHEDULED, Failure.TIMEOUT)
        finish.set()
        running.result()
    # Its own late success is refused by the epoch.
    assert (outcome.state, outcome.result) == (State.SCHEDULED, None)


def test_type_that_needs_a_process_is_refused(run):
    outcome = published()
    with attempts.job_type(lambda params, context: None):
        run(outcome).result()
    assert (outcome.state, outcome.error_code) == (State.FAILED, Failure.CONFIG_INVALID)
    assert "needs a process of its own" in outcome.error_message
