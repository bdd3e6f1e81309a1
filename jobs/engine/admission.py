"""Decides what runs next, under one lock for the installation.

    lock ─► wake parked ─► ripen due ─► per open queue: admit into its window ─► commit ─► publish

An execution in flight (queued or running) is its own permit: caps are counts, nothing can leak. The
window is how many may lie published and unclaimed in a queue: two per live slot, or what its workers
claim in a second. So Redis stays small, priority works, and a cancelled execution never travelled.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from time import monotonic
from typing import Any

from django.db import transaction

from jobs import sql
from jobs.engine import dispatch, transitions

LOCK_KEY = 0x0CA1_1110
RIPEN_BATCH = 2000


@dataclass(slots=True)
class ClaimRates:
    """How fast each queue's published executions are claimed, seen from one engine's rounds. Per second."""

    _last: dict[str, tuple[float, int]] = field(default_factory=dict)
    _rates: dict[str, float] = field(default_factory=dict)

    def observe(self, queue: str, queued: int, at: float) -> float:
        """Note how many are unclaimed before a round; returns the smoothed rate."""
        then, left = self._last.get(queue, (at, queued))
        if at - then >= 0.005:
            rate = max(left - queued, 0) / (at - then)
            self._rates[queue] = max(rate, 0.7 * self._rates.get(queue, 0.0))
        return self._rates.get(queue, 0.0)

    def leave(self, queue: str, queued: int, at: float) -> None:
        """Note how many are unclaimed after a round."""
        self._last[queue] = (at, queued)


@dataclass(frozen=True, slots=True)
class Round:
    """What one round did. ``held`` is False if another engine is admitting; ``drains_in``: seconds until a full window is half empty."""

    held: bool
    admitted: int = 0
    moved: int = 0
    drains_in: float | None = None


def admit_all(rates: ClaimRates) -> Round:
    """Rounds until one admits nothing more."""
    admitted, moved = 0, 0
    while True:
        done = _round(rates)
        admitted, moved = admitted + done.admitted, moved + done.moved
        if not done.held or not done.moved or done.drains_in is not None:
            return Round(held=done.held, admitted=admitted, moved=moved, drains_in=done.drains_in)


def _round(rates: ClaimRates) -> Round:
    published: list[tuple[str, list[Any]]] = []
    moved, drains_in = 0, None
    with transaction.atomic():
        if not sql.run("lock_admission", key=LOCK_KEY)[0].held:
            return Round(held=False)
        sql.run("wake_parked")
        now = sql.run("clock")[0].now
        moved = transitions.ripen(now=now, limit=RIPEN_BATCH)
        for queue in sql.run("capacity"):
            rows, parked, full_for = _admit(queue, rates)
            moved += len(rows) + parked
            published.append((queue.queue, rows))
            if full_for is not None:
                drains_in = full_for if drains_in is None else min(drains_in, full_for)
    for name, rows in published:
        dispatch.publish(name, rows)
    return Round(held=True, admitted=sum(len(rows) for _, rows in published), moved=moved, drains_in=drains_in)


def _admit(queue: Any, rates: ClaimRates) -> tuple[list[Any], int, float | None]:
    """Fill one queue's window. The last of the three: seconds until it has drained by half, if it is full now."""
    at = monotonic()
    rate = rates.observe(queue.queue, queue.queued, at)
    rows: list[Any] = []
    parked, full_for = 0, None
    if queue.slots:
        window = max(2 * queue.slots, int(rate))
        room = window - queue.queued
        if queue.room is not None:
            room = min(room, queue.room)
        if room > 0:
            rows, parked = transitions.admit(queue=queue.queue, room=room)
        if len(rows) >= room:
            full_for = min(max(window / 2 / rate if rate else 0.01, 0.005), 0.5)
    rates.leave(queue.queue, queue.queued + len(rows), at)
    return rows, parked, full_for
