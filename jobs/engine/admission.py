"""Decides what runs next, under one lock for the installation.

    lock ─► wake freed ─► ripen due ─► per open queue: admit into its window ─► commit ─► publish

    withdraw what was published before its queue, tenant or job was held

An execution in flight (queued or running) is its own permit: caps are counts, nothing can leak. The
window (jobs.rules.windows) is how many may lie published and unclaimed in a queue. So Redis stays small,
priority works, and a cancelled execution never travelled. Work behind all that is live takes a share of a queue's slots
at most (jobs.rules.background), and what belongs to an operation keeps to its pace. A tenant with nothing in flight does not
wait for a window that another's backlog has filled. Where executors claim (jobs.engine.executors) each tenant's own are the window.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Set
from dataclasses import dataclass, field
from datetime import datetime
from time import monotonic
from typing import Any
from uuid import UUID

from django.db import transaction

from jobs import sql
from jobs.engine import dispatch, executors, parking, transitions
from jobs.engine.batches import Paces
from jobs.models import Execution
from jobs.models.queue import Pool
from jobs.rules import background
from jobs.rules.windows import Window

LOCK_KEY = 0x0CA1_1110
RIPEN_BATCH = 2000
WITHDRAW_BATCH = 2000
EXPIRE_BATCH = 1000


@dataclass(slots=True)
class Seen:
    """What one engine keeps in mind from round to round. It may be forgotten: that costs a look."""

    windows: defaultdict[str, Window] = field(default_factory=lambda: defaultdict(Window))
    #: How long jobs' runs take.
    paces: Paces = field(default_factory=Paces)
    #: Caps that have room again.
    heard: parking.Heard = field(default_factory=parking.Heard)
    #: To be cancelled for a later slot, and held by somebody when that came.
    superseded: set[UUID] = field(default_factory=set)


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


def expire_late() -> int:
    """End what has waited too long. Returns how many."""
    ended = 0
    while count := transitions.expire(limit=EXPIRE_BATCH):
        ended += count
        if count < EXPIRE_BATCH:
            break
    return ended


def admit_all(seen: Seen) -> Round:
    """Rounds until one admits nothing more."""
    admitted, moved = 0, 0
    while True:
        done = _round(seen)
        admitted, moved = admitted + done.admitted, moved + done.moved
        if not done.held or not done.moved or done.drains_in is not None:
            return Round(held=done.held, admitted=admitted, moved=moved, drains_in=done.drains_in)


def _round(seen: Seen) -> Round:
    published: list[tuple[Any, list[Any]]] = []
    claimable, moved, drains_in = 0, 0, None
    with transaction.atomic():
        if not sql.run("lock_admission", key=LOCK_KEY)[0].held:
            return Round(held=False)
        horizon = seen.heard.wake()
        now = sql.run("clock")[0].now
        moved, superseded = _ripen(now, seen.superseded)
        for queue in sql.run("capacity"):
            if queue.pool == Pool.EXTERNAL:
                # Who claims there asks the database: nothing is published.
                done, shifted = executors.admit(queue)
                claimable, moved = claimable + done, moved + done + shifted
                continue
            rows, parked, full_for = _admit(queue, seen.windows[queue.queue])
            moved += len(rows) + parked
            published.append((queue, rows))
            if full_for is not None:
                drains_in = full_for if drains_in is None else min(drains_in, full_for)
    seen.heard.keep(horizon)
    seen.superseded = superseded
    for queue, rows in published:
        messages = list(seen.paces.messages(rows, slots=queue.slots, batch_size=queue.batch_size))
        if dispatch.publish(queue.queue, messages) < len(messages):
            break  # a broker that hangs is waited for once a round, not once a queue; the watchdog publishes the rest
    admitted = claimable + sum(len(rows) for _, rows in published)
    return Round(held=True, admitted=admitted, moved=moved, drains_in=drains_in)


def _ripen(now: datetime, left: Set[UUID]) -> tuple[int, set[UUID]]:
    """Due rows become pending; where a slot has the one before it cancelled, that is done in the same transaction.

    Returns how many moved, and what is left to be cancelled: all tenants wait for a round, so it waits for nobody.
    """
    moved, superseded = transitions.ripen(now=now, limit=RIPEN_BATCH)
    wanted = left | set(superseded)
    if not wanted:
        return moved, set()
    free = Execution.objects.select_for_update(no_key=True, skip_locked=True).filter(pk__in=wanted).order_by("pk")
    found = [row.pk for row in free.only("pk")]
    transitions.cancel_all(found)
    return moved, set(wanted).difference(found)


def _admit(queue: Any, window: Window) -> tuple[list[Any], int, float | None]:
    """Fill one queue's window. The last of the three: seconds until it has drained by half, if it is full now."""
    size = window.observe(queue.queued, slots=queue.slots, at=monotonic())
    room, most = max(size - queue.queued, 0), max(size - queue.queued, 0) + queue.slots
    if queue.room is not None:
        room, most = min(room, queue.room), min(most, queue.room)
    rows: list[Any] = []
    parked = 0
    if queue.slots and most > 0:
        lane = background.share(queue.slots) - queue.behind
        rows, parked = transitions.admit(queue=queue.queue, room=room, most=most, lane=lane)
    window.leave(queue.queued + len(rows))
    return rows, parked, window.pause() if queue.slots and len(rows) >= room else None
