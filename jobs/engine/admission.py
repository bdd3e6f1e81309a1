"""Decides what runs next, under one lock for the installation.

    lock ─► wake freed ─► ripen due ─► per open queue: admit into its window ─► commit ─► publish

    withdraw what was published before its queue, tenant or job was held

An execution in flight (queued or running) is its own permit: caps are counts, nothing can leak. The
window is how many may lie published and unclaimed in a queue: two per live slot, or what its workers
claim in a second. So Redis stays small, priority works, and a cancelled execution never travelled.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

from django.db import transaction

from jobs import sql
from jobs.engine import dispatch, parking, transitions
from jobs.engine.batches import Paces

LOCK_KEY = 0x0CA1_1110
RIPEN_BATCH = 2000
WITHDRAW_BATCH = 2000
#: Between two looks at a full window.
SHORTEST_PAUSE = 0.005
LONGEST_PAUSE = 0.5
#: Enough from the shortest to the longest; nobody may claim for days.
MOST_DOUBLINGS = 10


@dataclass(slots=True)
class ClaimRates:
    """How many of each queue's published executions were claimed in the last second, seen from one engine's rounds.

    ``heard``: what those rounds know of caps that have room again.
    """

    heard: parking.Heard = field(default_factory=parking.Heard)
    _left: dict[str, int] = field(default_factory=dict)
    _claims: dict[str, deque[tuple[float, int]]] = field(default_factory=dict)
    _quiet: dict[str, int] = field(default_factory=dict)

    def observe(self, queue: str, queued: int, at: float) -> int:
        """Note how many are unclaimed before a round; returns the claims of the last second."""
        claims = self._claims.setdefault(queue, deque())
        claimed = max(self._left.get(queue, queued) - queued, 0)
        if claimed:
            claims.append((at, claimed))
        while claims and claims[0][0] <= at - 1:
            claims.popleft()
        self._quiet[queue] = 0 if claimed else self._quiet.get(queue, 0) + 1
        return sum(count for _, count in claims)

    def leave(self, queue: str, queued: int) -> None:
        """Note how many are unclaimed after a round."""
        self._left[queue] = queued

    def pause(self, queue: str, window: int, rate: int) -> float:
        """Seconds until a full window is half empty; longer and longer while nothing is claimed."""
        if self._quiet.get(queue, 0) > 1:
            doublings = min(self._quiet[queue], MOST_DOUBLINGS)
            return min(SHORTEST_PAUSE * 2.0**doublings, LONGEST_PAUSE)
        return min(max(window / 2 / rate if rate else 0.0, SHORTEST_PAUSE), LONGEST_PAUSE)


@dataclass(frozen=True, slots=True)
class Round:
    """What one round did. ``held`` is False if another engine is admitting; ``drains_in``: seconds until a full window is half empty."""

    held: bool
    admitted: int = 0
    moved: int = 0
    drains_in: float | None = None


def withdraw_held() -> int:
    """Take back what is published of held queues, tenants and jobs. Returns how many.

    It needs no lock: whatever a round that began before the hold still publishes, the next look takes back.
    """
    taken = 0
    while count := transitions.withdraw(limit=WITHDRAW_BATCH):
        taken += count
    return taken


def admit_all(rates: ClaimRates, paces: Paces | None = None) -> Round:
    """Rounds until one admits nothing more. ``paces`` of former rounds may be forgotten, it costs a look."""
    paces = paces or Paces()
    admitted, moved = 0, 0
    while True:
        done = _round(rates, paces)
        admitted, moved = admitted + done.admitted, moved + done.moved
        if not done.held or not done.moved or done.drains_in is not None:
            return Round(held=done.held, admitted=admitted, moved=moved, drains_in=done.drains_in)


def _round(rates: ClaimRates, paces: Paces) -> Round:
    published: list[tuple[Any, list[Any]]] = []
    moved, drains_in = 0, None
    with transaction.atomic():
        if not sql.run("lock_admission", key=LOCK_KEY)[0].held:
            return Round(held=False)
        horizon = rates.heard.wake()
        now = sql.run("clock")[0].now
        moved = transitions.ripen(now=now, limit=RIPEN_BATCH)
        for queue in sql.run("capacity"):
            rows, parked, full_for = _admit(queue, rates)
            moved += len(rows) + parked
            published.append((queue, rows))
            if full_for is not None:
                drains_in = full_for if drains_in is None else min(drains_in, full_for)
    rates.heard.keep(horizon)
    for queue, rows in published:
        dispatch.publish(queue.queue, paces.messages(rows, slots=queue.slots, batch_size=queue.batch_size))
    return Round(held=True, admitted=sum(len(rows) for _, rows in published), moved=moved, drains_in=drains_in)


def _admit(queue: Any, rates: ClaimRates) -> tuple[list[Any], int, float | None]:
    """Fill one queue's window. The last of the three: seconds until it has drained by half, if it is full now."""
    rate = rates.observe(queue.queue, queue.queued, monotonic())
    rows: list[Any] = []
    parked, full_for = 0, None
    if queue.slots:
        window = max(2 * queue.slots, rate)
        room = window - queue.queued
        if queue.room is not None:
            room = min(room, queue.room)
        if room > 0:
            rows, parked = transitions.admit(queue=queue.queue, room=room)
        if len(rows) >= room:
            full_for = rates.pause(queue.queue, window, rate)
    rates.leave(queue.queue, queue.queued + len(rows))
    return rows, parked, full_for
