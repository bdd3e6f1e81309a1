"""Shares over a while, with executions that end: weights, floods, priorities, and no admission without a worker."""

from __future__ import annotations

from collections import Counter
from itertools import cycle
from typing import Any
from uuid import UUID, uuid4

import pytest

from jobs.engine import admission
from jobs.engine.admission import Seen
from jobs.engine.transitions import Fence
from jobs.rules.states import State
from jobs.rules.windows import Window
from tests.support import many, one, rows
from tests.support.broker import BrokerQueue

FLOOD = 50_000


class Pool:
    """Workers that take what is published, oldest first, and end the oldest of what they run."""

    def __init__(self, queue: BrokerQueue, slots: int) -> None:
        self.queue, self.slots, self.seen = queue, slots, Seen()
        self.running: list[Fence] = []
        self.started: list[UUID] = []
        rows.worker(queues=(queue.name,), concurrency=slots, lease=600)
        # Each message is one execution here; what shares one is tried in tests/acceptance/test_batches.py.
        rows.change("UPDATE queue SET batch_size = 1 WHERE name = %s", queue.name)

    def admit(self) -> int:
        return admission.admit_all(self.seen).admitted

    def step(self) -> int:
        """Half of what runs ends, free slots are taken, admission looks. Returns how many it admitted."""
        for _ in range(len(self.running) // 2):
            assert one.succeed(self.running.pop(0))
        for execution in self.queue.take(self.slots - len(self.running)):
            claim = one.claim(execution, attempt=1, worker_id=uuid4(), worker="w", pid=1)
            assert claim is not None
            self.running.append(Fence(id=claim.id, attempt_id=claim.attempt_id, epoch=claim.epoch))
            self.started.append(execution)
        return self.admit()


def tenants_of(started: list[UUID]) -> Counter[Any]:
    owners = dict(rows.fetch("SELECT id, tenant_id FROM execution WHERE state <> 'pending'"))
    return Counter(owners[execution] for execution in started)


@pytest.fixture
def two_a_slot(monkeypatch: pytest.MonkeyPatch) -> None:
    """A window that does not grow: each round finds room for the two that ended, however fast this machine claims."""
    monkeypatch.setattr(Window, "observe", lambda window, queued, *, slots, at: 2 * slots)


@pytest.mark.parametrize("window", [2, 10])
def test_weights_are_shares_of_what_starts_while_all_have_a_backlog(queue, monkeypatch, window):
    # In flight are a multiple of four, so a quarter is whole; what a window leaves over is tried below.
    monkeypatch.setattr(Window, "observe", lambda _, queued, *, slots, at: window * slots)
    light, heavy = rows.tenant(weight=1), rows.tenant(weight=3)
    for tenant in (light, heavy):
        many.executions(rows.job(tenant), 400, State.PENDING, queue_id=queue.name)
    pool = Pool(queue, slots=4)
    pool.admit()
    while len(pool.started) < 240:
        pool.step()
    # What lies in the window belongs to the same shares: without it a window's length would be left to chance.
    shares = tenants_of([*pool.started, *queue.ids()])
    assert 3 * 0.9 <= shares[heavy] / shares[light] <= 3 * 1.1


def test_whoever_asks_for_all_there_is_without_ever_having_a_backlog_leaves_the_other_its_half(queue, two_a_slot):
    steady, backlog = rows.job(), rows.job()
    many.executions(backlog, 400, State.PENDING, queue_id=queue.name)
    pool = Pool(queue, slots=4)
    pool.admit()
    while len(pool.started) < 100:
        for _ in range(2):  # as many as end
            rows.execution(steady, State.PENDING, queue_id=queue.name)
        pool.step()
    shares = tenants_of(pool.started)
    assert 0.8 <= shares[steady[1]] / shares[backlog[1]] <= 1.25


def test_whoever_floods_lets_the_next_to_be_admitted_always_be_of_the_other_tenant(queue):
    many.executions(rows.job(), FLOOD, State.PENDING, queue_id=queue.name)
    modest = rows.job()
    pool = Pool(queue, slots=4)
    pool.admit()
    for _ in range(10):
        mine = rows.execution(modest, queue_id=queue.name)
        # The window may have shrunk meanwhile: then nobody is admitted until it has room.
        while not pool.step():
            pass
        assert rows.state_of(mine) == State.QUEUED
        while mine not in pool.started:
            pool.step()
    assert tenants_of(pool.started)[modest[1]] == 10


def test_priorities_order_a_tenants_own_line_and_nobody_elses(queue, two_a_slot):
    urgent, patient = rows.job(), rows.job()
    for priority in range(10):
        many.executions(rows.job(urgent[1]), 20, State.PENDING, queue_id=queue.name, priority=priority)
    many.executions(patient, 200, State.PENDING, queue_id=queue.name, priority=0)
    pool = Pool(queue, slots=4)
    pool.admit()
    while len(pool.started) < 240:
        pool.step()
    known = {row[0]: row[1:] for row in rows.fetch("SELECT id, tenant_id, priority FROM execution")}
    mine = [known[execution][1] for execution in pool.started if known[execution][0] == urgent[1]]
    assert mine == sorted(mine, reverse=True)
    assert 0.9 <= len(mine) / (len(pool.started) - len(mine)) <= 1.1


def test_nothing_is_admitted_while_no_worker_lives_and_all_of_it_once_one_does(queue):
    many.executions(rows.job(), 5, State.PENDING, queue_id=queue.name)
    gone = rows.worker(queues=(queue.name,), lease=-1)
    assert admission.admit_all(Seen()).admitted == 0
    rows.change("UPDATE worker SET lease_expires_at = now() + interval '1 minute', concurrency = 8 WHERE id = %s", gone)
    assert admission.admit_all(Seen()).admitted == 5


#: Windows as they were measured, round by round, on a machine that did other things too.
SIZES = (8, 8, 8, 8, 10, 12, 14, 12, 14, 12, *[14] * 17, 12, 12, *[14] * 17, 12, 14, *[14] * 6, 12, 12, 14, *[12] * 8)


def test_shares_hold_while_a_window_leaves_some_in_line(queue, monkeypatch):
    sizes = cycle(SIZES)
    monkeypatch.setattr(Window, "observe", lambda *_, **__: next(sizes))
    light, heavy = rows.tenant(weight=1), rows.tenant(weight=3)
    for tenant in (light, heavy):
        many.executions(rows.job(tenant), 200, State.PENDING, queue_id=queue.name)
    pool = Pool(queue, slots=4)
    pool.admit()
    while len(pool.started) < 120:
        pool.step()
    shares = tenants_of(pool.started)
    # Of fourteen in flight a quarter is three or four.
    assert 10 / 4 * 0.9 <= shares[heavy] / shares[light] <= 11 / 3 * 1.1
