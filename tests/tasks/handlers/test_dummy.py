from __future__ import annotations

import time
from typing import Any

import pytest

from jobs.handlers import Cancelled, HandlerError
from jobs.rules.codes import Failure
from tasks.handlers.dummy import Dummy, DummyParams
from tests.support import contexts
from tests.support.contexts import RecordingContext


def run(context: RecordingContext, **params: Any) -> Any:
    return Dummy().run(DummyParams(**params), context)


def test_nothing_asked_is_nothing_done(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "sleep", lambda _: pytest.fail("slept"))
    with contexts.recording() as context:
        assert run(context, result=[1]) == [1]
    assert (context.lines, context.steps) == ([], [])


@pytest.mark.parametrize(("size", "lines"), [(1, 1), (1024, 1), (1025, 2), (100_000, 98)])
def test_exactly_the_bytes_asked_for_are_logged(size: int, lines: int) -> None:
    with contexts.recording() as context:
        run(context, output_bytes=size)
    assert sum(map(len, context.messages())) == size
    assert len(context.messages()) == lines


@pytest.mark.parametrize(("attempt", "fails"), [(1, True), (2, True), (3, False), (4, False)])
def test_attempts_before_the_given_one_fail(attempt: int, fails: bool) -> None:
    with contexts.recording(attempt=attempt) as context:
        if fails:
            with pytest.raises(HandlerError) as caught:
                run(context, fail_until_attempt=3)
            assert caught.value.code == Failure.EXECUTION_FAILED
        else:
            assert run(context, fail_until_attempt=3, result="ok") == "ok"


@pytest.mark.parametrize(("rate", "fails"), [(1, 100), (0, 0)])
def test_fail_rate_of_one_always_fails_and_of_zero_never(rate: float, fails: int) -> None:
    failed = 0
    with contexts.recording() as context:
        for _ in range(100):
            try:
                run(context, fail_rate=rate)
            except HandlerError:
                failed += 1
    assert failed == fails


def test_waiting_reports_progress_in_tenths_at_most() -> None:
    with contexts.recording() as context:
        run(context, duration_seconds=0.5)
    fractions = [fraction for fraction, _ in context.steps]
    assert fractions
    assert fractions == sorted(set(fractions))
    assert set(fractions) <= {tenth / 10 for tenth in range(1, 10)}


def test_waiting_in_a_thread_ends_when_the_attempt_is_cancelled() -> None:
    with contexts.recording() as context:
        context.stop.set()
        with pytest.raises(Cancelled):
            run(context, duration_seconds=120)
