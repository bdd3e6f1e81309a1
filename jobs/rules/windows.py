"""How many executions may lie published and unclaimed in a queue.

Enough that no worker waits for the next round, and no more: what is published heeds priority and
fairness no longer. Without claims that is two for each process that can run one. With claims it is what
was claimed just before. That alone would grow slowly from little, so a window that was nearly empty
again sooner than that is doubled.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

#: Seconds of claims that are published ahead: what a round and its publishing take on a busy machine.
AHEAD = 0.15
#: A window that is emptied down to this share of itself so soon was too small.
EMPTIED = 0.25
#: Seconds between two looks at a full window.
SHORTEST_PAUSE = 0.005
LONGEST_PAUSE = 0.5
#: Enough from the shortest to the longest; nobody may claim for days.
MOST_DOUBLINGS = 10


@dataclass(slots=True)
class Window:
    """One queue's, as one engine's rounds see it. Instants are of a clock that never goes back."""

    _size: int = 0
    #: What the last round left unclaimed, and when it was.
    _left: int = 0
    _at: float = 0.0
    _claims: deque[tuple[float, int]] = field(default_factory=deque)
    #: Claims a second, when there were some last; 0: not known.
    _speed: float = 0.0
    _quiet: int = 0

    def observe(self, queued: int, *, slots: int, at: float) -> int:
        """How many may be unclaimed now, given how many are before the round."""
        claimed, elapsed = max(self._left - queued, 0), max(at - self._at, 0.001)
        if claimed:
            self._claims.append((at, claimed))
            # How fast one was emptied that was found empty long after is not known: perhaps at once.
            self._speed = claimed / elapsed if queued or elapsed < AHEAD else 0.0
        while self._claims and self._claims[0][0] <= at - AHEAD:
            self._claims.popleft()
        self._quiet = 0 if claimed else self._quiet + 1
        too_small = claimed and elapsed < AHEAD and queued <= self._left * EMPTIED
        recent = sum(count for _, count in self._claims)
        self._size = max(2 * slots, recent, 2 * self._size if too_small else 0)
        self._left, self._at = queued, at
        return self._size

    def leave(self, queued: int) -> None:
        """Note how many are unclaimed after a round."""
        if queued > self._left:
            self._quiet = 0  # there is something new to be claimed, however long nothing was
        self._left = queued

    def pause(self) -> float:
        """Seconds until a full window is half empty; longer and longer while nothing is claimed."""
        if self._quiet > 1:
            return min(SHORTEST_PAUSE * 2.0 ** min(self._quiet, MOST_DOUBLINGS), LONGEST_PAUSE)
        half = self._size / 2 / self._speed if self._speed else 0.0
        return min(max(half, SHORTEST_PAUSE), LONGEST_PAUSE)
