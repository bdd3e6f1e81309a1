"""One call: sync or async, and whatever it raises."""

from __future__ import annotations

import asyncio
import sys
import threading
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from jobs.callables.arguments import Arguments
from jobs.handlers import Cancelled, HandlerError, PermanentFailure, TimedOut
from tasks import calling
from tests.support.contexts import RecordingContext
from tests.support.processes import eventually


def call(function: Any, *args: Any, context: RecordingContext | None = None) -> Any:
    return calling.call(function, Arguments(function).check(args, {}), context or RecordingContext())


@dataclass
class Money:
    amount: Decimal
    on: date


def test_result_becomes_json():
    assert call(lambda: [Money(Decimal("1.10"), date(2026, 1, 2)), {1: None}]) == [
        {"amount": "1.10", "on": "2026-01-02"},
        {"1": None},
    ]


@pytest.mark.parametrize("result", [object(), float("nan"), "a\x00b", "\ud800"])
def test_result_that_is_no_storable_json_fails_for_good(result):
    with pytest.raises(PermanentFailure, match="the callable's result is not JSON"):
        call(lambda: result)


@pytest.mark.parametrize(("code", "succeeds"), [(None, True), (0, True), (1, False), ("no such file", False)])
def test_exit_is_judged_like_a_scripts(code, succeeds):
    if succeeds:
        assert call(lambda: sys.exit(code)) is None
    else:
        with pytest.raises(HandlerError) as caught:
            call(lambda: sys.exit(code))
        assert caught.value.tags == {f"exit:{code}"}


@pytest.mark.parametrize("error", [KeyboardInterrupt, asyncio.CancelledError, GeneratorExit])
def test_exception_that_would_end_the_process_is_a_failure(error):
    def function() -> None:
        raise error("why")

    with pytest.raises(HandlerError, match=f"{error.__name__}: why"):
        call(function)


def test_interruption_passes_as_it_is():
    def function() -> None:
        raise TimedOut

    with pytest.raises(TimedOut):
        call(function)


def test_coroutine_runs_to_its_end():
    async def function(context, a: int) -> int:
        await asyncio.sleep(0)
        context.log("awaited")
        return a + 1

    context = RecordingContext()
    assert call(function, 1, context=context) == 2
    assert context.messages() == ["awaited"]


def test_exception_of_a_coroutine_is_its_own():
    async def function() -> None:
        raise KeyError("gone")

    with pytest.raises(KeyError):
        call(function)


def test_cancel_reaches_a_coroutine_that_cleans_up():
    context, seen = RecordingContext(), []

    async def function() -> None:
        context.stop.set()
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            await asyncio.sleep(0)
            seen.append("cleaned up")
            raise

    with pytest.raises(Cancelled):
        call(function, context=context)
    assert seen == ["cleaned up"]


def test_coroutine_that_finishes_in_spite_of_a_cancel_counts():
    context = RecordingContext()

    async def function() -> str:
        context.stop.set()
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            return "finished"
        return "slept"

    assert call(function, context=context) == "finished"


def test_coroutine_runs_in_any_thread():
    async def function() -> str:
        return threading.current_thread().name

    seen: list[str] = []
    thread = threading.Thread(target=lambda: seen.append(call(function)), name="elsewhere")
    thread.start()
    assert eventually(lambda: seen == ["elsewhere"])
    thread.join()
