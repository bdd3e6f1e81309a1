"""What is parked wakes when its cap has room: at once after an end, at the next sweep whatever happened."""

from __future__ import annotations

from collections import Counter
from typing import Any
from uuid import UUID

import pytest
from django.db import transaction

from jobs.engine import admission, parking, transitions
from jobs.engine.admission import Seen
from jobs.engine.transitions import Fence
from jobs.rules.states import State
from tests.support import one, rows
from tests.support.broker import BrokerQueue

pytestmark = pytest.mark.usefixtures("as_engine", "empty_database")


def full_job(queue: BrokerQueue) -> tuple[Any, UUID, UUID]:
    """A job at its cap of one: (job, what runs, what is parked)."""
    job = rows.job(max_running=1)
    running = rows.execution(job, State.RUNNING, queue_id=queue.name)
    parked = rows.execution(job, State.PENDING, queue_id=queue.name, waiting_on=f"job:{job[0]}")
    return job, running, parked


def succeed(execution: UUID) -> None:
    assert one.succeed(Fence(id=execution, attempt_id=execution, epoch=1))


def is_parked(execution: UUID) -> bool:
    return bool(rows.fetch("SELECT waiting_on <> '' FROM execution WHERE id = %s", execution)[0][0])


@pytest.fixture
def seen(queue: BrokerQueue) -> Seen:
    """Of an engine that has been admitting for a while."""
    rows.worker(queues=(queue.name,), concurrency=50)
    seen = Seen()
    admission.admit_all(seen)
    return seen


def test_an_end_wakes_who_waits_for_its_cap_and_nobody_else(queue, seen):
    (_, running, parked), (_, _, other) = full_job(queue), full_job(queue)
    admission.admit_all(seen)
    assert is_parked(parked)
    succeed(running)
    assert admission.admit_all(seen).admitted == 1
    assert queue.ids() == [parked]
    assert is_parked(other)


def test_an_end_that_commits_after_the_round_looked_is_heard_by_the_next(queue, seen, in_thread):
    job, running, _ = full_job(queue)
    fresh = rows.execution(job, State.PENDING, queue_id=queue.name)
    with transaction.atomic():
        succeed(running)
        # Other transactions begin and end meanwhile: a later horizon would pass over the open one.
        rows.execution(rows.job(), State.SUCCEEDED)
        for _ in range(2):
            assert in_thread(lambda: admission.admit_all(seen)).result().admitted == 0
        assert is_parked(fresh)
    assert admission.admit_all(seen).admitted == 1


def test_a_round_that_is_rolled_back_has_heard_nothing(queue, seen, monkeypatch):
    _, running, parked = full_job(queue)
    succeed(running)

    def fail(**_: object) -> None:
        raise RuntimeError("it broke")

    with monkeypatch.context() as patch:
        patch.setattr(transitions, "ripen", fail)
        with pytest.raises(RuntimeError):
            admission.admit_all(seen)
    assert is_parked(parked)
    assert admission.admit_all(seen).admitted == 1


def test_an_engine_that_has_not_admitted_for_long_looks_at_a_page_of_all(queue, seen, monkeypatch):
    _, running, parked = full_job(queue)
    rows.change("UPDATE execution SET state = 'succeeded', finished_at = now() WHERE id = %s", running)
    admission.admit_all(seen)
    assert is_parked(parked)  # nothing told of it
    monkeypatch.setattr(parking, "STALE_AFTER", 0.0)
    assert admission.admit_all(seen).admitted == 1


@pytest.mark.parametrize("page", [1, 2, 500])
def test_a_sweep_looks_at_every_cap_page_by_page(queue, monkeypatch, page):
    monkeypatch.setattr(parking, "PAGE", page)
    full = [full_job(queue) for _ in range(4)]
    for _, running, _ in full[:3]:
        rows.change("UPDATE execution SET state = 'succeeded', finished_at = now() WHERE id = %s", running)
    assert parking.wake_all() == 3
    assert Counter(is_parked(parked) for _, _, parked in full) == {False: 3, True: 1}
    assert parking.wake_all() == 0


def test_a_sweep_takes_no_more_than_there_is_room_for(queue):
    job, running, _ = full_job(queue)
    for _ in range(3):
        rows.execution(job, State.PENDING, queue_id=queue.name, waiting_on=f"job:{job[0]}")
    rows.change("UPDATE job SET max_running = 3 WHERE id = %s", job[0])
    assert parking.wake_all() == 2
    assert rows.state_of(running) == State.RUNNING


@pytest.mark.parametrize(
    ("change", "before"),
    [("max_running = NULL", {}), ("max_running = 2", {}), ("state = 'active'", {"state": "disabled"})],
)
def test_a_job_whose_caps_change_is_heard_of_whoever_changes_it(queue, seen, change, before):
    job, _, parked = full_job(queue)
    if before:
        rows.change("UPDATE job SET max_running = 2, state = 'disabled' WHERE id = %s", job[0])
        rows.change("UPDATE execution SET waiting_on = %s WHERE id = %s", f"held:{job[0]}", parked)
    admission.admit_all(seen)
    assert is_parked(parked)
    rows.change(f"UPDATE job SET {change} WHERE id = %s", job[0])
    assert admission.admit_all(seen).admitted == 1


def test_a_job_whose_other_fields_change_tells_nothing():
    job = rows.job()
    rows.change("UPDATE job SET description = 'x', max_running = max_running WHERE id = %s", job[0])
    assert rows.fetch("SELECT 1 FROM event") == []


def _behind_a_full_key(queue: BrokerQueue) -> tuple[UUID, UUID]:
    job = rows.job(max_running=1)
    rows.execution(rows.job(job[1]), State.RUNNING, queue_id=queue.name, concurrency_key="a")
    held, free = (
        rows.execution(job, State.PENDING, queue_id=queue.name, concurrency_key=key, priority=priority)
        for key, priority in (("a", 9), ("b", 5))
    )
    return held, free


def _behind_a_full_job(queue: BrokerQueue) -> tuple[UUID, UUID]:
    job, *_ = full_job(queue)
    held, free = (
        rows.execution(of, State.PENDING, queue_id=queue.name, concurrency_key="c", priority=priority)
        for of, priority in ((job, 9), (rows.job(job[1]), 5))
    )
    return held, free


def _behind_a_slot(queue: BrokerQueue) -> tuple[UUID, UUID]:
    job = rows.job(overlap="queue_all", max_running=2)
    rows.execution(job, State.RUNNING, queue_id=queue.name, trigger="schedule", ripened_at=rows.now())
    columns: dict[str, Any] = {"queue_id": queue.name, "ripened_at": rows.now()}
    held = rows.execution(job, State.PENDING, trigger="schedule", priority=9, **columns)
    return held, rows.execution(job, State.PENDING, **columns)


@pytest.mark.parametrize("made", [_behind_a_full_key, _behind_a_full_job, _behind_a_slot])
def test_what_one_thing_holds_takes_no_place_under_the_next(made, queue, seen):
    held, free = made(queue)
    assert admission.admit_all(seen).admitted == 1
    assert (queue.ids(), is_parked(held)) == ([free], True)
