"""What a blocked execution waits for: steps of its workflow run, or slots that its job's gates name; one that has begun, its wake."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from jobs.engine import gates, sub_runs, upstreams
from jobs.models import Execution
from jobs.rules import identity
from jobs.rules.states import TERMINAL

#: Upstreams that are named.
MOST_NAMED = 5


@dataclass(frozen=True, slots=True)
class Children:
    """The executions that one runs as its own: of which workflow run they are, and how many have not ended."""

    run: UUID
    total: int
    unfinished: int


def children(execution: Execution) -> Children | None:
    """None if it runs none. Asked of what has begun alone: before, there are none."""
    found = sub_runs.standing(execution.pk) if execution.epoch else None
    return Children(identity.sub_run_id(execution.pk), found[1], found[0]) if found else None


def awaited(execution: Execution) -> tuple[str, datetime | None]:
    """In words, and until when at most; an empty text if it waits for no upstream."""
    if execution.epoch:
        return _said_of_children(execution), execution.resume_at
    if execution.workflow_run_id and execution.step and execution.decide_at is None:
        return _said(_of_step(execution)), None
    if execution.decide_at is not None and execution.scheduled_for is not None:
        left, until = gates.waited_for(execution.pk)
        return _said([(name, gate.said()) for name, gate in left]), until
    return "", None


def _said_of_children(execution: Execution) -> str:
    found = children(execution)
    return f"it waits for {found.unfinished} of {found.total} children" if found else ""


def _of_step(execution: Execution) -> list[tuple[str, str]]:
    """(step, state) of those before it that have not ended."""
    return [(step, state) for step, state in upstreams.standing(execution.pk).items() if state not in TERMINAL]


def _said(found: list[tuple[str, str]]) -> str:
    named = ", ".join(f"{name} ({state})" for name, state in found[:MOST_NAMED])
    more = f" and {len(found) - MOST_NAMED} more" if len(found) > MOST_NAMED else ""
    return f"it waits for {named}{more}" if found else ""
