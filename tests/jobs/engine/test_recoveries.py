"""Many missed slots of a tenant go behind its live work, at a pace; people slow them down, trim and end them."""

from __future__ import annotations

from collections import Counter
from typing import Any
from uuid import UUID

import pytest

from jobs.engine import admission, operations, parking, planner
from jobs.engine.admission import Seen
from jobs.engine.transitions import Fence
from jobs.models import Operation
from jobs.rules import background
from jobs.services import operations as services
from jobs.services import trimming
from jobs.services.operation_kinds import KINDS
from tests.support import one, rows

pytestmark = pytest.mark.usefixtures("as_engine", "empty_database")

HOUR, MINUTE = rows.timedelta(hours=1), rows.timedelta(minutes=1)


def missed(of: Any, slots: int, **columns: Any) -> UUID:
    """A schedule, all of whose so many slots by the ten minutes were missed; the newest five minutes ago."""
    start = rows.now() - 5 * MINUTE - (slots - 1) * 10 * MINUTE
    rule = {"kind": "interval", "expression": "", "interval_seconds": 600, "start_at": start, "misfire": "all"}
    return rows.schedule(of, **(rule | columns), planned_until=start - MINUTE)


def recovery() -> Operation:
    return Operation.objects.select_related("tenant").get(kind="recovery", finished_at=None)


def states(**columns: Any) -> dict[str, int]:
    where = " AND ".join(["operation_id IS NOT NULL", *(f"{name} = %s" for name in columns)])
    return dict(rows.fetch(f"SELECT state, count(*) FROM execution WHERE {where} GROUP BY 1", *columns.values()))


def step() -> None:
    rows.change("UPDATE operation SET next_step_at = now()")
    assert operations.step(KINDS)


def run(queue: Any) -> list[UUID]:
    """Workers claim what is published."""
    taken = queue.take()
    rows.change(
        """UPDATE execution SET state = 'running', epoch = epoch + 1, started_at = now(), worker_id = gen_random_uuid(),
           worker_pid = 1 WHERE id = ANY(%s) AND state = 'queued'""", taken,
    )  # fmt: skip
    return taken


def succeed(*executions: UUID) -> None:
    for key in executions:
        assert one.succeed(Fence(id=key, attempt_id=key, epoch=1))


@pytest.fixture
def seen(queue: Any) -> Seen:
    """Of an engine that has been admitting for a while, beside twenty slots."""
    rows.worker(queues=(queue.name,), concurrency=20)
    seen = Seen()
    admission.admit_all(seen)
    return seen


def test_a_handful_of_missed_slots_simply_runs():
    job = rows.job(overlap="queue_all")
    missed(job, background.HANDFUL)
    planner.plan_due()
    assert rows.fetch("SELECT DISTINCT state, priority, operation_id FROM execution") == [("scheduled", 5, None)]
    assert not Operation.objects.exists()


def test_more_make_one_recovery_for_their_tenant_and_wait_for_its_pace_from_the_first():
    tenant = rows.tenant()
    first, second = rows.job(tenant), rows.job(tenant, priority=9)
    for job in (first, second):
        missed(job, 8)
    few = rows.job()
    missed(few, 3)
    planner.plan_due()
    made = recovery()
    assert (made.tenant_id, made.matched, made.max_active, made.created_by) == (tenant, 16, 4, "system")
    assert rows.fetch(
        "SELECT state, waiting_on, priority, count(*) FROM execution WHERE operation_id = %s GROUP BY 1, 2, 3 ORDER BY 3", made.pk
    ) == [("pending", f"op:{made.pk}", -5, 8), ("pending", f"op:{made.pk}", -1, 8)]  # fmt: skip
    assert rows.fetch("SELECT DISTINCT operation_id FROM execution WHERE tenant_id = %s", few[1]) == [(None,)]
    assert rows.fetch("SELECT action FROM audit_event WHERE object_id = %s", str(made.pk)) == [("operation.created",)]
    missed(rows.job(tenant), 11)
    planner.plan_due()
    assert Operation.objects.get().matched == 27


def test_no_more_than_its_pace_is_in_flight_and_an_end_lets_the_next_go(queue, seen):
    job = rows.job(queue_id=queue.name)
    missed(job, 30)
    planner.plan_due()
    assert admission.admit_all(seen).admitted == 4
    assert admission.admit_all(seen).admitted == 0
    taken = run(queue)
    succeed(*taken[:3])
    assert admission.admit_all(seen).admitted == 3
    services.change_pace(operation=recovery(), max_active=9)
    assert admission.admit_all(seen).admitted == 5
    assert states() == {"succeeded": 3, "running": 1, "queued": 8, "pending": 18}


def test_live_work_goes_first_and_background_work_of_all_tenants_takes_half_the_slots(queue, seen):
    for _ in range(4):
        missed(rows.job(queue_id=queue.name), 30)
    planner.plan_due()
    assert admission.admit_all(seen).admitted == 10
    assert states() == {"queued": 10, "pending": 110}
    live = rows.execution(rows.job(queue_id=queue.name), "pending", queue_id=queue.name)
    assert admission.admit_all(seen).admitted == 1
    assert queue.ids()[0] == live
    per_tenant = rows.fetch(
        "SELECT count(*) FROM execution WHERE operation_id IS NOT NULL AND state = 'queued' GROUP BY tenant_id"
    )
    assert sorted(count for (count,) in per_tenant) in ([2, 2, 3, 3], [2, 2, 2, 4])


