"""What a maintenance window holds does not start, and goes on at its end; its slots are accounted for."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from jobs.engine import admission, maintenance, parking, planner
from jobs.engine.admission import Seen
from jobs.engine.timer import Timer
from jobs.rules.states import State
from tests.support import one, rows, shut
from tests.support.broker import BrokerQueue
from tests.support.processes import eventually

pytestmark = pytest.mark.usefixtures("as_engine", "empty_database")

HOUR, SECOND = timedelta(hours=1), timedelta(seconds=1)


@pytest.fixture(autouse=True)
def _worker(queue: BrokerQueue) -> None:
    rows.worker(queues=(queue.name,), concurrency=4)


def admit() -> int:
    return admission.admit_all(Seen()).admitted


def skipped() -> list[tuple[str, int]]:
    """Reasons, and for how many slots."""
    return rows.fetch(
        "SELECT reason, sum(coalesce(folded_count, 1))::int FROM execution WHERE state = 'skipped' GROUP BY 1 ORDER BY 1"
    )


def _of_tenant(job: Any, queue: BrokerQueue) -> UUID:
    return shut.maintenance(job[1])


def _of_queue(job: Any, queue: BrokerQueue) -> UUID:
    return shut.maintenance(job[1], queue_id=queue.name)


def _of_job(job: Any, queue: BrokerQueue) -> UUID:
    return shut.maintenance(job[1], job_id=job[0])


def _of_everything(job: Any, queue: BrokerQueue) -> UUID:
    return shut.maintenance(None)


def _of_everybodys_queue(job: Any, queue: BrokerQueue) -> UUID:
    return shut.maintenance(None, queue_id=queue.name)


SCOPES = [_of_tenant, _of_queue, _of_job, _of_everything, _of_everybodys_queue]


@pytest.mark.parametrize("hold", SCOPES)
def test_nothing_in_its_scope_starts_and_what_is_published_is_taken_back(queue, hold):
    job = rows.job(queue_id=queue.name)
    published = rows.execution(job, State.PENDING, queue_id=queue.name)
    assert admit() == 1
    window = hold(job, queue)
    retried = rows.execution(job, State.PENDING, queue_id=queue.name, attempt=2, epoch=1)
    assert admission.withdraw_held() == 1
    assert admit() == 0
    assert one.claim(published, attempt=1, worker_id=uuid4(), worker="w", pid=1) is None

    shut.close_now(window)
    maintenance.roll()
    assert admit() == 2
    assert {rows.state_of(published), rows.state_of(retried)} == {State.QUEUED}


@pytest.mark.parametrize(
    "elsewhere",
    [
        lambda job, queue: shut.maintenance(rows.tenant()),
        lambda job, queue: shut.maintenance(job[1], queue_id="default"),
        lambda job, queue: shut.maintenance(job[1], job_id=rows.job(job[1])[0]),
        lambda job, queue: shut.maintenance(None, queue_id="default"),
        lambda job, queue: shut.maintenance(job[1], action="skip"),
        lambda job, queue: shut.maintenance(job[1], rows.now() + HOUR, rows.now() + 2 * HOUR),
    ],
)
def test_what_is_outside_its_scope_or_its_time_goes_on(queue, elsewhere):
    job = rows.job(queue_id=queue.name)
    elsewhere(job, queue)
    rows.execution(job, State.PENDING, queue_id=queue.name)
    assert admit() == 1
    assert admission.withdraw_held() == 0


def test_what_a_jobs_window_parked_is_woken_by_its_end_and_not_before(queue):
    job = rows.job(queue_id=queue.name)
    window = shut.maintenance(job[1], job_id=job[0])
    rows.execution(job, State.PENDING, queue_id=queue.name)
    seen = Seen()
    assert admission.admit_all(seen).admitted == 0
    assert rows.fetch("SELECT waiting_on FROM execution") == [(f"shut:{job[0]}",)]
    assert parking.wake_all() == 0
    shut.close_now(window)
    maintenance.roll()
    assert admission.admit_all(seen).admitted == 1


def test_a_held_schedule_is_looked_at_once_and_again_at_the_end(queue):
    job = rows.job()
    closes_at = rows.now() + HOUR
    shut.maintenance(job[1], closes_at=closes_at)
    schedule = rows.schedule(job)
    assert planner.plan_due() == 0
    assert rows.fetch("SELECT state, due_at FROM schedule") == [("active", closes_at + planner.AHEAD)]
    assert rows.fetch("SELECT next_run_at >= %s FROM schedule WHERE id = %s", closes_at, schedule) == [(True,)]


def test_a_window_that_opens_in_a_moment_is_not_planned_into(queue):
    job = rows.job()
    opens_at = (rows.now() + 2 * SECOND).replace(microsecond=0)
    closes_at = opens_at + HOUR
    shut.maintenance(job[1], opens_at, closes_at)
    rows.schedule(job)
    planner.plan_due()
    latest, due = rows.fetch("SELECT (SELECT max(scheduled_for) FROM execution), due_at FROM schedule")[0]
    assert latest is None or latest < opens_at
    assert due == closes_at + planner.AHEAD


@pytest.mark.parametrize(("misfire", "runs"), [("skip", 0), ("last", 1), ("all", 10)])
def test_at_its_end_the_misfire_policy_decides_and_what_does_not_run_says_why(queue, misfire, runs):
    job, now = rows.job(), rows.now()
    shut.maintenance(
        job[1], now - 9.75 * HOUR, now - HOUR / 4, last_opened_at=now - 9.75 * HOUR, last_closed_at=now - HOUR / 4
    )
    rows.change("UPDATE maintenance_window SET opens_at = NULL, closes_at = NULL")
    start = now - 9.5 * HOUR
    rule = {"kind": "interval", "expression": "", "interval_seconds": 3600, "start_at": start}
    rows.schedule(job, **rule, planned_until=start - SECOND, misfire=misfire)
    planner.plan_due()
    assert rows.fetch("SELECT count(*) FROM execution WHERE state = 'scheduled'")[0][0] == runs
    assert skipped() == ([("BLACKOUT", 10 - runs)] if runs < 10 else [])


def test_slots_missed_before_it_opened_were_not_its_doing(queue):
    job, now = rows.job(), rows.now()
    shut.maintenance(
        job[1], now - 3 * HOUR, now - 2 * HOUR, last_opened_at=now - 3 * HOUR, last_closed_at=now - 2 * HOUR
    )
    rows.change("UPDATE maintenance_window SET opens_at = NULL, closes_at = NULL")
    start = now - 4.5 * HOUR
    rule = {"kind": "interval", "expression": "", "interval_seconds": 3600, "start_at": start}
    rows.schedule(job, **rule, planned_until=start - SECOND, misfire="skip")
    planner.plan_due()
    assert skipped() == [("BLACKOUT", 1), ("MISFIRE", 4)]


def test_slots_of_a_window_that_leaves_them_out_are_skipped(queue):
    job = rows.job()
    shut.maintenance(job[1], action="skip")
    rows.schedule(job)
    planner.plan_due()
    assert rows.fetch("SELECT DISTINCT state, reason FROM execution") == [("skipped", "BLACKOUT")]


def test_one_that_comes_again_moves_on_to_its_next_time_and_one_that_does_not_is_over(queue):
    tenant, now = rows.tenant(), rows.now()
    once = shut.maintenance(tenant, now - HOUR, now - SECOND)
    again = shut.maintenance(
        tenant, now - HOUR, now - SECOND, starts_at=None, ends_at=None, expression="0 2 * * *", duration_seconds=3600
    )
    assert maintenance.roll() == 2
    (found,) = rows.fetch("SELECT opens_at, closes_at, last_closed_at FROM maintenance_window WHERE id = %s", once)
    assert found == (None, None, now - SECOND)
    (opens_at, closes_at) = rows.fetch("SELECT opens_at, closes_at FROM maintenance_window WHERE id = %s", again)[0]
    assert opens_at.hour == 2
    assert closes_at == opens_at + HOUR
    assert closes_at > now


def test_the_engine_lets_go_by_itself_when_it_closes(queue):
    job = rows.job(queue_id=queue.name)
    execution = rows.execution(job, State.PENDING, queue_id=queue.name)
    shut.maintenance(job[1], closes_at=rows.now() + SECOND / 2, job_id=job[0])
    engine = Timer()
    engine.start()
    try:
        assert eventually(lambda: rows.state_of(execution) == State.QUEUED, 30)
        # A round that comes first lets it go by the clock, before the closing is noted.
        queued_at, closed_at = rows.fetch(
            "SELECT e.queued_at, coalesce(w.last_closed_at, w.closes_at) FROM execution e, maintenance_window w"
        )[0]
        assert queued_at >= closed_at
    finally:
        engine.stop()
        engine.join(60)


def test_a_round_that_began_before_the_opening_leaves_nothing_running(queue, in_thread):
    """What admission publishes meanwhile is taken back by the next look, whichever commits first."""
    job = rows.job(queue_id=queue.name)
    executions = [rows.execution(job, State.PENDING, queue_id=queue.name) for _ in range(20)]
    admitting = in_thread(admit)
    shut.maintenance(job[1])
    admitting.result(30)
    admission.withdraw_held()
    assert {rows.state_of(execution) for execution in executions} == {State.PENDING}
    assert admit() == 0
