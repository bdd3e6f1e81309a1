"""A workflow run of very many steps in few lines: nobody reads a picture or a table of a thousand."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from jobs.admin.run_graph import TONES
from jobs.models import Execution
from jobs.rules.states import State
from jobs.run_graphs import Graph, Step
from tenants import marks
from tenants.admin import pages

#: Steps that are drawn: of a graph, and of items that have nothing to do with one another. Rows of the table.
MOST_DRAWN, MOST_LOOSE, MOST_LISTED = 200, 50, 200
#: Of the bar, in its own units.
WIDTH = 1000
#: Executions of a state that its row links to.
_FIRST = 3
NOT_MADE = "not made yet"
#: What somebody looks for, first.
_ORDER = (
    State.FAILED, State.CANCELLED, State.RUNNING, State.QUEUED, State.PENDING, State.SCHEDULED, State.BLOCKED, State.SKIPPED,
    State.SUCCEEDED,
)  # fmt: skip
_RANKS = {str(state): rank for rank, state in enumerate(_ORDER)}


@dataclass(frozen=True, slots=True)
class Share:
    """The part of the bar that a state takes."""

    tone: str
    x: float
    width: float


def of_graph(graph: Graph) -> dict[str, Any] | None:
    """States with how many steps each has; None for what is few enough to be drawn."""
    if len(graph.steps) <= (MOST_DRAWN if graph.edges else MOST_LOOSE):
        return None
    by_state: dict[str, list[Step]] = {}
    for step in in_order(graph.steps):
        by_state.setdefault(_state(step), []).append(step)
    return {
        "shares": list(_shares({state: len(steps) for state, steps in by_state.items()})),
        "width": WIDTH,
        "table": {
            "title": "Steps by state",
            "headers": ("State", "Steps", "Share", "Such as"),
            "rows": [_row(state, steps, len(graph.steps)) for state, steps in by_state.items()],
        },
    }


def in_order(steps: Iterable[Step]) -> list[Step]:
    """What failed first, then what is under way, what waits, and what went well; else as they were."""
    return sorted(steps, key=lambda step: _RANKS.get(_state(step), len(_RANKS)))


def _state(step: Step) -> str:
    return str(step.execution.state) if step.execution else NOT_MADE


def _shares(counts: dict[str, int]) -> Iterable[Share]:
    at, scale = 0.0, WIDTH / sum(counts.values())
    for state, count in counts.items():
        yield Share(TONES.get(state, "calm"), round(at, 2), round(count * scale, 2))
        at += count * scale


def _row(state: str, steps: list[Step], of: int) -> tuple[Any, ...]:
    links = [
        marks.link(pages.page_of(Execution, each.execution.pk), each.name) for each in steps[:_FIRST] if each.execution
    ]
    shown = marks.joined(links, ", ") if links else marks.NOTHING
    standing = NOT_MADE if state == NOT_MADE else marks.state(state)
    return (standing, f"{len(steps):,}", f"{100 * len(steps) / of:.1f} %", shown)
