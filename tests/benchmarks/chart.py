"""The figures as a picture: bars of medians with their spread, one group to a measure, on a logarithmic axis."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from html import escape

from tests.benchmarks.figures import CARILLON, Figure
from tests.benchmarks.measures import COST, DELAY, LATE, MEMORY, NEIGHBOUR, NEW_SCHEDULE, RATE

WIDTH, LEFT, RIGHT = 960, 360, 110
BAR, GAP, HEAD = 16, 6, 34
STYLE = """
text { font: 12px system-ui, sans-serif; fill: #1f2430 } .head { font-weight: 600; font-size: 13px }
.ours { fill: #3b6fd4 } .peer { fill: #9aa3b2 } .spread { stroke: #1f2430; stroke-width: 1 } .grid { stroke: #d9dde5 }
.back { fill: #fff } @media (prefers-color-scheme: dark) { text { fill: #e3e7ef } .back { fill: #14171d }
.grid { stroke: #333945 } .spread { stroke: #e3e7ef } .peer { fill: #6c7585 } }
"""
_SHOWN = (RATE, COST, DELAY, LATE, NEW_SCHEDULE, NEIGHBOUR, MEMORY)


def picture(figures: Sequence[Figure]) -> str:
    """An SVG. Only measures that stand beside each other are drawn; parts of them are in the table."""
    groups = _groups(figures)
    height = sum(HEAD + len(group) * (BAR + GAP) for group in groups.values()) + GAP
    body, top = [], 0
    for measure, group in groups.items():
        body += _group(measure, group, top)
        top += HEAD + len(group) * (BAR + GAP)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img"'
        f' aria-label="Benchmarks of Carillon and its peers"><style>{STYLE}</style>'
        f'<rect class="back" width="{WIDTH}" height="{height}"/>{"".join(body)}</svg>\n'
    )


def _groups(figures: Sequence[Figure]) -> dict[str, list[Figure]]:
    groups: dict[str, list[Figure]] = {}
    for figure in figures:
        if figure.measure in _SHOWN or figure.measure.startswith(f"{LATE},"):
            groups.setdefault(figure.measure, []).append(figure)
    return groups


def _group(measure: str, group: Sequence[Figure], top: int) -> Iterator[str]:
    low = min(min(figure.values) for figure in group)
    high = max(max(figure.values) for figure in group)
    begin = 10 ** math.floor(math.log10(max(low, 1e-3)) - 0.2)
    span = math.log10(max(high, begin * 10) / begin)

    def x(value: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * max(0.0, math.log10(max(value, begin) / begin)) / span

    better = "more is better" if measure == RATE else "less is better"
    yield f'<text class="head" x="8" y="{top + 22}">{escape(measure)}, {group[0].unit} ({better}; logarithmic)</text>'
    bottom = top + HEAD + len(group) * (BAR + GAP) - GAP
    for decade in range(int(span) + 1):
        at = x(begin * 10**decade)
        yield f'<line class="grid" x1="{at:.1f}" x2="{at:.1f}" y1="{top + HEAD - 4}" y2="{bottom}"/>'
    for number, figure in enumerate(group):
        yield from _bar(figure, top + HEAD + number * (BAR + GAP), x)


def _bar(figure: Figure, y: float, x: Callable[[float], float]) -> Iterator[str]:
    side = "ours" if figure.subject.startswith(CARILLON) else "peer"
    end, middle = x(figure.median), y + BAR / 2
    yield f'<text x="{LEFT - 8}" y="{y + 12}" text-anchor="end">{escape(figure.subject)}</text>'
    yield f'<rect class="{side}" x="{LEFT}" y="{y}" width="{max(1.0, end - LEFT):.1f}" height="{BAR}"/>'
    low, high = x(min(figure.values)), x(max(figure.values))
    yield f'<line class="spread" x1="{low:.1f}" x2="{high:.1f}" y1="{middle}" y2="{middle}"/>'
    yield f'<text x="{max(end, high) + 6:.1f}" y="{y + 12}">{_shown(figure.median)}</text>'


def _shown(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
