"""Which admitted executions share a message, by what their jobs' runs have taken."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from time import monotonic
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest

from jobs.engine import admission, batches
from jobs.engine.admission import Seen
from jobs.engine.batches import Paces
from jobs.rules.batches import LEAST_SAMPLES
from jobs.rules.states import State
from tests.support import broker, rows

pytestmark = pytest.mark.usefixtures("as_engine", "empty_database")


def history(job: Any, seconds: float, count: int = LEAST_SAMPLES) -> None:
    """Runs of a job that have succeeded after so long."""
    ended = rows.now()
    for _ in range(count):
        rows.execution(job, State.SUCCEEDED, epoch=1, started_at=ended - timedelta(seconds=seconds), finished_at=ended)


def admitted(job: Any, count: int, *, share: float = 100, epoch: int = 0) -> list[Any]:
    job_id, tenant_id = job
    columns = {"job_id": job_id, "tenant_id": tenant_id, "share": share, "has_backlog": share > 2, "epoch": epoch}
    return [SimpleNamespace(id=uuid4(), attempt=1, timeout_seconds=60.0, **columns) for _ in range(count)]


def sizes(rows_: list[Any], *, slots: int = 1, batch_size: int = 50) -> list[int]:
    return [len(message.rows) for message in Paces().messages(rows_, slots=slots, batch_size=batch_size)]


@pytest.fixture
def quick() -> Any:
    job = rows.job()
    history(job, 0.0001)
    return job


def test_backlog_of_a_quick_job_shares_messages_behind_all_others(quick):
    messages = list(Paces().messages(admitted(quick, 60), slots=1, batch_size=50))
    assert [len(message.rows) for message in messages] == [30, 30]
    assert all(message.behind for message in messages)


def test_what_a_tenant_has_in_flight_within_the_slots_goes_alone_and_to_the_front(quick):
    messages = list(Paces().messages(admitted(quick, 4, share=2) + admitted(quick, 60), slots=2, batch_size=50))
    assert [(len(message.rows), message.behind) for message in messages[:5]] == [(1, False)] * 4 + [(15, True)]


@pytest.mark.parametrize(("seconds", "count"), [(0.06, LEAST_SAMPLES), (0.002, LEAST_SAMPLES - 1)])
def test_job_that_is_slow_or_unknown_travels_alone(seconds, count):
    job = rows.job()
    history(job, seconds, count)
    assert sizes(admitted(job, 60)) == [1] * 60


def test_one_that_has_been_claimed_before_travels_alone(quick):
    assert sizes(admitted(quick, 60, epoch=1)) == [1] * 60


def test_queue_may_switch_it_off(quick):
    assert sizes(admitted(quick, 60), batch_size=1) == [1] * 60


def test_shallow_queue_sends_each_alone(quick):
    assert sizes(admitted(quick, 4), slots=2) == [1] * 4


def test_one_slow_run_in_a_hundred_does_not_make_a_job_slow(quick):
    history(quick, 0.0001, count=80)
    history(quick, 3, count=1)
    assert sizes(admitted(quick, 60)) == [30, 30]


def test_jobs_that_run_now_and_then_are_known_by_their_own_last_runs(quick):
    tenant = quick[1]
    rare = [rows.job(tenant) for _ in range(30)]
    for job in rare:
        history(job, 0.0001)
    busy = rows.job(tenant)
    history(busy, 0.0001, count=1000)
    assert sizes([row for job in rare for row in admitted(job, 1)]) == [15, 15]


def test_what_is_known_of_a_job_is_read_again_soon_and_then_ever_more_seldom(quick, monkeypatch):
    clock, reads = [0.0], []
    run = batches.sql.run
    monkeypatch.setattr(batches, "monotonic", lambda: clock[0])
    monkeypatch.setattr(batches.sql, "run", lambda name, **given: reads.append(name) or run(name, **given))
    paces = Paces()
    asked_at, step = [], batches.UNKNOWN / 4
    while clock[0] < 4 * batches.KNOWN:
        assert len(list(paces.messages(admitted(quick, 60), slots=1, batch_size=50))) == 2
        if len(reads) > len(asked_at):
            asked_at.append(clock[0])
        clock[0] += step
    passed = [later - earlier for earlier, later in pairwise(asked_at)]
    assert passed[:3] == pytest.approx([2 * batches.UNKNOWN, 4 * batches.UNKNOWN, 8 * batches.UNKNOWN], abs=2 * step)
    assert passed[-1] == pytest.approx(batches.KNOWN, abs=2 * step)


def test_an_unknown_job_is_soon_asked_for_again(monkeypatch):
    job, clock, paces = rows.job(), [0.0], Paces()
    monkeypatch.setattr(batches, "monotonic", lambda: clock[0])
    assert len(list(paces.messages(admitted(job, 60), slots=1, batch_size=50))) == 60
    history(job, 0.0001)
    clock[0] = batches.UNKNOWN
    assert len(list(paces.messages(admitted(job, 60), slots=1, batch_size=50))) == 2


def test_admission_publishes_a_quick_jobs_backlog_in_batches(quick):
    queue = broker.queue(batch_size=50)
    rows.worker(queues=(queue.name,), concurrency=2)
    seen = Seen()
    seen.windows[queue.name].observe(0, slots=2, at=monotonic())
    seen.windows[queue.name].leave(100)  # a hundred were claimed just now: so wide is the window
    waiting = {rows.execution(quick, State.PENDING, queue_id=queue.name) for _ in range(100)}
    assert admission.admit_all(seen).admitted == 100
    members = [[id_ for id_, _ in message.members] for message in queue.messages()]
    assert [len(each) for each in members] == [1, 1, 25, 25, 25, 23]
    assert {id_ for each in members for id_ in each} == waiting
