"""One attempt in this process, from claim to finish, on real rows."""

from __future__ import annotations

import asyncio
import logging
import sys
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import OperationalError
from pydantic import Field

from jobs.engine import suspensions, transitions
from jobs.handlers import Defer, HandlerError, Params, PermanentFailure, RetryLater, Suspend
from jobs.rules.codes import Failure
from jobs.rules.states import State
from tasks import payloads, run, runner
from tests.support import attempts, rows
from tests.support.attempts import attempt
from tests.support.processes import eventually

pytestmark = pytest.mark.usefixtures("as_engine", "empty_database", "quick")

#: Tried again after exactly a hundred seconds.
RETRY = {"delay_seconds": 100, "backoff": "fixed", "jitter": False, "max_attempts": 3}
HUNDRED = timedelta(seconds=100)


def waits(outcome: attempts.Outcome) -> timedelta:
    """How long from the end of its attempt to the next."""
    return rows.fetch(
        "SELECT e.not_before - a.finished_at FROM execution e JOIN attempt a ON a.execution_id = e.id WHERE e.id = %s", outcome.id
    )[0][0]  # fmt: skip


def about(length: timedelta) -> object:
    return pytest.approx(length, abs=timedelta(seconds=1))


def raising(error: BaseException):
    def action(*_):
        raise error

    return action


def test_result_of_a_success_is_stored():
    outcome = attempt(lambda params, context: {"answer": 42})
    assert (outcome.state, outcome.result, outcome.error_code) == (State.SUCCEEDED, {"answer": 42}, "")
    assert outcome.attempts == [(1, "succeeded", "")]
    assert outcome.finished_at >= outcome.started_at


def test_handler_sees_who_it_runs_for():
    seen = []
    job = rows.job(rows.tenant(slug="acme", allowed_hosts='["10.0.0.1"]'), type=attempts.JOB_TYPE, name="nightly")
    outcome = attempt(lambda params, context: seen.append(context), of=job, timeout_seconds=50)
    (context,) = seen
    assert (context.tenant, context.job, context.attempt) == ("acme", "nightly", 1)
    assert (context.execution_id, context.idempotency_key) == (outcome.id, str(outcome.id))
    assert context.allowed_hosts == ("10.0.0.1",)
    assert 0 < context.remaining() <= 50


def test_overrides_replace_whole_fields_of_the_revisions_payload():
    payload = {"headers": {"a": 1}, "verb": "GET"}
    outcome = attempt(lambda params, context: params.model_dump(), payload=payload, overrides={"headers": {"b": 2}})
    assert outcome.result == {"headers": {"b": 2}, "verb": "GET"}


def test_failure_is_tried_again_as_the_policy_says():
    outcome = attempt(raising(HandlerError("it broke", result={"status": 500})), retry=RETRY)
    assert (outcome.state, outcome.attempt, outcome.crashes) == (State.SCHEDULED, 2, 0)
    assert (outcome.error_code, outcome.error_message) == (Failure.EXECUTION_FAILED, "it broke")
    assert outcome.attempts == [(1, "failed", Failure.EXECUTION_FAILED)]
    assert rows.fetch("SELECT result FROM attempt") == [({"status": 500},)]
    assert waits(outcome) == about(HUNDRED)
    assert outcome.messages == ["it broke"]


def test_last_failure_is_a_dead_letter():
    outcome = attempt(raising(HandlerError("it broke")), retry=RETRY)
    for _ in range(2):
        outcome.run_again(raising(HandlerError("it broke again")))
    assert (outcome.state, outcome.attempt, outcome.buried) == (State.FAILED, 3, True)
    assert [number for number, _, _ in outcome.attempts] == [1, 2, 3]


def test_permanent_failure_is_a_dead_letter_at_once():
    outcome = attempt(raising(PermanentFailure("never", code=Failure.UNSAFE_TARGET)), retry=RETRY)
    assert (outcome.state, outcome.attempt, outcome.error_code) == (State.FAILED, 1, Failure.UNSAFE_TARGET)
    assert outcome.buried


