"""However an attempt ends, and whatever its outcome holds, it ends: nothing stays running because it cannot be stored."""

from __future__ import annotations

from datetime import timedelta
from functools import reduce
from typing import Any

import pytest
from django.db import OperationalError, connection

from jobs.engine import dispatch, transitions
from jobs.engine.records import Fence
from jobs.handlers import Cancelled, HandlerError, LeaseLost, PermanentFailure
from jobs.rules.codes import Failure
from jobs.rules.states import State
from tasks import payloads, settling
from tasks.journal import Journal
from tasks.settling import Settling
from tests.support import attempts, one, rows
from tests.support.attempts import Outcome, attempt

pytestmark = pytest.mark.usefixtures("as_engine", "empty_database", "quick")


def claimed(**columns: Any) -> tuple[Settling, Outcome]:
    outcome = Outcome(rows.execution(rows.job(**columns), State.QUEUED))
    claim = one.claim(outcome.id, attempt=1, worker_id=outcome.id, worker="w", pid=1)
    assert claim is not None
    fence = Fence(id=claim.id, attempt_id=claim.attempt_id, epoch=claim.epoch)
    return Settling(claim, fence, Journal(claim.last_seq)), outcome


def failing(message: str = "it broke", **options: Any) -> Any:
    def action(*_: Any) -> None:
        raise HandlerError(message, **options)

    return action


def test_message_may_hold_anything_and_any_length():
    outcome = attempt(failing("a\x00b \ud800 " + "x" * 10_000))
    assert outcome.state == State.SCHEDULED
    assert outcome.error_message.startswith("a\ufffdb ? xxx")
    assert len(outcome.error_message) == settling.MAX_MESSAGE


@pytest.mark.parametrize(
    "result", [object(), "\x00", "x" * payloads.MAX_RESULT_BYTES], ids=["object", "nul", "too large"]
)
def test_failures_result_that_cannot_be_kept_is_left_out_and_the_log_says_so(result):
    outcome = attempt(failing(result=result))
    assert (outcome.state, outcome.error_code, outcome.error_message) == (
        State.SCHEDULED, Failure.EXECUTION_FAILED, "it broke"
    )  # fmt: skip
    assert rows.fetch("SELECT result FROM attempt") == [(None,)]
    assert "result" in outcome.messages[-1]


def test_failure_under_a_policy_that_cannot_be_followed_is_the_last():
    outcome = attempt(failing(), retry={"max_attempts": "many"})
    assert (outcome.state, outcome.error_message, outcome.buried) == (State.FAILED, "it broke", True)
    assert outcome.messages[-1].startswith("no retry, its policy cannot be followed: max_attempts: ")


def test_outcome_the_database_refuses_ends_the_attempt_all_the_same():
    outcome = attempt(failing(code="X" * 100))
    assert (outcome.state, outcome.error_code, outcome.buried) == (State.FAILED, Failure.EXECUTION_FAILED, True)
    assert outcome.error_message.startswith("its outcome cannot be stored: value too long")


def test_crashes_count_apart_from_failures():
    outcome = attempt(failing(), retry={"max_attempts": 2, "jitter": False})
    rows.change("UPDATE execution SET state = 'queued', attempt = 4, crashes = 2")
    with attempts.job_type(failing()):
        attempts.runner.run([(outcome.id, 4)])
    assert (outcome.state, outcome.buried) == (State.FAILED, True)


def test_outcome_waits_for_a_database_that_is_away(monkeypatch):
    succeed, tries = transitions.succeed_all, []

    def away_twice(*args: Any, **options: Any) -> Any:
        tries.append(1)
        if len(tries) < 3:
            raise OperationalError("the database system is starting up")
        return succeed(*args, **options)

    monkeypatch.setattr(transitions, "succeed_all", away_twice)
    outcome = attempt(lambda params, context: "kept")
    assert (outcome.result, len(tries)) == ("kept", 3)


def test_outcome_is_not_given_up_while_its_process_lives(monkeypatch):
    """Else its row would stay running for as long. What must no longer run here is ended by the warden."""
    succeed, tries = transitions.succeed_all, []

    def away_for_long(*args: Any) -> Any:
        tries.append(1)
        now[0] += 20
        if len(tries) < 4:
            raise OperationalError("no route to host")
        return succeed(*args)

    now = [0.0]
    for module in ("tasks.settling", "tasks.patience"):
        monkeypatch.setattr(f"{module}.boot_time", lambda: now[0])
    monkeypatch.setattr(transitions, "succeed_all", away_for_long)
    settles, outcome = claimed()
    settles.succeeded("kept")
    assert (outcome.state, outcome.result) == (State.SUCCEEDED, "kept")


