"""Servers to call, contexts to call them in, attempts of functions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from jobs.callables import job_handler, registry
from tasks import runner
from tests.support import contexts, http_server
from tests.support.attempts import Outcome
from tests.support.contexts import RecordingContext
from tests.support.http_server import HttpServer
from tests.tasks.handlers.python_runs import NAME, queued


@pytest.fixture
def server() -> Iterator[HttpServer]:
    with http_server.serving() as running:
        yield running


@pytest.fixture
def elsewhere() -> Iterator[HttpServer]:
    with http_server.serving() as running:
        yield running


@pytest.fixture
def context() -> Iterator[RecordingContext]:
    with contexts.recording(["127.0.0.1"], attempt=2) as recording:
        yield recording


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
