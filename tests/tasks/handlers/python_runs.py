"""Attempts of the `python` job type, and what their callables do."""

from __future__ import annotations

from typing import Any

from jobs.callables import current
from jobs.engine import transitions
from jobs.rules.states import State
from tests.support import rows
from tests.support.attempts import Outcome
from tests.support.processes import eventually

ONCE = {"max_attempts": 1}
NAME = "mine"


def queued(payload: Any, *, allowed: str = '["*"]', retry: Any = ONCE, **columns: Any) -> Outcome:
    job = rows.job(rows.tenant(allowed_callables=allowed), type="python", payload=payload, retry=retry)
    return Outcome(rows.execution(job, State.QUEUED, **columns))


def until_cancelled() -> None:
    """Goes on until it sees that it must stop; if it never does, it ends by itself and spoils the test."""
    eventually(current.cancelled, seconds=60)


def cancel() -> None:
    running = current.context()
    assert running is not None
    transitions.cancel(running.execution_id)
