"""Does the planned faults at their times, undoes each at its end, and records what was done as intervals.

Runs in the thread that calls :meth:`Nemesis.play`, which must outlive what faults start.
"""

from __future__ import annotations

import heapq
import itertools
import random
import time
from collections.abc import Iterator, Sequence

from tests.chaos.checker.evidence import Fault
from tests.chaos.faults import clocks, load, network, processes, servers
from tests.chaos.faults.registry import KINDS
from tests.chaos.plan import PlannedFault
from tests.chaos.stand import Stand

#: Each module registers its own.
SOURCES = (clocks, load, network, processes, servers)


class Nemesis:
    """``lease`` gives faults that are counted in leases their length."""

    def __init__(self, stand: Stand, lease: float) -> None:
        self._stand = stand
        self._lease = lease
        self._order = itertools.count()
        self._under_way: list[tuple[float, int, PlannedFault, Iterator[str], str, float]] = []

    def play(self, faults: Sequence[PlannedFault], began: float, until: float) -> None:
        """All of them; returns at ``until`` with everything undone that was to end before."""
        waiting = sorted(faults, key=lambda fault: fault.at)
        while (now := time.time()) < until:
            while waiting and began + waiting[0].at <= now:
                self._begin(waiting.pop(0))
            self._end_due(now)
            time.sleep(0.05)

    def heal(self) -> None:
        """Undo whatever is left."""
        self._end_due(float("inf"))

    def _begin(self, planned: PlannedFault) -> None:
        injection = KINDS[planned.kind](self._stand, random.Random(planned.seed))
        began = time.time()
        try:
            detail = next(injection, None)
        except Exception as error:
            # Already down, by another fault: what it wanted to break is broken.
            self._stand.history.note("fault failed", kind=planned.kind, problem=repr(error))
            return
        if detail is None:
            self._stand.history.note("fault impossible", kind=planned.kind)
            return
        seconds = processes.LEASES.get(planned.kind, 0) * self._lease or planned.seconds
        self._stand.history.note("fault began", kind=planned.kind, detail=detail)
        heapq.heappush(self._under_way, (began + seconds, next(self._order), planned, injection, detail, began))

    def _end_due(self, now: float) -> None:
        while self._under_way and self._under_way[0][0] <= now:
            _, _, planned, injection, detail, began = heapq.heappop(self._under_way)
            try:
                next(injection, None)
            except Exception as error:
                self._stand.history.note("fault not undone", kind=planned.kind, problem=repr(error))
            self._stand.history.fault(Fault(planned.kind, detail, began, time.time()))
