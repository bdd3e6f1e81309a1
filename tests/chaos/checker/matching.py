"""Giving each target a start of its own.

Targets are intervals and starts are instants, so the earliest-deadline rule finds a largest matching:
take starts in order, give each to the open target that closes first. A run that names the wrong slot
cannot hide a missing one here, for names are not looked at.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable


def unmatched(windows: Iterable[tuple[float, float]], starts: Iterable[float]) -> list[tuple[float, float]]:
    """The windows (first, last instant) that no start is left for."""
    waiting = sorted(windows, reverse=True)
    opened: list[tuple[float, float]] = []  # (last, first)
    missed = []
    for start in sorted(starts):
        while waiting and waiting[-1][0] <= start:
            first, last = waiting.pop()
            heapq.heappush(opened, (last, first))
        while opened and opened[0][0] < start:
            last, first = heapq.heappop(opened)
            missed.append((first, last))
        if opened:
            heapq.heappop(opened)
    return sorted([*missed, *((first, last) for last, first in opened), *waiting])