def test_failure_with_a_mark_the_policy_excludes_is_not_tried_again():
    error = HandlerError("teapot", tags=["http:418"])
    assert attempt(raising(error), retry=RETRY | {"no_retry_on": ["http:418"]}).state == State.FAILED


def test_retry_waits_as_long_as_the_other_side_said():
    outcome = attempt(raising(RetryLater("busy", delay=timedelta(seconds=7))), retry=RETRY)
    assert (outcome.state, outcome.attempt) == (State.SCHEDULED, 2)
    assert waits(outcome) == about(timedelta(seconds=7))


def test_deferral_goes_on_with_the_same_attempt():
    outcome = attempt(raising(Defer(HUNDRED)), retry={"max_attempts": 1})
    assert (outcome.state, outcome.attempt, outcome.attempts) == (State.SCHEDULED, 1, [(1, "deferred", "")])
    assert waits(outcome) == about(HUNDRED)
    outcome.run_again(lambda params, context: None)
    assert (outcome.state, outcome.attempt) == (State.SUCCEEDED, 1)


def test_what_is_suspended_goes_on_with_the_same_attempt_when_it_is_woken():
    outcome = attempt(raising(Suspend(HUNDRED)), retry={"max_attempts": 1})
    assert (outcome.state, outcome.attempt, outcome.attempts) == (State.BLOCKED, 1, [(1, "suspended", "")])
    assert suspensions.resume_due() == 0
    assert suspensions.wake([outcome.id]) == suspensions.resume_due() == 1
    outcome.run_again(lambda params, context: "woken")
    assert (outcome.state, outcome.attempt, outcome.result) == (State.SUCCEEDED, 1, "woken")


def divide(params, context):
    secret = "hunter2"
    return len(secret) / 0


def test_unforeseen_exception_leaves_the_handlers_own_traceback():
    outcome = attempt(divide)
    assert outcome.error_message == "ZeroDivisionError: division by zero"
    ((_, level, stream, text),) = outcome.log
    assert (level, stream) == ("error", "carillon")
    assert "in divide" in text
    assert text.endswith("ZeroDivisionError: division by zero")
    assert "tasks/runner.py" not in text
    assert "hunter2" not in text


def test_a_library_that_cancels_itself_has_failed():
    """Its exception is none of `Exception`'s: a thread would end with it, and its execution stay running."""
    outcome = attempt(raising(asyncio.CancelledError()), retry=RETRY)
    assert (outcome.state, outcome.attempts) == (State.SCHEDULED, [(1, "failed", Failure.EXECUTION_FAILED)])


@pytest.mark.parametrize("mark", ["exception:ZeroDivisionError", "exception:ArithmeticError"])
def test_exception_is_known_to_the_policy_by_its_class_and_their_bases(mark):
    assert attempt(divide, retry=RETRY | {"no_retry_on": [mark]}).state == State.FAILED
    assert attempt(divide, retry=RETRY | {"no_retry_on": ["exception:KeyError"]}).state == State.SCHEDULED


class Strict(Params):
    url: str = Field(pattern="^https:")


def test_payload_the_job_type_refuses_names_the_field_and_not_its_value():
    outcome = attempt(lambda params, context: None, params=Strict, payload={"url": "gopher:secret"})
    assert (outcome.state, outcome.error_code) == (State.FAILED, Failure.PAYLOAD_INVALID)
    assert outcome.error_message.startswith("payload.url: ")
    assert "secret" not in outcome.error_message


def test_type_this_worker_does_not_have_is_a_dead_letter():
    outcome = attempt(lambda params, context: None, of=rows.job(type="vanished"))
    assert (outcome.state, outcome.error_code) == (State.FAILED, Failure.CONFIG_INVALID)
    assert "unknown job type 'vanished'" in outcome.error_message


