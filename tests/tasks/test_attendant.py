"""What stops a running attempt, and what becomes of it; real signals in this process's main thread."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError, connections

from jobs import sql
from jobs.engine import leases, transitions
from jobs.handlers import Cancelled, Interrupted, LeaseLost, Released, SoftTimeLimit, TimedOut
from jobs.rules.codes import Failure
from jobs.rules.states import State
from tasks import attendant, runner, worker_process
from tests.support import attempts, rows
from tests.support.attempts import Outcome, attempt, until_stopped
from tests.support.processes import eventually

pytestmark = pytest.mark.usefixtures("as_engine", "empty_database", "quick")

Begin = Callable[[Any, Any], None]


def cancel(params, context):
    transitions.cancel(context.execution_id)


def lose(params, context):
    rows.change("UPDATE execution SET epoch = epoch + 1 WHERE id = %s", context.execution_id)


@pytest.fixture
def drain(monkeypatch: pytest.MonkeyPatch) -> Begin:
    def begin(*_: Any) -> None:
        monkeypatch.setattr(worker_process._drain_at, "value", leases.boot_time())

    return begin


def then(begin: Begin, action: Any = until_stopped) -> Any:
    """An action that begins with something that stops it."""

    def act(params: Any, context: Any) -> Any:
        begin(params, context)
        return action(params, context)

    return act


def test_attempt_beyond_its_time_is_a_failure_that_says_so():
    outcome = attempt(until_stopped, timeout_seconds=0.1)
    assert (outcome.state, outcome.attempt, outcome.error_code) == (State.SCHEDULED, 2, Failure.TIMEOUT)
    assert outcome.error_message.startswith("still running after 0.1 s")
    assert outcome.messages == [outcome.error_message], "its log tells how it came to its end"
    assert outcome.attempts == [(1, "failed", Failure.TIMEOUT)]


def test_cancelled_attempt_is_acknowledged():
    outcome = attempt(then(cancel))
    assert (outcome.state, outcome.attempts) == (State.CANCELLED, [(1, "cancelled", "")])
    assert outcome.messages == ["cancelled on request"]
    assert not outcome.buried


def test_attempt_on_a_worker_that_shuts_down_is_given_back_unpunished(drain):
    outcome = attempt(then(drain))
    assert (outcome.state, outcome.attempt, outcome.crashes) == (State.PENDING, 1, 0)
    assert outcome.attempts == [(1, "released", "")]


def test_attempt_whose_claim_is_over_writes_nothing():
    def write(params, context):
        context.log("too late")
        until_stopped()

    outcome = attempt(then(lose, write))
    assert (outcome.state, outcome.epoch, outcome.log) == (State.RUNNING, 2, [])
    assert outcome.attempts == [(1, "running", "")]
    assert rows.fetch("SELECT count(*) FROM event") == [(0,)]


@pytest.mark.parametrize(("begin", "kind"), [(cancel, Cancelled), (lose, LeaseLost)])
def test_handler_may_clean_up_on_its_way_out(begin, kind):
    seen = []

    def tidy(params, context):
        try:
            until_stopped()
        except Interrupted as interruption:
            seen.extend([type(interruption), context.cancelled])
            raise

    attempt(then(begin, tidy))
    assert seen == [kind, True]


def test_handler_that_only_catches_exceptions_lets_the_interruption_pass():
    def careless(params, context):
        try:
            until_stopped()
        except Exception:
            context.log("swallowed")

    assert attempt(then(cancel, careless)).state == State.CANCELLED


def test_work_finished_in_spite_of_an_interruption_counts():
    def finish(params, context):
        try:
            until_stopped()
        except Interrupted:
            return "finished"

    outcome = attempt(then(cancel, finish))
    assert (outcome.state, outcome.result) == (State.SUCCEEDED, "finished")


def test_interruption_is_raised_once(monkeypatch):
    stop, stops, caught = attendant.Attendant._stop, [], []

    def counting(self, *arguments):
        stops.append(1)
        stop(self, *arguments)

    def stubborn(params, context):
        for wait in (until_stopped, lambda: eventually(lambda: len(stops) > 3)):
            try:
                wait()
            except Interrupted as interruption:
                caught.append(interruption)

    monkeypatch.setattr(attendant.Attendant, "_stop", counting)
    attempt(then(cancel, stubborn))
    assert len(stops) > 3
    assert len(caught) == 1


def test_signal_after_the_attempt_has_ended_does_nothing():
    attempt(lambda params, context: None)
    os.kill(os.getpid(), attendant.SIGNAL)
    signal.pthread_kill(threading.main_thread().ident or 0, attendant.SIGNAL)


def test_next_attempt_is_not_touched_by_what_stopped_the_last():
    attempt(then(cancel))
    assert attempt(lambda params, context: "fine").result == "fine"


@pytest.mark.parametrize("error", [OperationalError("server closed the connection"), RuntimeError("whatever it is")])
def test_deadline_holds_while_the_database_is_away(monkeypatch, later, error):
    run = sql.run

    def away(name, **parameters):
        if name in ("append_log", "attend"):
            raise error
        return run(name, **parameters)

    def log_and_wait(params, context):
        context.log("not stored before the end")
        later(100)
        until_stopped()

    monkeypatch.setattr(sql, "run", away)
    outcome = attempt(log_and_wait, timeout_seconds=60)
    assert outcome.error_code == Failure.TIMEOUT
    assert outcome.messages == ["not stored before the end", outcome.error_message]


def test_lines_that_could_not_be_stored_come_again_in_order(monkeypatch):
    run, refused = sql.run, []

    def once_away(name, **parameters):
        if name == "append_log" and not refused:
            refused.append(name)
            raise OperationalError("server closed the connection unexpectedly")
        return run(name, **parameters)

    def talk(params, context):
        for number in range(3):
            context.log(str(number))
        return eventually(lambda: len(Outcome(context.execution_id).messages) == 3)

    monkeypatch.setattr(sql, "run", once_away)
    outcome = attempt(talk)
    assert refused
    assert (outcome.result, outcome.messages) == (True, ["0", "1", "2"])


def in_a_child(execution: Any, action: Any) -> int:
    """Runs the attempt in a forked process, as a worker's child does; returns its pid."""
    pid = os.fork()
    if pid == 0:
        try:
            # What was inherited belongs to the parent: neither used nor closed here.
            connections["default"] = connections.create_connection("default")
            attendant._attendants.clear()
            attendant.start()
            with attempts.job_type(action):
                runner.run([(execution, 1)])
        finally:
            os._exit(3)
    return pid


