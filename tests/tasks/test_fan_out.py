"""Many items in a few threads: never more than allowed, each line with its item, and an end whatever happens."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from django.db import connections
from hypothesis import given
from hypothesis import strategies as st

from jobs.callables import current
from jobs.handlers import Cancelled, Context, Interrupted
from tasks.capture import captured
from tasks.fan_out import FanOut, Outcome
from tests.support import contexts
from tests.support.contexts import RecordingContext
from tests.support.processes import eventually


def fan_out(
    call: Callable[[int, Context], Any],
    count: int,
    *,
    indexes: Sequence[int] | None = None,
    threads: int = 3,
    stop_on_error: bool = False,
    attempt: RecordingContext | None = None,
) -> list[Outcome]:
    context = attempt or RecordingContext()
    indexes = range(count) if indexes is None else indexes
    return FanOut(
        call, indexes=indexes, count=count, threads=threads, stop_on_error=stop_on_error, attempt=context
    ).run()


def ours() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("item-")]


@given(count=st.integers(0, 40), threads=st.integers(1, 8))
def test_each_item_is_called_once_and_comes_back_in_order(count, threads):
    outcomes = fan_out(lambda index, context: index * 2, count, threads=threads)
    assert [(outcome.index, outcome.result) for outcome in outcomes] == [(index, index * 2) for index in range(count)]
    assert ours() == []


@pytest.mark.parametrize("threads", [1, 3])
def test_as_many_as_allowed_run_at_once_and_never_more(threads):
    lock, running, most = threading.Lock(), 0, 0
    together = threading.Barrier(threads)

    def call(index, context):
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        together.wait(60)
        with lock:
            running -= 1

    assert not any(outcome.error for outcome in fan_out(call, threads * 5, threads=threads))
    assert most == threads


def test_progress_moves_as_items_end_and_by_percents_at_most():
    attempt = RecordingContext()
    fan_out(lambda index, context: None, 400, attempt=attempt)
    fractions = [fraction for fraction, _ in attempt.steps]
    assert fractions == sorted(fractions)
    assert len(fractions) == 100
    assert attempt.steps[-1] == (1.0, "400 of 400 items")


def test_items_that_need_no_call_are_left_out_and_counted_as_done():
    attempt, called = RecordingContext(), []
    outcomes = fan_out(lambda index, context: called.append(index), 4, indexes=[1, 3], threads=1, attempt=attempt)
    assert called == [outcome.index for outcome in outcomes] == [1, 3]
    assert attempt.steps == [(0.75, "3 of 4 items"), (1.0, "4 of 4 items")]


def test_every_line_of_an_item_begins_with_its_place_in_the_order_it_was_written():
    attempt = RecordingContext()

    def call(index, context):
        for turn in range(20):
            logging.getLogger("a.library").warning("logged %d", turn)
            print("printed", turn)  # noqa: T201
            current.log(f"said {turn}")
        current.progress(0.5, "rows")

    with captured(attempt):
        fan_out(call, 6, attempt=attempt)
    for index in range(6):
        begins = f"items[{index}]: "
        said = [line.message.removeprefix(begins) for line in attempt.lines if line.message.startswith(begins)]
        turns = [f"{how} {turn}" for turn in range(20) for how in ("logged", "printed", "said")]
        assert said == [*turns, "50% rows"]
    assert len(attempt.lines) == 6 * 61


def test_failures_are_outcomes_and_their_own_frames_are_logged():
    attempt = RecordingContext()

    def call(index, context):
        if index % 2:
            raise ValueError(f"odd {index}")
        return index

    outcomes = fan_out(call, 5, attempt=attempt)
    assert [str(outcome.error) for outcome in outcomes if outcome.error] == ["ValueError: odd 1", "ValueError: odd 3"]
    assert [outcome.result for outcome in outcomes if not outcome.error] == [0, 2, 4]
    first, second = sorted(attempt.messages("carillon"))
    assert first.startswith("items[1]: ")
    assert second.endswith("ValueError: odd 3")
    assert "in call" in first
    assert "tasks/fan_out.py" not in first


def test_first_failure_hands_out_nothing_more_if_so_asked():
    def call(index, context):
        raise ValueError(index)

    assert [outcome.index for outcome in fan_out(call, 50, threads=1, stop_on_error=True)] == [0]


def test_items_under_way_end_in_peace_when_another_fails():
    under_way, failed = threading.Event(), threading.Event()

    def call(index, context):
        if index == 0:
            assert under_way.wait(60)
            failed.set()
            raise ValueError("broke")
        under_way.set()
        assert failed.wait(60)
        return "done"

    outcomes = fan_out(call, 50, threads=2, stop_on_error=True)
    assert [outcome.result for outcome in outcomes if not outcome.error] == ["done"]
    assert len(outcomes) == 2


def test_item_that_sees_the_cancel_ends_the_whole():
    attempt, called = RecordingContext(), []

    def call(index, context):
        called.append(index)
        attempt.stop.set()
        assert context.cancelled
        raise Cancelled

    with pytest.raises(Cancelled):
        fan_out(call, 50, threads=2, attempt=attempt)
    assert len(called) <= 2
    assert ours() == []


def test_nothing_is_handed_out_once_the_attempt_must_stop_although_nobody_has_been_interrupted_yet():
    attempt, called = RecordingContext(), []

    def call(index, context):
        called.append(index)
        attempt.stop.set()

    with pytest.raises(Interrupted):
        fan_out(call, 50, threads=1, attempt=attempt)
    assert called == [0]


def test_items_that_had_all_been_handed_out_count_although_the_attempt_must_stop():
    attempt = RecordingContext()
    assert len(fan_out(lambda index, context: attempt.stop.set(), 1, attempt=attempt)) == 1


def test_items_have_keys_and_folders_of_their_own():
    seen = {}
    with contexts.recording() as attempt:

        def call(index, context):
            (context.folder() / "file").write_text(str(index))
            seen[context.idempotency_key] = context.folder()

        fan_out(call, 4, threads=4, attempt=attempt)
        assert {path.parent for path in seen.values()} == {attempt.folder()}
        assert sorted((path / "file").read_text() for path in seen.values()) == ["0", "1", "2", "3"]
        assert sorted(seen) == [f"{attempt.execution_id}:{index}" for index in range(4)]


def test_database_connections_of_the_threads_are_closed():
    opened = []

    def call(index, context):
        connection = connections["default"]
        connection.ensure_connection()
        opened.append(connection)

    fan_out(call, 4, threads=2)
    assert len({id(connection) for connection in opened}) <= 2
    assert all(connection.connection is None for connection in opened)


def test_thread_that_cannot_be_started_fails_and_leaves_none_behind(monkeypatch):
    start, started = threading.Thread.start, []

    def limited(thread):
        if thread.name.startswith("item-") and started:
            raise RuntimeError("can't start new thread")
        started.append(thread)
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", limited)
    with pytest.raises(RuntimeError, match="new thread"):
        fan_out(lambda index, context: time.sleep(0.001), 1000, threads=2)
    assert eventually(lambda: ours() == [])


def test_of_an_items_failure_no_part_of_a_secret_is_left_when_it_is_cut():
    def call(index, context):
        raise ValueError("x" * 290 + "s3cr3t-token")

    (outcome,) = fan_out(call, 1, attempt=RecordingContext(secrets=["s3cr3t-token"]))
    assert str(outcome.error) == f"ValueError: {'x' * 290}***"
