"""A paused tag: nothing of what carries it starts, and at its end everything goes on, slots by their misfire policy."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from jobs import sql
from jobs.engine import admission, parking, planner
from jobs.engine.admission import Seen
from jobs.rules.states import State
from tests.support import rows
from tests.support.broker import BrokerQueue

pytestmark = pytest.mark.usefixtures("as_engine", "empty_database")


@pytest.fixture(autouse=True)
def _worker(queue: BrokerQueue) -> None:
    rows.worker(queues=(queue.name,), concurrency=16)


def tagged(*tags: str, tenant: UUID | None = None, **columns: Any) -> Any:
    made = rows.job(tenant, **columns)
    for tag in tags:
        rows.insert("job_tag", id=uuid4(), tenant_id=made[1], job_id=made[0], tag=tag)
    return made


def pause(tag: str, until: datetime | None = None, since: timedelta = timedelta()) -> None:
    rows.change("UPDATE tag SET paused_at = clock_timestamp() - %s, until = %s WHERE tag = %s", since, until, tag)


def end(tag: str) -> None:
    rows.change("UPDATE tag SET until = clock_timestamp() WHERE tag = %s", tag)


def pending(queue: BrokerQueue, of: Any) -> UUID:
    return rows.execution(of, State.PENDING, queue_id=queue.name)


def admit(seen: Seen | None = None) -> int:
    return admission.admit_all(seen or Seen()).admitted


def waits_on(execution: UUID) -> str:
    return rows.fetch("SELECT waiting_on FROM execution WHERE id = %s", execution)[0][0]


def test_a_tag_is_there_with_the_first_job_that_carries_it():
    tenant = rows.tenant()
    tagged("a", "b", tenant=tenant)
    tagged("a", tenant=tenant)
    assert rows.fetch("SELECT tag, paused_at FROM tag WHERE tenant_id = %s ORDER BY 1", tenant) == [
        ("a", None),
        ("b", None),
    ]


def test_what_carries_it_is_parked_and_nothing_else(queue):
    held, free = tagged("a", "b"), tagged("b")
    foreign = tagged("a")
    pause("a")
    rows.change("UPDATE tag SET paused_at = NULL WHERE tenant_id = %s", foreign[1])
    parked, *others = (pending(queue, job) for job in (held, free, foreign))
    assert admit() == 2
    assert waits_on(parked) == f"tag:{held[0]}"
    assert [rows.state_of(row) for row in others] == [State.QUEUED, State.QUEUED]


def test_what_is_published_goes_back_into_line(queue):
    job = tagged("a")
    execution = pending(queue, job)
    assert admit() == 1
    assert admission.withdraw_held() == 0
    pause("a")
    assert admission.withdraw_held() == 1
    assert admit() == 0
    assert waits_on(execution) == f"tag:{job[0]}"


def test_its_end_wakes_in_a_round_that_looks_at_nothing_else(queue):
    seen = Seen()
    admit(seen)
    pending(queue, tagged("a", "b"))
    pause("a")
    pause("b")
    assert admit(seen) == 0
    end("a")
    assert admit(seen) == 0
    end("b")
    assert admit(seen) == 1


def test_the_timer_is_told_of_its_end_and_it_ends_by_the_clock_alone(queue):
    pending(queue, tagged("a"))
    pause("a", until=rows.now() + timedelta(minutes=5))
    assert admit() == 0
    instants = sql.run("next_instants")[0]
    assert 290 < (instants.eases_at - instants.now).total_seconds() <= 300
    rows.change("UPDATE tag SET until = clock_timestamp() - interval '1 minute'")
    assert parking.wake_all() == 1
    assert admit() == 1


def test_a_job_that_loses_its_tag_goes_on_at_the_next_sweep(queue):
    pending(queue, tagged("a"))
    pause("a")
    admit()
    assert parking.wake_all() == 0
    rows.change("DELETE FROM job_tag")
    assert parking.wake_all() == 1


@pytest.mark.parametrize(("misfire", "made"), [("skip", 0), ("last", 1), ("all", 5)])
def test_slots_that_come_due_meanwhile_follow_the_misfire_policy_at_its_end(queue, misfire, made):
    job = tagged("a", queue_id=queue.name)
    begin = rows.now().replace(microsecond=0) - timedelta(minutes=4, seconds=40)
    schedule = rows.schedule(
        job, expression=f"{begin.second} * * * * *", misfire=misfire, misfire_grace_seconds=1,
        planned_until=begin - timedelta(seconds=1),
    )  # fmt: skip
    pause("a", since=timedelta(minutes=6))
    planner.plan_due()
    assert rows.fetch("SELECT 1 FROM execution") == []
    assert rows.fetch("SELECT due_at > now() + interval '20 hours' FROM schedule") == [(True,)]
    held = begin + timedelta(minutes=4, seconds=30)
    rows.change("UPDATE tag SET until = %s", held)
    rows.change("UPDATE schedule SET due_at = clock_timestamp() WHERE id = %s", schedule)
    planner.plan_due()
    found = rows.fetch("SELECT state, reason FROM execution WHERE scheduled_for < %s", held)
    assert sorted(found) == [("scheduled", "")] * made + [("skipped", "PAUSED_TAG")] * (5 - made)