@pytest.mark.parametrize("state", [State.CANCELLED, State.SCHEDULED])
def test_handler_that_does_not_stop_is_settled_for_and_its_process_killed(state, settings, later):
    settings.CANCEL_GRACE = timedelta(seconds=0.2)
    under_way, begun = os.pipe()

    def ignore(params, context):
        os.write(begun, b"!")
        if state == State.SCHEDULED:
            later(100)
        while True:
            with contextlib.suppress(Interrupted):
                until_stopped()

    outcome = Outcome(rows.execution(rows.job(type=attempts.JOB_TYPE), State.QUEUED, timeout_seconds=60))
    pid = in_a_child(outcome.id, ignore)
    assert os.read(under_way, 1) == b"!"
    if state == State.CANCELLED:
        transitions.cancel(outcome.id)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGKILL
    os.close(under_way)
    os.close(begun)
    assert outcome.state == state
    assert [ended for _, ended, _ in outcome.attempts] == ["cancelled" if state == State.CANCELLED else "failed"]


def test_each_kind_of_stop_is_an_interruption_that_no_exception_handler_catches():
    kinds = [Cancelled, TimedOut, Released, LeaseLost]
    assert all(issubclass(kind, Interrupted) and not issubclass(kind, Exception) for kind in kinds)


def softly(action: Any) -> Outcome:
    return attempt(action, of=rows.job(type=attempts.JOB_TYPE, soft_timeout_seconds=0.1))


def test_at_its_soft_limit_an_attempt_is_asked_and_may_succeed():
    def until_asked(_: Any, context: Any) -> str:
        eventually(lambda: context.ending)
        assert not context.cancelled
        return "partly"

    outcome = softly(until_asked)
    assert (outcome.state, outcome.result) == (State.SUCCEEDED, "partly")
    assert "asked to end: soft_timeout_seconds are over" in outcome.messages


def test_the_soft_limit_is_raised_once_where_that_is_wanted_and_can_be_caught():
    def tidied(_: Any, context: Any) -> str:
        with context.raising_softly():
            try:
                until_stopped()
            except SoftTimeLimit:
                threading.Event().wait(3 * attendant.FLUSH_EVERY)  # not raised again meanwhile
        return "tidied"

    outcome = softly(tidied)
    assert (outcome.state, outcome.result) == (State.SUCCEEDED, "tidied")


def test_who_lets_the_soft_limit_pass_has_failed_with_timeout():
    def heedless(_: Any, context: Any) -> None:
        with context.raising_softly():
            until_stopped()

    outcome = softly(heedless)
    assert (outcome.state, outcome.error_code) == (State.SCHEDULED, Failure.TIMEOUT)
    assert outcome.error_message == "it did not end by itself at soft_timeout_seconds"


def test_who_goes_on_after_the_soft_limit_is_ended_at_the_hard_one():
    job = rows.job(type=attempts.JOB_TYPE, soft_timeout_seconds=0.1)
    outcome = attempt(until_stopped, of=job, timeout_seconds=0.5)
    assert (outcome.state, outcome.error_code) == (State.SCHEDULED, Failure.TIMEOUT)
    assert outcome.error_message.startswith("still running after 0.5 s")
