"""Transitions of one execution, where the product moves several at once."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from jobs.engine import transitions
from jobs.engine.records import NO_TAIL, Claim, Ended, Ending, Fence, Tail


def claim(execution_id: UUID, *, attempt: int, worker_id: UUID, worker: str, pid: int) -> Claim | None:
    """As the only member of its message; None if it is not to be had."""
    claims = transitions.claim_all([(execution_id, attempt)], worker_id=worker_id, worker=worker, pid=pid)
    return next(iter(claims), None)


def succeed(fence: Fence, *, result: Any = None, tail: Tail = NO_TAIL) -> Ended | None:
    """The attempt did its work; None if its claim was over."""
    return transitions.succeed_all([Ending(fence=fence, result=result, tail=tail)]).get(fence.id)
