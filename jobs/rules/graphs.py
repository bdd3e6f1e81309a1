"""What dependencies make of jobs: a graph without circles, in layers, with the roots that each job runs after.

Nodes are anything hashable. All of it is linear in nodes and edges, and goes through them in the order in which the
edges are given, so that the same edges always have the same answer; nothing recurses.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from typing import TypeVar

#: Edges of one tenant. A graph is read whole where an edge is added to it.
MOST_EDGES = 10_000

Node = TypeVar("Node", bound=Hashable)
#: Upstream, downstream.
Edge = tuple[Node, Node]
Following = Mapping[Node, Sequence[Node]]


def following(edges: Iterable[Edge[Node]]) -> dict[Node, list[Node]]:
    """The downstreams of every node that any edge names."""
    found: dict[Node, list[Node]] = {}
    for upstream, downstream in edges:
        found.setdefault(upstream, []).append(downstream)
        found.setdefault(downstream, [])
    return found


def turned(edges: Iterable[Edge[Node]]) -> Iterator[Edge[Node]]:
    """The same edges, each the other way."""
    return ((downstream, upstream) for upstream, downstream in edges)


def reachable(graph: Following[Node], starts: Iterable[Node]) -> set[Node]:
    """The starts, and all that comes after them."""
    found = set(starts)
    waiting = list(found)
    while waiting:
        new = [node for node in graph.get(waiting.pop(), ()) if node not in found]
        found.update(new)
        waiting += new
    return found


def connected(edges: Collection[Edge[Node]], start: Node) -> set[Node]:
    """A node, and all that edges join it with, whichever way they lead."""
    return reachable(following([*edges, *turned(edges)]), [start])


def way(graph: Following[Node], start: Node, goal: Node) -> list[Node] | None:
    """A shortest way from one node to another; None if there is none."""
    came_from: dict[Node, Node | None] = {start: None}
    waiting = deque([start])
    while waiting:
        node = waiting.popleft()
        if node == goal:
            return _back(came_from, goal)
        for each in graph.get(node, ()):
            if each not in came_from:
                came_from[each] = node
                waiting.append(each)
    return None


def circle(graph: Following[Node], edge: Edge[Node]) -> list[Node] | None:
    """The circle that an edge closes, from its downstream round to its downstream again; None if it closes none."""
    upstream, downstream = edge
    found = way(graph, downstream, upstream)
    return None if found is None else [*found, downstream]


def layers(edges: Collection[Edge[Node]], alone: Iterable[Node] = ()) -> list[list[Node]]:
    """The nodes of a graph without circles, each in the layer after the last of its upstreams."""
    graph = following(edges)
    for node in alone:
        graph.setdefault(node, [])
    open_edges = dict.fromkeys(graph, 0)
    for _, downstream in edges:
        open_edges[downstream] += 1
    layer = [node for node, count in open_edges.items() if not count]
    found = []
    while layer:
        found.append(layer)
        layer = [each for node in layer for each in graph[node] if _is_last(open_edges, each)]
    return found


def roots(edges: Collection[Edge[Node]]) -> dict[Node, int]:
    """Of each node of a graph without circles the roots that it comes after, as bits; a root comes after itself."""
    found: dict[Node, int] = {}
    order = layers(edges)
    for bit, root in enumerate(order[0] if order else ()):
        found[root] = 1 << bit
    graph = following(edges)
    for layer in order:
        for node in layer:
            for each in graph[node]:
                found[each] = found.get(each, 0) | found[node]
    return found


def without_common_root(edges: Collection[Edge[Node]]) -> list[Node]:
    """The nodes whose upstreams run after no root that they all share: no one run has all of them."""
    found = roots(edges)
    shared: dict[Node, int] = {}
    for upstream, downstream in edges:
        shared[downstream] = shared.get(downstream, -1) & found[upstream]
    return [node for node, bits in shared.items() if not bits]


def _is_last(open_edges: dict[Node, int], node: Node) -> bool:
    open_edges[node] -= 1
    return not open_edges[node]


def _back(came_from: Mapping[Node, Node | None], goal: Node) -> list[Node]:
    path, node = [goal], came_from[goal]
    while node is not None:
        path.append(node)
        node = came_from[node]
    return path[::-1]
