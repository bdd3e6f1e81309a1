"""When a schedule is looked at again is kept by the database, whoever changes the rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

import pytest

from jobs.engine import planner
from tests.support import rows

pytestmark = pytest.mark.usefixtures("as_engine", "empty_database")

HOLD: dict[str, tuple[str, Callable[[Any, UUID], UUID]]] = {
    "schedule": ("paused", lambda job, schedule: schedule),
    "job": ("paused", lambda job, schedule: job[0]),
    "tenant": ("suspended", lambda job, schedule: job[1]),
}


def due_at(schedule: UUID) -> datetime | None:
    found: datetime | None = rows.fetch("SELECT due_at FROM schedule WHERE id = %s", schedule)[0][0]
    return found


def become(table: str, identifier: UUID, state: str) -> None:
    rows.change(f"UPDATE {table} SET state = %s WHERE id = %s", state, identifier)


@pytest.mark.parametrize("table", HOLD)
def test_held_schedule_costs_nothing_and_is_due_at_once_when_let_go(table):
    job = rows.job()
    schedule, other = rows.schedule(job), rows.schedule(rows.job())
    state, held = HOLD[table]
    become(table, held(job, schedule), state)
    assert due_at(schedule) is None
    assert due_at(other) is not None
    planner.plan_due()
    assert rows.fetch("SELECT DISTINCT schedule_id FROM execution") == [(other,)]
    become(table, held(job, schedule), "active")
    assert due_at(schedule) is not None
    planner.plan_due()
    assert rows.fetch("SELECT count(DISTINCT schedule_id) FROM execution") == [(2,)]


@pytest.mark.parametrize("table", HOLD)
def test_letting_one_hold_go_leaves_the_others(table):
    job = rows.job()
    schedule = rows.schedule(job)
    for name, (state, held) in HOLD.items():
        become(name, held(job, schedule), state)
    become(table, HOLD[table][1](job, schedule), "active")
    assert due_at(schedule) is None


@pytest.mark.parametrize("table", ["job", "tenant"])
def test_schedule_that_became_due_while_it_was_being_held_is_planned_only_once_it_is_let_go(table):
    job = rows.job()
    schedule = rows.schedule(job)
    state, held = HOLD[table]
    become(table, held(job, schedule), state)
    planned_until = rows.fetch("SELECT planned_until FROM schedule")
    rows.change("UPDATE schedule SET due_at = now()")  # as if neither transaction had seen the other
    assert planner.plan_due() == 0
    assert rows.fetch("SELECT due_at, planned_until, state FROM schedule") == [(None, *planned_until[0], "active")]
    become(table, held(job, schedule), "active")
    assert planner.plan_due() > 0


@pytest.mark.parametrize("state", ["paused", "ended", "invalid", "deleted"])
def test_letting_a_job_go_wakes_active_schedules_only(state):
    job = rows.job(state="paused")
    schedule = rows.schedule(job, state=state)
    become("job", job[0], "active")
    assert due_at(schedule) is None


def test_schedule_made_under_a_held_job_waits_for_it():
    assert due_at(rows.schedule(rows.job(state="paused"))) is None
    assert due_at(rows.schedule(rows.job(rows.tenant(state="suspended")))) is None


def test_rule_changed_by_raw_sql_plans_strictly_later_and_fires_nothing_again():
    schedule = rows.schedule(rows.job())
    planner.plan_due()
    planned_until = rows.fetch("SELECT planned_until FROM schedule")[0][0]
    before = rows.fetch("SELECT scheduled_for FROM execution")
    rows.change("UPDATE schedule SET expression = '*/1 * * * * *' WHERE id = %s", schedule)
    assert rows.fetch("SELECT planned_until, next_run_at FROM schedule") == [(planned_until, None)]
    planner.plan_due()
    after = Counter(row[0] for row in rows.fetch("SELECT scheduled_for FROM execution"))
    assert max(after.values()) == 1
    assert all(slot > planned_until for slot in after.keys() - {row[0] for row in before})


def test_rule_changed_after_an_outage_does_not_bring_its_slots_back():
    schedule = rows.schedule(rows.job(), misfire="all", planned_until=rows.now().replace(year=2020))
    rows.change("UPDATE schedule SET expression = '0 * * * * *' WHERE id = %s", schedule)
    changed = rows.now()
    planner.plan_due()
    assert all(row[0] > changed for row in rows.fetch("SELECT scheduled_for FROM execution"))


def test_change_of_anything_but_the_rule_leaves_the_plan_alone():
    rows.schedule(rows.job())
    planner.plan_due()
    plan = rows.fetch("SELECT planned_until, next_run_at, due_at FROM schedule")
    rows.change("UPDATE schedule SET misfire = 'skip', payload = '{}', misfire_grace_seconds = 5")
    assert rows.fetch("SELECT planned_until, next_run_at, due_at FROM schedule") == plan


@pytest.mark.parametrize(("state", "after"), [("ended", "active"), ("invalid", "active"), ("paused", "paused")])
def test_a_new_rule_revives_what_had_ended_and_leaves_what_is_paused(state, after):
    schedule = rows.schedule(rows.job(), state=state, problem="was wrong")
    rows.change("UPDATE schedule SET timezone = 'Europe/Berlin' WHERE id = %s", schedule)
    assert rows.fetch("SELECT state, problem, due_at IS NOT NULL FROM schedule") == [(after, "", after == "active")]
