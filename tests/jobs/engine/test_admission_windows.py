"""How much of a queue is published ahead, and when that is looked at again."""

from __future__ import annotations

from time import monotonic
from typing import Any
from uuid import UUID

import pytest

from jobs.engine import admission
from jobs.engine.admission import Round, Seen
from jobs.rules.states import State
from jobs.rules.windows import SHORTEST_PAUSE
from tests.support import rows
from tests.support.broker import BrokerQueue

pytestmark = pytest.mark.usefixtures("as_engine", "empty_database")


def admit() -> Round:
    return admission.admit_all(Seen())


def pending(queue: BrokerQueue, of: Any, count: int = 1, **columns: Any) -> list[UUID]:
    return [rows.execution(of, State.PENDING, queue_id=queue.name, **columns) for _ in range(count)]


def test_window_is_two_for_each_slot_of_all_live_workers(queue):
    job = rows.job()
    rows.worker(queues=(queue.name,), concurrency=2)
    rows.worker(queues=("default", queue.name), concurrency=1)
    rows.execution(job, State.QUEUED, queue_id=queue.name)
    pending(queue, job, 10)
    done = admit()
    assert done.admitted == 5
    assert done.drains_in is not None


def test_window_that_is_not_full_says_nothing_about_draining(queue):
    rows.worker(queues=(queue.name,))
    pending(queue, rows.job())
    assert admit() == Round(held=True, admitted=1, moved=1, drains_in=None)


def claimed_just_now(seen: Seen, queue: str, count: int) -> None:
    """As if so many had been published and claimed since the last round."""
    seen.windows[queue].observe(0, slots=1, at=monotonic())
    seen.windows[queue].leave(count)


def test_window_grows_with_what_is_claimed(queue):
    rows.worker(queues=(queue.name,), concurrency=1)
    pending(queue, rows.job(), 60)
    seen = Seen()
    claimed_just_now(seen, queue.name, 50)
    assert admission.admit_all(seen).admitted == 50


def test_what_comes_after_a_quiet_time_is_looked_at_again_at_once(queue):
    rows.worker(queues=(queue.name,), concurrency=1)
    seen = Seen()
    for _ in range(10):
        assert admission.admit_all(seen).admitted == 0
    pending(queue, rows.job(), 60)
    assert admission.admit_all(seen).drains_in == SHORTEST_PAUSE


def test_who_has_nothing_in_flight_does_not_wait_for_a_window_that_another_has_filled(queue):
    rows.worker(queues=(queue.name,), concurrency=2)
    pending(queue, rows.job(), 60)
    assert admit().admitted == 4
    small = rows.job()
    mine = pending(queue, small, 5)
    done = admit()
    assert (done.admitted, done.drains_in is not None) == (1, True)
    assert [rows.state_of(execution) for execution in mine] == [State.QUEUED] + [State.PENDING] * 4
    assert admit().admitted == 0


def test_nor_does_it_pass_a_cap_by_that(queue):
    rows.worker(queues=(queue.name,), concurrency=2)
    pending(queue, rows.job(), 60)
    assert admit().admitted == 4
    pending(queue, rows.job(max_running=0), 5)
    assert admit().admitted == 0
    rows.change("UPDATE queue SET max_running = 4 WHERE name = %s", queue.name)
    pending(queue, rows.job(), 5)
    assert admit().admitted == 0
