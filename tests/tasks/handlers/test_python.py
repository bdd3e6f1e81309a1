"""Python jobs, from claim to finish, on real rows; what a callable does is defined beside each test."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import time
from datetime import date, timedelta
from typing import Any

import pytest
from django.db import connections

from jobs.callables import current, job_handler
from jobs.engine import watchdog
from jobs.handlers import PermanentFailure, RetryLater
from jobs.rules.codes import Failure
from jobs.rules.states import State
from tasks import attendant, runner
from tasks.handlers.python import Python, PythonParams
from tests.support import rows
from tests.support.attempts import Outcome
from tests.support.processes import eventually
from tests.tasks.handlers.python_runs import NAME, cancel, queued

pytestmark = pytest.mark.usefixtures("as_engine", "empty_database", "quick")


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
    rows.change("UPDATE execution SET worker_id = %s", rows.dead_worker())
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
