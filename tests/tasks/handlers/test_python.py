"""Python jobs, from claim to finish, on real rows; what a callable does is defined beside each test."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import threading
import time
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from django.db import connections

from jobs.callables import current, job_handler, registry
from jobs.engine import transitions, watchdog
from jobs.handlers import PermanentFailure, RetryLater
from jobs.rules.codes import Failure
from jobs.rules.states import State
from tasks import attendant, runner
from tasks.handlers.python import Python, PythonParams
from tests.support import rows
from tests.support.attempts import Outcome
from tests.support.processes import eventually

pytestmark = pytest.mark.usefixtures("as_engine", "empty_database", "quick")

ONCE = {"max_attempts": 1}
NAME = "mine"


def queued(payload: Any, *, allowed: str = '["*"]', retry: Any = ONCE, **columns: Any) -> Outcome:
    job = rows.job(rows.tenant(allowed_callables=allowed), type="python", payload=payload, retry=retry)
    return Outcome(rows.execution(job, State.QUEUED, **columns))


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Outcome]:
    """Runs an attempt that calls the given function; keywords are the rest of its payload."""
    monkeypatch.setattr(registry, "_registry", registry._registry.copy())

    def attempt(function: Callable[..., Any], *, columns: Any = None, **payload: Any) -> Outcome:
        registry._registry.pop(NAME, None)
        job_handler(name=NAME)(function)
        outcome = queued({"callable": NAME, **payload}, **(columns or {}))
        runner.run([(outcome.id, 1)])
        return outcome

    return attempt


def until_cancelled() -> None:
    """Goes on until it sees that it must stop; if it never does, it ends by itself and spoils the test."""
    eventually(current.cancelled, seconds=60)


def test_callable_gets_its_arguments_and_its_result_is_stored(run):
    def add(day: date, days: int, *, context) -> Any:
        return {"day": day + timedelta(days=days), "attempt": context.attempt}

    outcome = run(add, args=["2026-01-30"], kwargs={"days": 3})
    assert (outcome.state, outcome.result) == (State.SUCCEEDED, {"day": "2026-02-02", "attempt": 1})


def test_log_print_and_progress_stand_in_order(run):
    def talk() -> None:
        current.log("one")
        print("two")  # noqa: T201
        logging.getLogger("a.library").warning("three")
        current.progress(0.4, "rows")

    assert [(stream, text) for _, _, stream, text in run(talk).log] == [
        ("handler", "one"), ("stdout", "two"), ("log", "three"), ("progress", "40% rows"),
    ]  # fmt: skip


def test_exception_leaves_the_traceback_of_its_authors_frames(run):
    def inner() -> None:
        raise ValueError("broke")

    def outer() -> None:
        inner()

    async def outer_async() -> None:
        await asyncio.sleep(0)
        inner()

    for function in (outer, outer_async):
        outcome = run(function)
        assert (outcome.state, outcome.error_message) == (State.FAILED, "ValueError: broke")
        (text,) = outcome.messages
        assert text.index(f"in {function.__name__}") < text.index("in inner")
        assert not any(ours in text for ours in ("calling.py", "handlers/python.py", "runner.py", "asyncio"))


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (PermanentFailure("never"), State.FAILED),
        (RetryLater("busy", delay=timedelta(seconds=7)), State.SCHEDULED),
        (SystemExit(3), State.SCHEDULED),
    ],
)
def test_what_it_raises_decides_with_the_retry_policy(run, error, state):
    def fail() -> None:
        raise error

    assert run(fail, columns={"retry": {"max_attempts": 3}}).state == state


def cancel() -> None:
    running = current.context()
    assert running is not None
    transitions.cancel(running.execution_id)


def cancel_elsewhere() -> None:
    """In a thread of its own: Django refuses a query where an event loop runs."""
    try:
        cancel()
    finally:
        connections.close_all()


def lengthy() -> None:
    eventually(lambda: False, seconds=60)


async def lengthy_async() -> None:
    await asyncio.sleep(60)


@pytest.mark.parametrize("function", [lengthy, lengthy_async])
def test_callable_is_interrupted_at_its_time_limit(run, function):
    outcome = run(function, columns={"timeout_seconds": 0.2})
    assert (outcome.state, outcome.error_code) == (State.FAILED, Failure.TIMEOUT)


def test_cancel_reaches_callable_coroutine_and_items(run):
    def sync() -> None:
        cancel()
        lengthy()

    async def coroutine() -> None:
        await asyncio.to_thread(cancel_elsewhere)
        await asyncio.sleep(60)

    async def swallowing() -> None:
        # An interruption raised in a callback of the loop is lost there; the loop looks by itself.
        loop = asyncio.get_running_loop()

        def spin() -> None:
            eventually(lambda: False, seconds=0.05)
            loop.call_soon(spin)

        cancel_soon = asyncio.to_thread(cancel_elsewhere)
        spin()
        await cancel_soon
        await asyncio.sleep(60)

    for function in (sync, coroutine, swallowing):
        assert run(function).state == State.CANCELLED


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


def in_a_child(outcome: Outcome) -> int:
    """Runs the attempt in a forked process, as a worker's child does; returns how the process ended."""
    pid = os.fork()
    if pid == 0:
        try:
            # What was inherited belongs to the parent: neither used nor closed here.
            connections["default"] = connections.create_connection("default")
            attendant._attendants.clear()
            attendant.start()
            runner.run([(outcome.id, 1)])
        finally:
            os._exit(3)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_items_that_do_not_stop_end_with_their_process(run, settings):
    settings.CANCEL_GRACE = timedelta(seconds=0.3)

    def stubborn(item: int) -> None:
        cancel()
        while True:
            with contextlib.suppress(BaseException):
                time.sleep(0.01)

    job_handler(name=NAME)(stubborn)
    outcome = queued({"callable": NAME, "items": [1, 2, 3]})
    assert in_a_child(outcome) == -signal.SIGKILL
    assert outcome.state == State.CANCELLED


