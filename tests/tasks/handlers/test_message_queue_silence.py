"""When a consumer has heard nothing for long enough: looks that found nothing count, not what held its worker up."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from tasks.handlers import message_queue
from tasks.queues.contract import GLANCE_SECONDS
from tests.support.contexts import RecordingContext


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What passes, in seconds."""
    passed = [0.0]
    monkeypatch.setattr(message_queue, "time", SimpleNamespace(monotonic=lambda: sum(passed)))
    return passed


def read(looks: Iterator[Any], **payload: Any) -> tuple[str, list[Any]]:
    """How it ended, and what it has stored."""
    params = message_queue.MessageQueueParams.model_validate(
        {"connection": "broker", "operation": "consume", "queue": "q", **payload}
    )
    stored: list[Any] = []
    store = SimpleNamespace(put=stored.append, bytes=0, count=0)
    session = SimpleNamespace(read=lambda _: looks)
    return message_queue._read(session, params, RecordingContext(), store), stored  # type: ignore[arg-type]


def test_a_worker_that_is_held_up_takes_that_for_no_silence_of_the_queue(clock: list[float]) -> None:
    def looks() -> Iterator[Any]:
        for found in (None, "first", None, "second"):
            clock.append(100)
            yield found
        while True:
            clock.append(GLANCE_SECONDS)
            yield None

    assert read(looks(), idle_seconds=2) == ("idle", ["first", "second"])


def test_it_ends_after_as_many_looks_in_vain_as_fill_its_time(clock: list[float]) -> None:
    looked: list[None] = []

    def looks() -> Iterator[Any]:
        while True:
            clock.append(GLANCE_SECONDS)
            looked.append(None)
            yield None

    assert read(looks(), idle_seconds=2) == ("idle", [])
    assert len(looked) == 2 / GLANCE_SECONDS
