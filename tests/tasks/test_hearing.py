"""A worker that takes nothing while messages wait and slots are free is found deaf, and no other."""

from __future__ import annotations

import os
import signal
import threading
from dataclasses import dataclass
from typing import Any

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from jobs.engine import dispatch, leases
from jobs.engine.leases import Lease
from tasks import hearing
from tasks.hearing import Hearing, Listener
from tasks.warden import Warden
from tests.support import broker
from tests.support.processes import eventually


@dataclass
class Worker:
    """What a worker's main process knows of itself."""

    taken: int = 0
    busy: int = 0


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [0.0]
    monkeypatch.setattr(hearing, "boot_time", lambda: now[0])
    return now


@pytest.fixture
def waiting() -> Any:
    """A queue with a message in the broker."""
    name = "q-hearing"
    broker.client.lpush(dispatch.broker_lists(name)[1], "message")
    yield name
    broker.client.delete(*dispatch.broker_lists(name))


def looks(clock: list[float], ears: Hearing, worker: Worker, count: int, *, takes: int = 0) -> list[bool]:
    answers = []
    for _ in range(count):
        clock[0] += hearing.LOOK_EVERY
        worker.taken += takes
        answers.append(ears.is_deaf())
    return answers


def ears_of(worker: Worker, queue: str, client: Any = broker.client) -> Hearing:
    return Hearing(client, queues=[queue], slots=2, taken=lambda: worker.taken, busy=lambda: worker.busy)


def test_messages_wait_a_slot_is_free_and_nothing_is_taken(clock, waiting):
    worker = Worker(busy=1)
    assert looks(clock, ears_of(worker, waiting), worker, hearing.PATIENCE) == [False, False, True]


def test_asked_too_soon_it_does_not_look(clock, waiting):
    ears = ears_of(Worker(), waiting)
    assert [ears.is_deaf() for _ in range(10)] == [False] * 10


def test_worker_with_every_slot_in_use_is_busy(clock, waiting):
    worker = Worker(busy=2)
    assert not any(looks(clock, ears_of(worker, waiting), worker, 10))


def test_worker_that_takes_one_now_and_then_hears(clock, waiting):
    worker = Worker()
    assert not any(looks(clock, ears_of(worker, waiting), worker, 10, takes=1))


def test_nothing_waits(clock):
    worker = Worker()
    assert not any(looks(clock, ears_of(worker, "q-silent"), worker, 10))


def test_broker_that_is_away_says_nothing_about_the_worker(clock):
    worker = Worker()
    away = redis.Redis(port=1, socket_connect_timeout=0.1, retry=Retry(NoBackoff(), 0))
    assert not any(looks(clock, ears_of(worker, "q-hearing", away), worker, 10))


def test_deaf_worker_is_told_to_end_if_it_is_not_ending_already(monkeypatch):
    sent: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "kill", lambda *of: sent.append(of))
    lease = Lease(name="w@host")
    listener = Listener(lease, is_deaf=lambda: True)
    listener.look()
    assert sent == [(os.getpid(), signal.SIGTERM)]
    lease.draining = True
    listener.look()
    assert len(sent) == 1


def test_broker_that_hangs_keeps_nobody_from_being_killed(monkeypatch):
    """A worker that is cut off has lost broker and database alike, and others will run what it runs."""
    monkeypatch.setattr(hearing, "ASK_EVERY", 0.01)
    answers, killed, asked = threading.Event(), [], threading.Event()
    lease = Lease(name="w@host", trusted_until=leases.boot_time() - 1)

    def hanging() -> bool:
        asked.set()
        return not answers.wait(30)

    listener = Listener(lease, is_deaf=hanging)
    listener.start()
    assert asked.wait(30)
    monkeypatch.setattr("tasks.warden._kill", lambda pid, sign: killed.append(pid))
    Warden(lease, busy=lambda: [77], overdue=lambda: False).look()
    assert killed == [77]
    listener.stop()
    answers.set()
    assert eventually(lambda: not listener.is_alive())
