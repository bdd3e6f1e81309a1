"""Python jobs that call their callable once for each item."""

from __future__ import annotations

import threading
import time
from datetime import timedelta

import pytest

from jobs.handlers import PermanentFailure, RetryLater
from jobs.rules.codes import Failure
from jobs.rules.states import State
from tasks import runner
from tests.support import ids, rows
from tests.support.attempts import Outcome
from tests.tasks.handlers.python_runs import cancel, until_cancelled

pytestmark = pytest.mark.usefixtures("as_engine", "empty_database", "quick")


def test_items_are_called_once_each_and_their_results_are_kept(run):
    def double(item: int, *, factor: int = 2) -> int:
        return item * factor

    outcome = run(double, items=[1, 2, 3], kwargs={"factor": 3}, max_threads=2)
    assert outcome.result == {
        "items": 3, "succeeded": 3, "failed": 0, "not_started": 0, "omitted": 0,
        "results": [{"item": 0, "result": 3}, {"item": 1, "result": 6}, {"item": 2, "result": 9}],
    }  # fmt: skip


def test_installations_limit_holds_whatever_the_payload_says(run, settings):
    settings.MAX_THREADS = 2
    lock, running, most = threading.Lock(), 0, 0

    def call(item: int) -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        time.sleep(0.002)
        with lock:
            running -= 1

    assert run(call, items=list(range(40)), max_threads=50).result["succeeded"] == 40
    assert most <= 2


def test_failed_items_are_named_and_fail_the_attempt(run):
    def odd(item: int) -> int:
        if item % 2:
            raise ValueError(f"{item} is odd")
        return item

    outcome = run(odd, items=list(range(20)))
    assert outcome.error_message.startswith("10 of 20 items failed: items[1] (ValueError: 1 is odd), items[3] (")
    assert outcome.error_message.endswith("and 5 more")
    assert (outcome.result["succeeded"], outcome.result["failed"]) == (10, 10)
    assert outcome.result["results"][1] == {"item": 1, "error": "ValueError: 1 is odd"}


def test_result_of_many_items_is_bounded_and_failures_come_first(run):
    def large(item: int) -> str:
        if item == 39:
            raise ValueError("x" * 10_000)
        return "y" * 5_000

    result = run(large, items=list(range(40))).result
    assert (result["succeeded"], result["failed"]) == (39, 1)
    assert result["omitted"] == 40 - len(result["results"]) > 20
    assert result["results"][-1]["item"] == 39


def test_first_failure_leaves_the_rest_unstarted_if_so_asked(run):
    def fail(item: int) -> None:
        raise PermanentFailure("no", tags=["no"])

    outcome = run(fail, items=[1, 2, 3], max_threads=1, on_error="stop", columns={"retry": {"max_attempts": 3}})
    assert outcome.result["not_started"] == 2
    assert outcome.state == State.FAILED, "all that failed did so for good"


def test_policy_knows_the_items_exceptions(run):
    def fail(item: str) -> None:
        raise KeyError(item)

    policy = {"max_attempts": 3, "no_retry_on": ["exception:LookupError"]}
    assert run(fail, items=["a"], columns={"retry": policy}).state == State.FAILED


def test_items_that_ask_for_a_later_retry_get_the_longest(run):
    def busy(item: int) -> None:
        raise RetryLater("busy", delay=timedelta(seconds=item))

    outcome = run(busy, items=[3, 70, 5], columns={"retry": {"max_attempts": 3}})
    ((waits,),) = rows.fetch(
        "SELECT e.not_before - a.finished_at FROM execution e JOIN attempt a ON a.execution_id = e.id WHERE e.id = %s",
        outcome.id,
    )
    assert waits == pytest.approx(timedelta(seconds=70), abs=timedelta(seconds=1))


