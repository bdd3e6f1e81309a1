"""Caps in commit order: eight workers, two admissions, and somebody who kills their connections at random.

What was in flight when is read afterwards from the attempts: one is in flight from the admission it was
claimed of until its end. Both instants lie before their commits, and an admission that counts on an end
reads the clock after that end was committed; so at every instant what overlaps must fit under its caps.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterable
from datetime import timedelta
from functools import partial
from typing import Any, TypeVar
from uuid import UUID

from django.db import Error, connection

from jobs.engine import admission, transitions, watchdog
from jobs.engine.admission import Seen
from jobs.engine.transitions import Claim, Ended, Fence, Problem
from jobs.rules.states import State
from tests.support import many, one, rows
from tests.support.broker import BrokerQueue
from tests.support.threads import together

T = TypeVar("T")
SECONDS = 300
QUEUE_CAP, TENANT_CAP, JOB_CAP, KEY_CAP = 14, 6, 3, 2
EACH = 16
KILL = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE usename = 'carillon_engine' AND datname = current_database() ORDER BY random() LIMIT 1
"""
LEFT = "SELECT 1 FROM execution WHERE finished_at IS NULL LIMIT 1"
ENDED = "SELECT count(*) FROM attempt WHERE finished_at IS NOT NULL"
PUBLISHED = "SELECT id, attempt FROM execution WHERE state = 'queued' ORDER BY random() LIMIT 3"
#: Every stay in flight: its caps' keys and limits, from when until when.
STAYS = """
    SELECT a.queued_at, a.finished_at, ARRAY['queue', 'tenant ' || e.tenant_id, 'job ' || e.job_id,
        CASE WHEN e.concurrency_key <> '' THEN 'key ' || e.tenant_id || e.concurrency_key END],
        ARRAY[%s, t.max_running, j.max_running, CASE WHEN e.concurrency_key <> '' THEN j.max_running_per_key END]
    FROM attempt a JOIN execution e ON e.id = a.execution_id JOIN tenant t ON t.id = e.tenant_id JOIN job j ON j.id = e.job_id
"""


def arrange(queue: BrokerQueue) -> int:
    """Two tenants of three jobs each; returns how many executions wait."""
    rows.worker(queues=(queue.name,), concurrency=20)
    rows.change("UPDATE queue SET max_running = %s WHERE name = %s", QUEUE_CAP, queue.name)
    for tenant in (rows.tenant(max_running=TENANT_CAP), rows.tenant()):
        capped = {"max_running": JOB_CAP, "max_running_per_key": KEY_CAP}
        for limits, key in (({}, ""), (capped, "k"), ({"max_running_per_key": KEY_CAP}, "k")):
            many.executions(rows.job(tenant, **limits), EACH, State.PENDING, queue_id=queue.name, concurrency_key=key)
    return 2 * 3 * EACH


def insisting(action: Callable[[], T]) -> T:
    """Again and again while the connection is killed under it, as settling does."""
    while True:
        try:
            return action()
        except Error:
            connection.close()


def admit(until: float) -> None:
    seen = Seen()
    while rows.fetch(LEFT) and time.monotonic() < until:
        try:
            admission.admit_all(seen)
        except Error:
            connection.close()


def work(worker: UUID, seed: int, until: float) -> None:
    """Claim what is published; most succeed, some are given back, some fail and are tried again at once."""
    chance = random.Random(seed)
    while rows.fetch(LEFT) and time.monotonic() < until:
        for execution, attempt in rows.fetch(PUBLISHED):
            claim = taken(execution, attempt, worker, seed)
            if claim is not None:
                fence = Fence(id=claim.id, attempt_id=claim.attempt_id, epoch=claim.epoch)
                insisting(partial(settle, fence, chance.random()))


def taken(execution: UUID, attempt: int, worker: UUID, pid: int) -> Claim | None:
    """A claim; one whose answer was lost is given back, as the runner does."""
    try:
        return one.claim(execution, attempt=attempt, worker_id=worker, worker="w", pid=pid)
    except Error:
        connection.close()
        insisting(lambda: watchdog.disown([execution], worker_id=worker, pid=pid))
        return None


def settle(fence: Fence, draw: float) -> Ended | None:
    if draw < 0.7:
        return one.succeed(fence)
    if draw < 0.85:
        return transitions.release(fence)
    return transitions.retry(fence, Problem(code="EXECUTION_FAILED"), delay=timedelta())


def kill(until: float, kills: list[Any]) -> None:
    """One for every few that end: so there is progress on a slow machine, and many kills on a fast one."""
    pause, before = threading.Event(), -EACH
    while rows.fetch(LEFT) and time.monotonic() < until:
        ended = rows.fetch(ENDED)[0][0]
        if ended >= before + EACH // 4:
            kills += rows.fetch(KILL)
            before = ended
        pause.wait(random.random() * 0.02)


def overfull(stays: Iterable[Any]) -> list[tuple[str, int, int]]:
    """(cap, in flight, limit) wherever more overlapped than one of those in flight allowed."""
    edges = []
    for number, (begin, end, keys, limits) in enumerate(stays):
        for key, limit in zip(keys, limits, strict=True):
            if key is not None and limit is not None:
                edges += [(begin, 1, number, key, limit), (end, 0, number, key, limit)]
    found, flying = [], dict[str, dict[int, int]]()
    for _, begins, number, key, limit in sorted(edges, key=lambda edge: edge[:2]):
        there = flying.setdefault(key, {})
        if not begins:
            del there[number]
            continue
        there[number] = limit
        if len(there) > min(there.values()):
            found.append((key, len(there), min(there.values())))
    return found


def test_the_sweep_sees_an_overlap_and_not_a_hand_over():
    hand_over, overlap = [(1, 3), (3, 5), (5, 6)], [(1, 3), (2, 5)]
    assert overfull([(*each, ["k"], [1]) for each in hand_over]) == []
    assert overfull([(*each, ["k"], [1]) for each in overlap]) == [("k", 2, 1)]
    assert overfull([(1, 3, ["k"], [5]), (2, 5, ["k"], [1])]) == [("k", 2, 1)]


def test_caps_hold_in_commit_order_while_connections_are_killed(queue):
    waiting = arrange(queue)
    until = time.monotonic() + SECONDS
    workers = [rows.worker(queues=()) for _ in range(8)]
    kills: list[Any] = []
    together(
        [partial(admit, until) for _ in range(2)]
        + [partial(work, worker, seed, until) for seed, worker in enumerate(workers, 1)]
        + [partial(kill, until, kills)]
    )
    assert rows.fetch("SELECT state, count(*) FROM execution GROUP BY 1") == [(State.SUCCEEDED, waiting)]
    stays = rows.fetch(STAYS, QUEUE_CAP)
    assert len(stays) > waiting
    assert overfull(stays) == []
    assert len(kills) > 3
