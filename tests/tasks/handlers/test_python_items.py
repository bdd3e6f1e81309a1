"""Python jobs that call their callable once for each item."""

from __future__ import annotations

import threading
import time
from datetime import timedelta

import pytest

from jobs.handlers import PermanentFailure, RetryLater
from jobs.rules.codes import Failure
from jobs.rules.states import State
from tests.support import rows
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
