"""What a blocked execution waits for: steps of its workflow run, or slots that its job's gates name; one that has begun, its wake."""

from __future__ import annotations

from datetime import datetime

from jobs.engine import gates, upstreams
from jobs.models import Execution
from jobs.rules.states import TERMINAL

#: Upstreams that are named.
MOST_NAMED = 5


def awaited(execution: Execution) -> tuple[str, datetime | None]:
    """In words, and until when at most; an empty text if it waits for no upstream."""
    if execution.epoch:
        return "", execution.resume_at
    if execution.workflow_run_id and execution.step and execution.decide_at is None:
        return _said(_of_step(execution)), None
    if execution.decide_at is not None and execution.scheduled_for is not None:
        left, until = gates.waited_for(execution.pk)
        return _said([(name, gate.said()) for name, gate in left]), until
    return "", None


def _of_step(execution: Execution) -> list[tuple[str, str]]:
    """(step, state) of those before it that have not ended."""
    return [(step, state) for step, state in upstreams.standing(execution.pk).items() if state not in TERMINAL]


def _said(found: list[tuple[str, str]]) -> str:
    named = ", ".join(f"{name} ({state})" for name, state in found[:MOST_NAMED])
    more = f" and {len(found) - MOST_NAMED} more" if len(found) > MOST_NAMED else ""
    return f"it waits for {named}{more}" if found else ""
