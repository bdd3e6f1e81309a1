"""A workflow run drawn as layers: each step to the right of those before it, in the colour and the word of its state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jobs.models import Execution
from jobs.rules.states import TERMINAL, State
from jobs.run_graphs import Graph, Step
from tenants.admin import pages

WIDTH, HEIGHT, BESIDE, BELOW, EDGE = 200, 46, 56, 14, 8
#: Characters of a name that fit.
_FIT = 22
TONES = {
    "succeeded": "good", "failed": "bad", "skipped": "warning", "queued": "info", "running": "info",
}  # fmt: skip
#: What has an end of its own, or is under way; all else waits, and is drawn so.
_COME = {*TERMINAL, State.QUEUED, State.RUNNING}


@dataclass(frozen=True, slots=True)
class Box:
    """One step, at its place."""

    name: str
    shown: str
    state: str
    tone: str
    waits: bool
    url: str
    x: int
    y: int

    @property
    def text_x(self) -> int:
        return self.x + 12


@dataclass(frozen=True, slots=True)
class Picture:
    """``lines`` are paths from box to box."""

    width: int
    height: int
    boxes: list[Box]
    lines: list[str]
    box: tuple[int, int] = (WIDTH, HEIGHT)


def drawn(graph: Graph, given: Mapping[str, str]) -> Picture:
    """Where everything goes; ``given``: what steps that have no name of their own are for."""
    places = _places(graph)
    boxes = [_box(step, given.get(step.name, ""), *places[step.name]) for step in graph.steps]
    known = {step.name: box for step, box in zip(graph.steps, boxes, strict=True)}
    lines = [_line(known[edge.upstream], known[edge.downstream]) for edge in graph.edges if edge.upstream in known]
    right = max((box.x for box in boxes), default=0) + WIDTH + EDGE
    return Picture(right, max((box.y for box in boxes), default=0) + HEIGHT + EDGE, boxes, lines)


def _places(graph: Graph) -> Mapping[str, tuple[int, int]]:
    """(layer, place in it) of each step: as far right as the longest way to it, beside what it comes after."""
    before: dict[str, list[str]] = {step.name: [] for step in graph.steps}
    for edge in graph.edges:
        before[edge.downstream].append(edge.upstream)
    layer: dict[str, int] = {}
    for step in graph.steps:
        layer[step.name] = max((layer[each] + 1 for each in before[step.name]), default=0)
    found: dict[str, tuple[int, int]] = {}
    for number in range(max(layer.values(), default=-1) + 1):
        names = [name for name, at in layer.items() if at == number]
        ordered = sorted(names, key=lambda name: (_middle([found[each][1] for each in before[name]]), name))
        found |= {name: (number, place) for place, name in enumerate(ordered)}
    return found


def _middle(places: list[int]) -> float:
    return sum(places) / len(places) if places else 0.0


def _box(step: Step, given: str, layer: int, place: int) -> Box:
    execution = step.execution
    state = execution.state if execution else "not made yet"
    word = f"{state} · {execution.reason}" if execution and execution.reason else state
    name = f"{step.name} · {given}" if given else step.name
    shown = name if len(name) <= _FIT else name[: _FIT - 1] + "…"
    url = pages.page_of(Execution, execution.pk) if execution else ""
    place_of: dict[str, Any] = {"x": EDGE + layer * (WIDTH + BESIDE), "y": EDGE + place * (HEIGHT + BELOW)}
    return Box(name, shown, word, TONES.get(state, "calm"), state not in _COME, url, **place_of)


def _line(before: Box, after: Box) -> str:
    x, y, to_x, to_y = before.x + WIDTH, before.y + HEIGHT // 2, after.x, after.y + HEIGHT // 2
    middle = (x + to_x) // 2
    return f"M{x} {y}C{middle} {y} {middle} {to_y} {to_x} {to_y}"