def test_process_that_ends_under_a_callable_is_a_crash_and_not_a_failure(run):
    job_handler(name=NAME)(lambda: os._exit(7))
    outcome = queued({"callable": NAME})
    assert in_a_child(outcome) == 7
    assert outcome.state == State.RUNNING
    watchdog.recover_lost()
    assert (outcome.state, outcome.crashes, outcome.attempt) == (State.SCHEDULED, 1, 2)
    assert outcome.attempts == [(1, "lost", Failure.WORKER_LOST)]


@pytest.mark.parametrize(
    ("allowed", "payload", "says"),
    [
        ("[]", {"callable": "tests.echo"}, "payload.callable: 'tests.echo' is not among"),
        ('["tests.wait"]', {"callable": "tests.echo"}, "payload.callable: 'tests.echo' is not among"),
        ('["*"]', {"callable": "tests.gone"}, "payload.callable: no callable is named 'tests.gone'"),
        ('["*"]', {"callable": "tests.echo", "kwargs": {"itme": 1}}, "payload.kwargs.itme: is no parameter"),
    ],
)
def test_what_the_tenant_may_not_or_the_code_cannot_is_refused_at_run_for_good(allowed, payload, says):
    outcome = queued(payload, allowed=allowed, retry={"max_attempts": 3})
    runner.run([(outcome.id, 1)])
    assert (outcome.state, outcome.error_code) == (State.FAILED, Failure.CONFIG_INVALID)
    assert outcome.error_message.startswith(says)


class Everything:
    allowed_hosts = ()
    allowed_callables = ("*",)


ORDERS = "tests.support.callables:orders"


@pytest.mark.parametrize(
    ("payload", "places"),
    [
        ({"args": ["eu"]}, []),
        ({}, ["kwargs.region"]),
        ({"args": [1, "x"]}, ["args[0]", "args[1]"]),
        ({"args": ["eu"], "kwargs": {"limit": "x", "a": 1}}, ["kwargs.limit", "kwargs.a"]),
        ({"items": ["eu", "us"], "args": ["2026-01-01", 1, 2]}, []),
        ({"items": ["eu", 7]}, ["items[1]"]),
        ({"items": ["eu"], "args": [None, 1, "x"]}, ["args[2]"]),
        ({"items": ["eu"], "kwargs": {"region": "us"}}, ["kwargs.region"]),
        ({"items": []}, []),
    ],
)
def test_each_refusal_is_named_by_its_place_in_the_payload(payload, places):
    params = PythonParams.model_validate({"callable": ORDERS, **payload})
    assert list(Python().refusals(params, Everything())) == places