def test_cancel_in_the_midst_hands_out_nothing_more_and_waits_for_what_is_under_way(run):
    begun, ended = [], []

    def item(item: int) -> None:
        begun.append(item)
        if len(begun) == 3:
            cancel()
        until_cancelled()
        ended.append(item)

    outcome = run(item, items=list(range(50)), max_threads=3)
    assert outcome.state == State.CANCELLED
    assert sorted(begun) == sorted(ended)
    assert len(begun) == 3


def test_time_limit_stops_a_fan_out(run):
    outcome = run(lambda item: until_cancelled(), items=list(range(50)), columns={"timeout_seconds": 0.3})
    assert outcome.error_code == Failure.TIMEOUT


def again(outcome: Outcome) -> None:
    """Publish and run its next attempt."""
    rows.change("UPDATE execution SET state = 'queued' WHERE id = %s", outcome.id)
    runner.run([(outcome.id, outcome.attempt)])


RETRIED = {"retry": {"max_attempts": 5}}


def test_a_retry_calls_only_what_has_not_succeeded_and_ends_with_everybodys_results(run):
    called = []

    def odd_once(item: int) -> int:
        called.append(item)
        if item % 2 and called.count(item) == 1:
            raise ValueError("not yet")
        return item * 10

    outcome = run(odd_once, items=[0, 1, 2, 3], columns=RETRIED)
    assert outcome.state == State.SCHEDULED
    again(outcome)
    assert sorted(called) == [0, 1, 1, 2, 3, 3]
    assert outcome.result == {
        "items": 4, "succeeded": 4, "failed": 0, "not_started": 0, "omitted": 0,
        "results": [{"item": item, "result": item * 10} for item in range(4)],
    }  # fmt: skip
    assert "2 of 4 items succeeded in an earlier attempt and are not called again" in outcome.messages


def test_a_retry_goes_on_with_what_a_stop_left_unstarted(run):
    called = []

    def second_fails_once(item: int) -> None:
        called.append(item)
        if called == [0, 1]:
            raise ValueError("broke")

    outcome = run(second_fails_once, items=[0, 1, 2, 3], max_threads=1, on_error="stop", columns=RETRIED)
    again(outcome)
    assert called == [0, 1, 1, 2, 3]
    assert outcome.state == State.SUCCEEDED


def test_what_succeeded_is_known_over_several_attempts_also_behind_one_that_left_nothing(run):
    called = []

    def each_in_its_attempt(item: int) -> None:
        called.append(item)
        if called.count(item) <= item:
            raise ValueError("not yet")

    outcome = run(each_in_its_attempt, items=[0, 1, 2], max_threads=1, columns=RETRIED)
    again(outcome)
    rows.change("UPDATE execution SET state = 'queued', attempt = 4, epoch = 3 WHERE id = %s", outcome.id)
    lost = {"number": 3, "epoch": 3, "state": "lost", "worker_id": outcome.id, "worker_pid": 1, "worker": "w"}
    rows.insert(
        "attempt", id=ids.child_of(outcome.id), tenant_id=outcome.tenant_id, execution_id=outcome.id,
        started_at=rows.now(), error_code="WORKER_LOST", error_message="", **lost,
    )  # fmt: skip
    again(outcome)
    assert called == [0, 1, 2, 1, 2, 2]
    assert (outcome.state, outcome.result["succeeded"]) == (State.SUCCEEDED, 3)


def test_what_is_kept_of_the_most_items_fits_however_scattered_they_are(run):
    called = []

    def odd_once(item: int) -> str:
        called.append(item)
        if item % 2 and len(called) <= 10_000:
            raise ValueError("x" * 300)
        return "y" * 100

    outcome = run(odd_once, items=list(range(10_000)), columns=RETRIED)
    ((kept,),) = rows.fetch("SELECT length(result::text) FROM attempt WHERE execution_id = %s", outcome.id)
    assert kept < 64 * 1024
    again(outcome)
    assert len(called) == 15_000
    assert (outcome.state, outcome.result["succeeded"]) == (State.SUCCEEDED, 10_000)