def test_one_slot_is_room_for_one(queue):
    rows.worker(queues=(queue.name,), concurrency=1)
    missed(rows.job(queue_id=queue.name), 11)
    planner.plan_due()
    assert admission.admit_all(Seen()).admitted == 1
    for _ in range(2):  # however often it is looked, no more are let go than its pace allows
        parking.wake_all()
    assert rows.fetch("SELECT count(*) FROM execution WHERE waiting_on = ''") == [(4,)]


def test_while_it_is_paused_nothing_of_it_starts_and_then_it_goes_on(queue, seen):
    missed(rows.job(queue_id=queue.name), 12)
    planner.plan_due()
    services.pause(operation=recovery())
    assert admission.admit_all(seen).admitted == 0
    services.resume(operation=recovery())
    assert admission.admit_all(seen).admitted == 4


def test_it_counts_what_became_of_its_executions_and_ends_with_the_last(queue, seen):
    missed(rows.job(queue_id=queue.name), 11)
    planner.plan_due()
    operation = recovery()
    while admission.admit_all(seen).admitted:
        step()
        operation.refresh_from_db()
        assert operation.state == "running"
        succeed(*run(queue))
    step()
    operation.refresh_from_db()
    assert (operation.state, operation.matched, operation.done) == ("succeeded", 11, 11)
    assert rows.fetch(
        "SELECT action FROM audit_event WHERE object_id = %s ORDER BY id DESC LIMIT 1", str(operation.pk)
    ) == [("operation.succeeded",)]
    missed(rows.job(operation.tenant_id), 11)
    planner.plan_due()
    assert recovery().pk != operation.pk


def test_when_it_is_aborted_the_rest_is_skipped_also_what_comes_back_later(queue, seen):
    missed(rows.job(queue_id=queue.name), 14)
    planner.plan_due()
    admission.admit_all(seen)
    taken = run(queue)
    operation = services.cancel(operation=recovery())
    step()
    assert states() == {"running": 4, "skipped": 10}
    assert rows.fetch("SELECT DISTINCT reason FROM execution WHERE state = 'skipped'") == [("NO_LONGER_NEEDED",)]
    step()  # nothing is to be skipped just now, but four may come back
    rows.change("UPDATE execution SET state = 'scheduled', not_before = now(), attempt = 2 WHERE id = %s", taken[0])
    succeed(*taken[1:])
    assert admission.admit_all(seen).admitted == 0
    step()
    step()
    assert states() == {"succeeded": 3, "skipped": 11}
    operation.refresh_from_db()
    assert (operation.state, operation.clearing) == ("aborted", False)


def test_trimming_keeps_the_newest_of_each_schedule(queue, seen):
    job = rows.job(queue_id=queue.name)
    schedules = [missed(job, 10), missed(job, 7), missed(job, 2)]
    planner.plan_due()
    services.pause(operation=recovery())
    trimming.trim(operation=recovery(), keep_newest=3)
    step()
    step()
    for schedule, kept in zip(schedules, (3, 3, 2), strict=True):
        found = rows.fetch("SELECT state FROM execution WHERE schedule_id = %s ORDER BY scheduled_for DESC", schedule)
        assert [state for (state,) in found] == ["pending"] * kept + ["skipped"] * (len(found) - kept)
    assert not recovery().clearing


def test_trimming_leaves_out_what_is_older_than_an_instant():
    missed(rows.job(), 12)
    planner.plan_due()
    trimming.trim(operation=recovery(), older_than=rows.now() - 30 * MINUTE)
    step()
    found = rows.fetch("SELECT state FROM execution ORDER BY scheduled_for DESC")
    assert Counter(state for (state,) in found[:3]) == {"pending": 3}
    assert {state for (state,) in found[3:]} == {"skipped"}


def test_a_due_slot_neither_waits_for_a_backlog_nor_is_left_out_for_it(queue, seen):
    job = rows.job(queue_id=queue.name, overlap="queue_one")
    schedule = missed(job, 12)
    planner.plan_due()
    fresh = rows.execution(
        job, "scheduled", trigger="schedule", schedule_id=schedule, scheduled_for=rows.now(), queue_id=queue.name
    )
    assert admission.admit_all(seen).admitted == 1
    assert queue.ids() == [fresh]


def test_quotas_hold_for_what_is_caught_up():
    tenant = rows.tenant(max_unfinished=13)
    missed(rows.job(tenant), 20)
    planner.plan_due()
    assert dict(rows.fetch("SELECT reason, count(*) FROM execution GROUP BY 1")) == {"": 13, "QUOTA": 7}
    assert recovery().matched == 13


def test_however_much_was_missed_what_is_due_waits_for_a_few_thousand_rows_at_most(monkeypatch):
    job = rows.job()
    for _ in range(4):
        missed(job, 20)
    monkeypatch.setattr(planner, "ROWS", 30)
    assert planner.plan_due(most=planner.ROWS) == 40
    assert rows.fetch("SELECT count(*) FROM schedule WHERE due_at <= now()") == [(2,)]
    assert planner.plan_due() == 40
    assert recovery().matched == 80
