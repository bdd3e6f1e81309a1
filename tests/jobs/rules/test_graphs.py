"""Graphs of dependencies: circles with their path, layers, roots, and that none of it takes long."""

from __future__ import annotations

from itertools import pairwise
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.rules import graphs

CHAIN = [("a", "b"), ("b", "c")]
DIAMOND = [("root", "left"), ("root", "right"), ("left", "end"), ("right", "end")]


@pytest.mark.parametrize(
    ("edges", "edge", "path"),
    [
        (CHAIN, ("c", "a"), "a b c a"), (CHAIN, ("b", "a"), "a b a"), (CHAIN, ("a", "c"), None), ([], ("a", "a"), "a a"),
        (DIAMOND, ("end", "root"), "root left end root"), (CHAIN, ("new", "a"), None), ([], ("a", "b"), None),
        ([*CHAIN, ("x", "y")], ("y", "x"), "x y x"),
    ],
)  # fmt: skip
def test_an_edge_that_closes_a_circle_is_told_with_the_way_round(edges, edge, path):
    assert graphs.circle(graphs.following(edges), edge) == (path.split() if path else None)


NUMBERS = st.integers(0, 12)
ANY = st.lists(st.tuples(NUMBERS, NUMBERS).filter(lambda edge: edge[0] != edge[1]), max_size=40)
#: Lower before higher: no circles.
ORDERLY = ANY.map(lambda edges: [(min(edge), max(edge)) for edge in edges])


@given(ANY)
def test_edges_added_one_after_another_never_make_a_circle_and_its_path_is_there(edges):
    kept = []
    for edge in edges:
        path = graphs.circle(graphs.following(kept), edge)
        if path is None:
            kept.append(edge)
        else:
            assert (path[0], path[-2], path[-1]) == (edge[1], edge[0], edge[1])
            assert all(pair in [*kept, edge] for pair in pairwise(path))
    assert sorted(node for layer in graphs.layers(kept) for node in layer) == sorted(graphs.following(kept))


@given(ORDERLY)
def test_each_stands_in_the_layer_after_the_last_of_its_upstreams(edges):
    layers = graphs.layers(edges)
    at = {node: number for number, layer in enumerate(layers) for node in layer}
    assert len(at) == sum(map(len, layers)) == len(graphs.following(edges))
    for node, number in at.items():
        assert number == max((at[upstream] + 1 for upstream, other in edges if other == node), default=0)


def test_nodes_without_edges_stand_in_the_first_layer():
    assert graphs.layers(CHAIN, ["b", "alone"]) == [["a", "alone"], ["b"], ["c"]]
    assert graphs.layers([]) == []


@given(ORDERLY)
def test_roots_are_those_from_which_a_node_is_reached(edges):
    graph, found = graphs.following(edges), graphs.roots(edges)
    order = graphs.layers(edges)[0] if edges else []
    for node, bits in found.items():
        after = {root for root in order if node in graphs.reachable(graph, [root])}
        assert {root for bit, root in enumerate(order) if bits >> bit & 1} == after


@pytest.mark.parametrize(
    ("edges", "lonely"),
    [
        (DIAMOND, []), (CHAIN, []), ([("a", "end"), ("b", "end")], ["end"]), ([("a", "end"), ("root", "a"), ("root", "end")], []),
        ([*DIAMOND, ("other", "end")], ["end"]), ([*DIAMOND, ("other", "root")], []), ([], []),
        ([("a", "x"), ("b", "x"), ("x", "y")], ["x"]),
    ],
)  # fmt: skip
def test_upstreams_that_share_no_root_are_found(edges, lonely):
    assert graphs.without_common_root(edges) == lonely


def test_what_edges_join_belongs_together_whichever_way_they_lead():
    edges = [*DIAMOND, ("x", "y")]
    assert graphs.connected(edges, "left") == {"root", "left", "right", "end"}
    assert graphs.connected(edges, "alone") == {"alone"}


def test_the_most_edges_that_a_tenant_has_take_a_moment():
    wide = [(number % 90, 100 + number // 90) for number in range(9_000)]
    long = [(1000 + number, 1001 + number) for number in range(1_000)]
    began = process_time()
    graphs.layers(wide + long)
    graphs.without_common_root(wide + long)
    assert graphs.circle(graphs.following(wide + long), (2000, 1000))[0] == 1000
    assert process_time() - began < 1
