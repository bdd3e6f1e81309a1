"""Backfills in admission: they keep to their pace from birth, in the order asked for, and whatever is live goes first."""

from __future__ import annotations

from typing import Any

import pytest

from jobs.engine import admission, operations
from jobs.engine.admission import Seen
from jobs.models import Operation, Schedule
from jobs.rules.backfills import Order
from jobs.services import backfills
from jobs.services import operations as services
from jobs.services.backfills import Wish
from jobs.services.operation_kinds import KINDS
from tests.support import rows
from tests.support.slots import Hours, hourly

pytestmark = pytest.mark.usefixtures("as_engine", "empty_database")


def backfill(hours: Hours, back: int, **more: Any) -> Operation:
    """One of the slots from ``at(back)`` to ``at(0)``, with its executions made."""
    schedule = Schedule.objects.select_related("job__tenant").get(pk=hours.schedule)
    wish = Wish(schedule=schedule, since=hours.at(back), until=hours.top + rows.timedelta(milliseconds=1), **more)
    made = backfills.create(wish=wish, reason="because")
    step()
    return made


def step() -> None:
    rows.change("UPDATE operation SET next_step_at = now()")
    assert operations.step(KINDS)


def run(queue: Any) -> list[Any]:
    """Workers claim what is published."""
    taken: list[Any] = queue.take()
    rows.change(
        "UPDATE execution SET state = 'running', epoch = 1, started_at = now(), worker_id = gen_random_uuid() WHERE id = ANY(%s)",
        taken,
    )
    return taken


@pytest.fixture
def seen(queue: Any) -> Seen:
    """Of an engine that has been admitting for a while, beside twenty slots."""
    rows.worker(queues=(queue.name,), concurrency=20)
    seen = Seen()
    admission.admit_all(seen)
    return seen


def test_no_more_than_its_pace_is_in_flight_and_the_order_asked_for_is_kept(queue, seen):
    hours = hourly(rows.job(queue_id=queue.name))
    operation = backfill(hours, 8, max_active=3, order=Order.NEWEST)
    assert set(hours.made("state, waiting_on")) == {("pending", f"op:{operation.pk}")}
    assert admission.admit_all(seen).admitted == 3
    assert admission.admit_all(seen).admitted == 0
    assert hours.slots("queued") == [0, 1, 2]
    services.change_pace(operation=operation, max_active=5)
    assert admission.admit_all(seen).admitted == 2
    services.pause(operation=operation)
    assert admission.admit_all(seen).admitted == 0


def test_live_slots_go_first_whatever_of_a_backfill_waits(queue):
    rows.worker(queues=(queue.name,), concurrency=1)
    job = rows.job(queue_id=queue.name, overlap="queue_one", priority=0)
    hours = hourly(job)
    backfill(hours, 30, max_active=20)
    seen = Seen()
    admission.admit_all(seen)
    before = len(queue.ids())
    live = rows.execution(
        job, "scheduled", trigger="schedule", schedule_id=hours.schedule, scheduled_for=rows.now(), queue_id=queue.name, priority=0
    )  # fmt: skip
    admission.admit_all(seen)
    assert queue.ids()[before:] == [live]


def test_what_was_claimed_while_it_was_ended_is_asked_to_stop_as_well(queue, seen):
    hours = hourly(rows.job(queue_id=queue.name))
    operation = backfill(hours, 3, max_active=2)
    admission.admit_all(seen)
    services.cancel(operation=operation, cancel_running=True)
    run(queue)
    step()
    step()
    found = hours.made("state, reason, cancel_requested_at IS NOT NULL")
    assert found == [("running", "", True)] * 2 + [("skipped", "NO_LONGER_NEEDED", False)] * 2
    operation.refresh_from_db()
    assert (operation.state, operation.clearing, operation.left_out) == ("aborted", True, {"NO_LONGER_NEEDED": 2})
    audited = rows.fetch("SELECT count(*) FROM audit_event WHERE action = 'execution.cancel_requested'")
    assert audited == [(2,)]