def test_revision_that_is_gone_is_a_dead_letter():
    outcome = attempt(lambda params, context: None, revision=9)
    assert (outcome.state, outcome.error_code) == (State.FAILED, Failure.CONFIG_INVALID)


def test_result_that_is_too_large_is_not_kept():
    outcome = attempt(lambda params, context: "x" * payloads.MAX_RESULT_BYTES, retry={"max_attempts": 1})
    assert (outcome.state, outcome.error_code, outcome.result) == (State.FAILED, Failure.RESOURCE_LIMIT, None)


@pytest.mark.parametrize(
    "result", [object(), float("nan"), {"a": {1, 2}}, "\x00", ["\ud800"]], ids=["object", "nan", "set", "nul", "surrogate"]
)  # fmt: skip
def test_result_that_cannot_be_stored_fails_for_good(result):
    outcome = attempt(lambda params, context: result, retry=RETRY)
    assert (outcome.state, outcome.error_code, outcome.result) == (State.FAILED, Failure.EXECUTION_FAILED, None)
    assert outcome.buried


def test_what_is_printed_and_logged_stands_in_order():
    def talk(params, context):
        context.log("one")
        print("two")  # noqa: T201
        print("three", file=sys.stderr)  # noqa: T201
        logging.getLogger("some.library").warning("four of %d", 6)
        context.progress(0.5, "half")
        print("six", end="")  # noqa: T201

    outcome = attempt(talk)
    assert outcome.log == [
        (1, "info", "handler", "one"),
        (2, "info", "stdout", "two"),
        (3, "info", "stderr", "three"),
        (4, "warning", "log", "four of 6"),
        (5, "info", "progress", "50% half"),
        (6, "info", "stdout", "six"),
    ]


def test_lines_are_numbered_on_over_attempts():
    def fail(params, context):
        context.log("first")
        raise HandlerError("broke")

    outcome = attempt(fail, retry=RETRY)
    outcome.run_again(lambda params, context: context.log("second"))
    assert [(number, text) for number, _, _, text in outcome.log] == [(1, "first"), (2, "broke"), (3, "second")]


def test_log_is_readable_while_the_handler_runs():
    def look(params, context):
        context.log("under way")
        return eventually(lambda: attempts.Outcome(context.execution_id).messages == ["under way"])

    assert attempt(look).result is True


def test_private_folder_is_gone_afterwards():
    seen = []

    def write(params, context):
        seen.append(context.folder())
        (context.folder() / "file").write_text("x")
        raise HandlerError("broke")

    attempt(write)
    assert len(set(seen)) == 1
    assert not seen[0].exists()


def test_message_that_comes_twice_runs_once():
    ran = []
    outcome = attempt(lambda params, context: ran.append(1))
    with attempts.job_type(lambda params, context: ran.append(2)):
        runner.run([(outcome.id, 1)])
        runner.run([(uuid4(), 1)])
    assert ran == [1]


def test_message_names_executions_and_their_attempts():
    job = rows.job(type=attempts.JOB_TYPE)
    members = [(str(rows.execution(job, State.QUEUED)), 1), (str(rows.execution(job, State.QUEUED, attempt=2)), 2)]
    with attempts.job_type(lambda params, context: context.attempt):
        run.execute(members)
    assert rows.fetch("SELECT state, result FROM execution ORDER BY attempt") == [("succeeded", 1), ("succeeded", 2)]


def test_claim_whose_answer_is_lost_is_given_back(monkeypatch):
    claim = transitions.claim_all

    def lose(*args, **options):
        claim(*args, **options)
        raise OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr(transitions, "claim_all", lose)
    outcome = attempt(lambda params, context: None)
    assert (outcome.state, outcome.attempt, outcome.crashes) == (State.PENDING, 1, 0)
    assert outcome.attempts == [(1, "released", "")]
