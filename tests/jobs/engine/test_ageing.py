"""Ageing: what has waited long rises by steps of priority, so that a flood of higher ones does not starve it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import transaction

from jobs.engine import admission, ageing
from jobs.engine.admission import Seen
from jobs.models import Execution
from jobs.rules.states import State
from tests.support import rows
from tests.support.broker import BrokerQueue

pytestmark = pytest.mark.usefixtures("as_engine", "empty_database")


def pending(queue: BrokerQueue, of: Any, priority: int, waited: float = 0, **columns: Any) -> UUID:
    due = rows.now() - timedelta(seconds=waited)
    return rows.execution(
        of, State.PENDING, queue_id=queue.name, priority=priority, not_before=due, ripened_at=due, **columns
    )


def every(queue: BrokerQueue, seconds: int | None) -> None:
    rows.change("UPDATE queue SET ageing_seconds = %s WHERE name = %s", seconds, queue.name)


def priorities(*executions: UUID) -> list[Any]:
    found = dict(rows.fetch("SELECT id, priority FROM execution WHERE id = ANY(%s)", list(executions)))
    return [found[execution] for execution in executions]


def test_each_span_of_waiting_is_a_step_counted_from_what_it_was_made_with(queue):
    every(queue, 3600)
    job = rows.job()
    minutes = ((0, 59), (0, 61), (3, 130), (7, 5000))
    waiting = [pending(queue, job, priority, 60 * waited) for priority, waited in minutes]
    assert ageing.raise_all() == 3
    assert priorities(*waiting) == [0, 1, 5, 9]
    assert ageing.raise_all() == 0
    rows.change("UPDATE execution SET not_before = not_before - interval '1 hour'")
    assert ageing.raise_all() == 3
    assert priorities(*waiting) == [1, 2, 6, 9]
    assert rows.fetch("SELECT base_priority FROM execution ORDER BY base_priority") == [(0,), (0,), (3,), (7,)]


def test_a_look_reads_a_share_of_each_line_and_the_next_one_goes_on(queue, monkeypatch):
    monkeypatch.setattr(ageing, "READ", 12)
    every(queue, 60)
    one, other = rows.job(), rows.job()
    oldest = [pending(queue, one, 0, 100 - number) for number in range(8)]
    others = [pending(queue, other, 0, 100) for _ in range(2)]
    assert ageing.raise_all() == 6 + 2
    assert priorities(*oldest, *others) == [1] * 6 + [0] * 2 + [1] * 2
    assert ageing.raise_all() == 2


def test_in_ordinary_operation_nothing_rises_nor_where_it_is_switched_off(queue):
    job = rows.job()
    pending(queue, job, 0, 800)
    pending(queue, job, 5)
    assert ageing.raise_all() == 0
    every(queue, None)
    pending(queue, job, 0, 90_000)
    pending(queue, job, 0, 90_000, waiting_on=f"job:{job[0]}")
    assert ageing.raise_all() == 0


def test_what_goes_behind_live_work_stays_there_and_what_is_not_waiting_keeps_its_own(queue):
    job = rows.job()
    pending(queue, job, -10, 90_000)
    rows.execution(job, State.QUEUED, priority=0, queue_id=queue.name, not_before=rows.now() - timedelta(days=1))
    rows.execution(job, State.SCHEDULED, priority=0, queue_id=queue.name, not_before=rows.now() - timedelta(days=1))
    assert ageing.raise_all() == 0


@pytest.mark.parametrize("page", [1, 500])
def test_parked_ones_rise_as_well_cap_by_cap(queue, monkeypatch, page):
    monkeypatch.setattr(ageing, "PAGE", page)
    jobs = [rows.job() for _ in range(3)]
    parked = [pending(queue, job, 0, 950, waiting_on=f"job:{job[0]}") for job in jobs]
    assert ageing.raise_all() == 3
    assert priorities(*parked) == [1, 1, 1]


def test_one_look_raises_the_oldest_of_many(queue, monkeypatch):
    monkeypatch.setattr(ageing, "MOST", 2)
    job = rows.job()
    waiting = [pending(queue, job, 0, waited) for waited in (1000, 3000, 2000)]
    assert ageing.raise_all() == 2
    assert priorities(*waiting) == [0, 3, 2]


def test_a_row_that_somebody_holds_is_left_to_the_next_look(queue, in_thread):
    held = pending(queue, rows.job(), 0, 1000)
    with transaction.atomic():
        Execution.objects.select_for_update(no_key=True).get(pk=held)
        assert in_thread(ageing.raise_all).result(60) == 0
    assert ageing.raise_all() == 1


def test_under_a_steady_flood_of_the_highest_a_low_one_starts_within_a_bounded_wait(queue):
    every(queue, 3600)
    rows.worker(queues=(queue.name,), concurrency=1)
    tenant = rows.tenant()
    flood, low = rows.job(tenant), pending(queue, rows.job(tenant), 0)
    looks = 0
    # Each turn an hour passes, more of the highest come than there is room for, and all that was started ends.
    while rows.state_of(low) == State.PENDING and looks < 30:
        looks += 1
        for _ in range(12):
            pending(queue, flood, 9)
        ageing.raise_all()
        admission.admit_all(Seen())  # a window that has not grown beyond what comes
        rows.change(
            "UPDATE execution SET state = 'succeeded', finished_at = now() WHERE state = 'queued' AND priority = 9 AND id <> %s",
            low,
        )
        rows.change("UPDATE execution SET not_before = not_before - interval '1 hour' WHERE state = 'pending'")
    assert rows.state_of(low) == State.QUEUED
    assert 9 <= looks <= 12