def test_of_one_that_does_not_stop_nothing_is_written_once_the_lease_would_be_over(monkeypatch, settings):
    def away(*_: Any, **__: Any) -> None:
        raise OperationalError("no route to host")

    settings.LEASE = timedelta()
    monkeypatch.setattr(transitions, "acknowledge_cancel", away)
    settles, outcome = claimed()
    settles.last_word(Cancelled())
    assert outcome.state == State.RUNNING, "it is killed, and found lost"


def test_outcome_waits_while_the_server_only_reads(monkeypatch):
    """As one does that no longer is the primary, or will be it in a moment."""
    succeed, tries = transitions.succeed_all, []

    def reading_at_first(*args: Any) -> Any:
        tries.append(1)
        if len(tries) == 1:
            with connection.cursor() as cursor:
                cursor.execute("SET default_transaction_read_only = on")
        return succeed(*args)

    monkeypatch.setattr(transitions, "succeed_all", reading_at_first)
    outcome = attempt(lambda *_: "kept")
    assert (outcome.state, outcome.result, len(tries)) == (State.SUCCEEDED, "kept", 2)


def test_a_result_that_cannot_be_looked_through_for_secrets_ends_the_attempt_all_the_same():
    def nested(params, context):
        context.hide(["s3cr3t-token"])
        return reduce(lambda inner, _: [inner], range(700), "x")

    outcome = attempt(nested)
    assert (outcome.state, outcome.buried) == (State.FAILED, True)
    assert outcome.error_message.startswith("its outcome cannot be told: maximum recursion depth")


def test_only_the_first_of_two_settlements_counts():
    settles, outcome = claimed()
    settles.succeeded("first")
    settles.failed(PermanentFailure("second"))
    settles.interrupted(Cancelled())
    assert (outcome.state, outcome.result, outcome.buried) == (State.SUCCEEDED, "first", False)
    assert len(outcome.attempts) == 1


def test_after_a_lost_lease_nothing_is_written():
    settles, outcome = claimed()
    settles.interrupted(LeaseLost())
    assert outcome.state == State.RUNNING


def test_room_that_somebody_waits_for_rings_the_engine(monkeypatch):
    rung = []
    monkeypatch.setattr(dispatch, "ring", lambda: rung.append(1))
    settles, outcome = claimed()
    settles.succeeded(None)
    assert rung == []
    settles, outcome = claimed(max_running=1)
    job = rows.fetch("SELECT job_id, tenant_id FROM execution WHERE id = %s", outcome.id)[0]
    rows.execution(job, State.PENDING, waiting_on=f"job:{job[0]}")
    settles.deferred(timedelta(seconds=1))
    assert rung == [1]


def test_a_result_that_the_policy_refuses_is_a_failed_attempt_with_that_result():
    retry = {"retry_if": "result.status == 'pending'", "max_attempts": 2}
    outcome = attempt(lambda *_: {"status": "pending"}, retry=retry)
    assert (outcome.state, outcome.error_code) == (State.SCHEDULED, Failure.RESULT_REFUSED)
    assert rows.fetch("SELECT state, result FROM attempt") == [("failed", {"status": "pending"})]
    outcome.run_again(lambda *_: {"status": "done"})
    assert (outcome.state, outcome.result) == (State.SUCCEEDED, {"status": "done"})


def test_a_condition_that_cannot_be_computed_of_the_result_fails_for_good():
    outcome = attempt(lambda *_: {"rows": 1}, retry={"retry_if": "result.status == 'pending'"})
    assert (outcome.state, outcome.error_code, outcome.buried) == (State.FAILED, Failure.RESULT_REFUSED, True)
    assert "retry_if cannot be computed of the result: there is no 'status'" in outcome.error_message


def test_an_attempt_that_could_not_begin_within_the_time_for_all_is_not_waited_for():
    policy = {"delay_seconds": 600, "jitter": False}
    within, outcome = claimed(max_total_seconds=900, retry=policy)
    within.failed(HandlerError("it broke"))
    assert outcome.state == State.SCHEDULED
    beyond, outcome = claimed(max_total_seconds=300, retry=policy)
    beyond.failed(HandlerError("it broke"))
    assert (outcome.state, outcome.error_code, outcome.buried) == (State.FAILED, Failure.TIMEOUT, True)
    assert outcome.error_message.endswith("; the last one: it broke")
