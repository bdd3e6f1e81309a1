"""Which steps of a workflow run run again: pure, over the run's graph.

What is chosen takes everything after it along, since whatever stood on its results stands on them no longer.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from jobs.rules.codes import Absence
from jobs.rules.states import TERMINAL, State

#: Skipped for want of what came before, of time or of room.
WANTING = frozenset({
    Absence.DEPENDENCY_FAILED, Absence.DEPENDENCY_TIMEOUT, Absence.QUOTA, Absence.EXPIRED, Absence.NO_LONGER_NEEDED,
})  # fmt: skip
_FAILED = frozenset({State.FAILED, State.CANCELLED})

#: A step's upstreams by its name.
Upstreams = Mapping[str, Collection[str]]


def upstreams(graph: Mapping[str, Any]) -> dict[str, list[str]]:
    """Of each step, from a run's graph."""
    steps = graph.get("steps", {})
    return {name: [edge["step"] for edge in step.get("upstreams", ())] for name, step in steps.items()}


def with_all_after(graph: Upstreams, chosen: Iterable[str]) -> set[str]:
    """These steps and whatever comes after them."""
    after: dict[str, list[str]] = {}
    for name, before in graph.items():
        for each in before:
            after.setdefault(each, []).append(name)
    found, left = set(), list(chosen)
    while left:
        if (name := left.pop()) not in found:
            found.add(name)
            left += after.get(name, ())
    return found


def went_wrong(state: str, reason: str) -> bool:
    """Whether a run is resumed from a step that stands so."""
    return state in _FAILED or (state == State.SKIPPED and reason in WANTING)


def to_resume(graph: Upstreams, standing: Mapping[str, tuple[str, str]]) -> set[str]:
    """What runs again when a run is resumed; ``standing``: (state, reason) of each step."""
    return with_all_after(graph, [name for name, found in standing.items() if went_wrong(*found)])


def in_the_way(chosen: Iterable[str], standing: Mapping[str, tuple[str, str]]) -> list[str]:
    """Those of the chosen that are under way. What is blocked has not begun and just goes on waiting."""
    idle = TERMINAL | {State.BLOCKED}
    return sorted(name for name in chosen if name in standing and standing[name][0] not in idle)


def replaced(chosen: Iterable[str], standing: Mapping[str, tuple[str, str]]) -> set[str]:
    """Those of the chosen that get a new execution: all but what is blocked and waits anyway."""
    return {name for name in chosen if name not in standing or standing[name][0] != State.BLOCKED}
