"""What held a schedule is noted by the database, whoever changes the rows, and told of the slots it kept from running."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from jobs.engine import planner
from tests.support import rows

pytestmark = pytest.mark.usefixtures("as_engine", "empty_database")

HOUR, SECOND = rows.timedelta(hours=1), rows.timedelta(seconds=1)
HOLD: dict[str, tuple[str, str, Any]] = {
    "schedule": ("paused", "PAUSED_SCHEDULE", lambda job, schedule: schedule),
    "job": ("paused", "PAUSED_JOB", lambda job, schedule: job[0]),
    "tenant": ("suspended", "PAUSED_TENANT", lambda job, schedule: job[1]),
}


def hourly(**columns: Any) -> tuple[Any, UUID]:
    """A job, and its schedule by the hour, half past by its start."""
    job = rows.job()
    start = rows.now() - 30.5 * HOUR
    rule = {"kind": "interval", "expression": "", "interval_seconds": 3600, "start_at": start}
    return job, rows.schedule(job, **rule, planned_until=rows.now() - SECOND, **columns)


def become(table: str, identifier: UUID, state: str) -> None:
    rows.change(f"UPDATE {table} SET state = %s WHERE id = %s", state, identifier)


def holds(schedule: UUID) -> list[tuple[bool, str]]:
    """Whether each is over, and why."""
    found = rows.fetch("SELECT holds FROM schedule WHERE id = %s", schedule)[0][0]
    return [(until is not None, why) for _, until, why in found]


def put_back(schedule: UUID, by: Any) -> None:
    """As if what it went through had begun so much earlier: its holds, and how far it was planned."""
    rows.change(
        """UPDATE schedule s SET planned_until = planned_until - %(by)s, holds = (
               SELECT coalesce(jsonb_agg(jsonb_set(h, '{0}', to_jsonb((h ->> 0)::timestamptz - %(by)s))), '[]')
               FROM jsonb_array_elements(s.holds) h) WHERE id = %(id)s""",
        by=by, id=schedule,
    )  # fmt: skip


@pytest.mark.parametrize("table", HOLD)
def test_slots_left_out_after_a_hold_say_what_it_was_and_the_rest_follows_the_policy(table):
    job, schedule = hourly(misfire="at_most", misfire_max=2)
    state, reason, of = HOLD[table]
    become(table, of(job, schedule), state)
    put_back(schedule, 8 * HOUR)
    become(table, of(job, schedule), "active")
    planner.plan_due()
    fates = rows.fetch("SELECT state, reason FROM execution ORDER BY scheduled_for")
    assert fates == [("skipped", reason)] * 6 + [("scheduled", "")] * 2
    assert holds(schedule) == []


def test_of_several_holds_the_nearest_is_told_and_one_goes_over_into_the_next():
    job, schedule = hourly()
    become("tenant", job[1], "suspended")
    assert holds(schedule) == [(False, "PAUSED_TENANT")]
    become("job", job[0], "paused")
    become("schedule", schedule, "paused")
    become("tenant", job[1], "active")
    become("schedule", schedule, "active")
    assert holds(schedule) == [
        (True, "PAUSED_TENANT"), (True, "PAUSED_JOB"), (True, "PAUSED_SCHEDULE"), (False, "PAUSED_JOB"),
    ]  # fmt: skip
    become("job", job[0], "active")
    assert [over for over, _ in holds(schedule)] == [True] * 4


def test_one_made_while_its_job_is_held_is_held_from_the_first_and_what_was_planned_past_is_forgotten():
    job = rows.job(state="paused")
    schedule = rows.schedule(job)
    assert holds(schedule) == [(False, "PAUSED_JOB")]
    become("job", job[0], "active")
    planner.plan_due()
    assert holds(schedule) == []


def test_a_hold_that_neither_transaction_saw_begins_when_the_planner_comes_to_it():
    job = rows.job(state="paused")
    schedule = rows.schedule(job)
    rows.change("UPDATE schedule SET holds = '[]', due_at = now() WHERE id = %s", schedule)
    planner.plan_due()
    assert holds(schedule) == [(False, "PAUSED_JOB")]


def test_holding_it_again_and_again_stores_no_more_than_fifty():
    _, schedule = hourly()
    for _ in range(60):
        become("schedule", schedule, "paused")
        become("schedule", schedule, "active")
    assert len(holds(schedule)) == 50


def test_after_an_outage_nothing_was_held():
    _, schedule = hourly(misfire="skip")
    rows.change("UPDATE schedule SET planned_until = %s WHERE id = %s", rows.now() - 3.2 * HOUR, schedule)
    planner.plan_due()
    assert rows.fetch("SELECT DISTINCT reason FROM execution") == [("MISFIRE",)]
