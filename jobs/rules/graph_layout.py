"""Where the boxes and lines of a graph are drawn: layers from left to right, in each what belongs to the layer before.

An edge that passes layers goes through a place of its own in each of them, so that it runs behind no box.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Generic, TypeVar

Node = TypeVar("Node", bound=Hashable)

WIDTH, HEIGHT = 184, 46
GAP_X, GAP_Y = 72, 18
MARGIN = 12
#: What a line takes that passes a layer.
_LANE = 6

#: A node, or (edge, layer) for the place where an edge passes a layer.
_Item = tuple[str, Hashable]


@dataclass(frozen=True, slots=True)
class Line:
    """An edge: the path that is drawn, and where something may be written on it."""

    path: str
    x: float
    y: float


@dataclass(frozen=True, slots=True)
class Drawing(Generic[Node]):
    """Its size, the upper left corner of each box, and a line for each edge, in their order."""

    width: float
    height: float
    boxes: Mapping[Node, tuple[float, float]]
    lines: Sequence[Line]


def draw(layers: Sequence[Sequence[Node]], edges: Collection[tuple[Node, Node]]) -> Drawing[Node]:
    """Of layers as :func:`jobs.rules.graphs.layers` makes them, with these edges between them."""
    at = {node: number for number, layer in enumerate(layers) for node in layer}
    ways = [_way(number, edge, at) for number, edge in enumerate(edges)]
    columns = _columns(layers, ways, at)
    tallest = max((_height(column) for column in columns), default=0)
    places: dict[_Item, tuple[float, float]] = {}
    for number, column in enumerate(columns):
        y = MARGIN + (tallest - _height(column)) / 2
        for item in column:
            places[item] = (MARGIN + number * (WIDTH + GAP_X), y)
            y += _own_height(item) + GAP_Y
    boxes = {node: places["node", node] for node in at}
    width = 2 * MARGIN + len(columns) * (WIDTH + GAP_X) - (GAP_X if columns else 0)
    return Drawing(width, tallest + 2 * MARGIN, boxes, [_line(way, places) for way in ways])


def _way(number: int, edge: tuple[Node, Node], at: Mapping[Node, int]) -> list[_Item]:
    upstream, downstream = edge
    between = range(at[upstream] + 1, at[downstream])
    return [("node", upstream), *(("lane", (number, layer)) for layer in between), ("node", downstream)]


def _columns(
    layers: Sequence[Sequence[Node]], ways: Sequence[Sequence[_Item]], at: Mapping[Node, int]
) -> list[list[_Item]]:
    """What stands in each layer, from top to bottom: next to what comes before it."""
    columns: list[list[_Item]] = [[("node", node) for node in layer] for layer in layers]
    before: dict[_Item, list[_Item]] = {}
    for way in ways:
        first = at[way[0][1]]  # type: ignore[index] # a node
        for number, item in enumerate(way[1:-1], first + 1):
            columns[number].append(item)
        for one, other in pairwise(way):
            before.setdefault(other, []).append(one)
    ranks: dict[_Item, float] = {}
    for column in columns:
        wishes = {item: _mean([ranks[each] for each in before.get(item, ())]) for item in column}
        column.sort(key=lambda item: wishes[item])
        size = len(column)
        ranks.update((item, (place + 0.5) / size) for place, item in enumerate(column))
    return columns


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.5


def _own_height(item: _Item) -> float:
    return HEIGHT if item[0] == "node" else _LANE


def _height(column: Sequence[_Item]) -> float:
    return sum(map(_own_height, column)) + GAP_Y * max(len(column) - 1, 0)


def _line(way: Sequence[_Item], places: Mapping[_Item, tuple[float, float]]) -> Line:
    path, middle = "", (0.0, 0.0)
    for number, (one, other) in enumerate(pairwise(way)):
        (x1, y1), (x2, y2) = places[one], places[other]
        x1, y1, y2 = x1 + WIDTH, y1 + _own_height(one) / 2, y2 + _own_height(other) / 2
        bend = (x1 + x2) / 2
        path += f"M{x1:g} {y1:g}" if not number else f" L{x1:g} {y1:g}"
        path += f" C{bend:g} {y1:g} {bend:g} {y2:g} {x2:g} {y2:g}"
        middle = middle if number else (bend, (y1 + y2) / 2)
    return Line(path, *middle)
