"""Boxes do not overlap, layers go from left to right, and no line runs behind a box."""

from __future__ import annotations

import re
from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from jobs.rules import graphs
from jobs.rules.graph_layout import HEIGHT, WIDTH, draw

NUMBERS = st.integers(0, 15)
EDGES = st.lists(st.tuples(NUMBERS, NUMBERS).filter(lambda e: e[0] < e[1]), max_size=30, unique=True)


@given(EDGES)
def test_boxes_stand_apart_inside_the_picture_left_before_right(edges):
    drawing = draw(graphs.layers(edges), edges)
    for x, y in drawing.boxes.values():
        assert 0 <= x <= drawing.width - WIDTH
        assert 0 <= y <= drawing.height - HEIGHT
    for (x1, y1), (x2, y2) in combinations(drawing.boxes.values(), 2):
        assert abs(x1 - x2) >= WIDTH or abs(y1 - y2) >= HEIGHT
    assert all(drawing.boxes[upstream][0] < drawing.boxes[downstream][0] for upstream, downstream in edges)


@given(EDGES)
def test_lines_run_from_box_to_box_and_pass_others_by(edges):
    drawing = draw(graphs.layers(edges), edges)
    for (upstream, downstream), line in zip(edges, drawing.lines, strict=True):
        points = [tuple(map(float, pair)) for pair in re.findall(r"(-?[\d.]+) (-?[\d.]+)", line.path)]
        (x1, y1), (x2, y2) = drawing.boxes[upstream], drawing.boxes[downstream]
        assert (points[0], points[-1]) == ((x1 + WIDTH, y1 + HEIGHT / 2), (x2, y2 + HEIGHT / 2))
        others = [box for node, box in drawing.boxes.items() if node not in (upstream, downstream)]
        assert not any(x <= px <= x + WIDTH and y < py < y + HEIGHT for px, py in points for x, y in others)


def test_nothing_and_one_are_drawn():
    assert draw([], []).lines == []
    assert list(draw([["alone"]], []).boxes) == ["alone"]
