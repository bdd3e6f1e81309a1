"""From due schedules to executions: each slot once, misfires by policy, and nobody held up by a bad one."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID

import psycopg
import pytest

from jobs import triggers
from jobs.engine import planner
from jobs.rules import identity
from tests.support import rows, servers
from tests.support.threads import together

pytestmark = pytest.mark.usefixtures("as_engine", "empty_database")

HOUR, MINUTE, SECOND = timedelta(hours=1), timedelta(minutes=1), timedelta(seconds=1)


def missed(of: Any, **columns: Any) -> UUID:
    """A schedule by the hour with eleven slots missed: from ten and a half hours ago to half an hour ago."""
    start = rows.now() - 10.5 * HOUR
    rule = {"kind": "interval", "expression": "", "interval_seconds": 3600, "start_at": start}
    return rows.schedule(of, **rule, planned_until=start - SECOND, **columns)


def replan(schedule: UUID, planned_until: datetime) -> None:
    rows.change(
        "UPDATE schedule SET planned_until = %s, due_at = now() WHERE id = %s", planned_until - SECOND, schedule
    )


def slots() -> list[datetime]:
    return [row[0] for row in rows.fetch("SELECT scheduled_for FROM execution ORDER BY scheduled_for")]


def test_every_second_of_the_horizon_becomes_an_execution():
    schedule = rows.schedule(rows.job())
    before = rows.fetch("SELECT planned_until FROM schedule")[0][0]
    assert planner.plan_due() == len(slots()) >= 3
    until, following, due = rows.fetch("SELECT planned_until, next_run_at, due_at FROM schedule")[0]
    expected = triggers.build("cron", {"expression": "* * * * * *", "timezone": "UTC"}).after(before)
    planned = rows.fetch("SELECT id, scheduled_for, not_before FROM execution ORDER BY 2")
    for found, slot in zip(planned, expected, strict=False):
        assert found == (identity.slot_id(schedule, "run", slot.nominal, slot.at), slot.at, slot.at)
    assert slots()[-1] <= until < following == due == slots()[-1] + SECOND


def test_a_slot_planned_twice_meets_its_own_row():
    schedule = rows.schedule(rows.job())
    planner.plan_due()
    first = slots()
    replan(schedule, first[0])
    planner.plan_due()
    assert slots()[: len(first)] == first
    assert max(Counter(slots()).values()) == 1


def test_schedule_that_is_not_due_is_left_alone():
    rows.schedule(rows.job(), kind="once", expression="", run_at=rows.now() + HOUR)
    assert planner.plan_due() == 0
    state = rows.fetch("SELECT planned_until, due_at FROM schedule")
    assert planner.plan_due() == 0
    assert rows.fetch("SELECT planned_until, due_at FROM schedule") == state


def test_two_planners_over_a_thousand_schedules_make_each_slot_once():
    job, tenant = rows.job()
    start = rows.now() - SECOND
    rows.change(
        """INSERT INTO schedule (id, tenant_id, job_id, kind, expression, timezone, dst_gap, dst_fold, misfire,
               misfire_max, misfire_grace_seconds, catch_up_window_seconds, state, problem, planned_until, created_at, updated_at)
           SELECT gen_random_uuid(), %s, %s, 'cron', '*/2 * * * * *', 'UTC', 'run_after_gap', 'first', 'last',
               1, 60, 86400, 'active', '', %s, now(), now() FROM generate_series(1, 1000)""",
        tenant, job, start,
    )  # fmt: skip
    made = together([planner.plan_due] * 2)
    rows.change("UPDATE schedule SET planned_until = %s, due_at = now()", start)
    made += together([planner.plan_due] * 2)
    assert rows.fetch(
        """SELECT count(*), sum(slots), bool_and(slots = distinct_slots AND slots = span) FROM (
               SELECT count(*) AS slots, count(DISTINCT scheduled_for) AS distinct_slots,
                   extract(epoch FROM max(scheduled_for) - min(scheduled_for))::int / 2 + 1 AS span
               FROM execution GROUP BY schedule_id) per_schedule"""
    ) == [(1000, sum(made), True)]


def test_schedule_another_planner_holds_is_passed_over():
    held, free = (rows.schedule(rows.job()) for _ in range(2))
    with psycopg.connect(servers.URLS["super"]) as other:
        other.execute("SELECT 1 FROM schedule WHERE id = %s FOR UPDATE", [held])
        planner.plan_due()
    assert rows.fetch("SELECT DISTINCT schedule_id FROM execution") == [(free,)]


@pytest.mark.parametrize(
    ("policy", "runs"), [({"misfire": "last"}, 1), ({"misfire": "at_most", "misfire_max": 10}, 10), ({"misfire": "at_most", "misfire_max": 3}, 3)]
)  # fmt: skip
def test_newest_missed_slots_run_as_the_misfire_policy_says(policy, runs):
    missed(rows.job(), **policy)
    assert planner.plan_due() == 11
    fates = rows.fetch("SELECT state, reason FROM execution ORDER BY scheduled_for DESC")
    assert fates == [("scheduled", "")] * runs + [("skipped", "MISFIRE")] * (11 - runs)


def test_more_than_ten_skipped_in_a_row_become_one_row():
    missed(rows.job(), misfire="skip")
    assert planner.plan_due() == 1
    assert rows.fetch(
        "SELECT state, reason, folded_count, folded_until - scheduled_for, id = %s FROM execution",
        _folded_id(),
    ) == [("skipped", "MISFIRE", 11, 10 * HOUR, True)]
    assert rows.fetch("SELECT kind, data FROM event") == [("execution.skipped", {"reason": "MISFIRE"})]


def _folded_id() -> UUID:
    schedule, first, last = rows.fetch("SELECT schedule_id, scheduled_for, folded_until FROM execution")[0]
    return identity.slot_id(schedule, identity.FOLDED, first.isoformat(), last)


def test_slots_beyond_the_catch_up_window_never_run():
    missed(rows.job(), misfire="all", catch_up_window_seconds=4 * 3600)
    planner.plan_due()
    fates = rows.fetch("SELECT state, reason FROM execution ORDER BY scheduled_for")
    assert fates == [("skipped", "CATCHUP_EXPIRED")] * 7 + [("scheduled", "")] * 4


def test_late_slot_within_its_grace_simply_runs():
    missed(rows.job(), misfire="skip", misfire_grace_seconds=1800 + 60)
    planner.plan_due()
    assert rows.fetch("SELECT state, count(*) FROM execution GROUP BY 1 ORDER BY 1") == [
        ("scheduled", 1),
        ("skipped", 10),
    ]


@pytest.mark.parametrize("misfire", ["skip", "last", "all", "at_most"])
def test_every_slot_of_an_outage_is_accounted_for_once(misfire):
    start = rows.now().replace(microsecond=0) - 25 * MINUTE
    rows.schedule(rows.job(), misfire=misfire, planned_until=start, catch_up_window_seconds=600)
    planner.plan_due()
    until = rows.fetch("SELECT planned_until FROM schedule")[0][0]
    accounted = rows.fetch("SELECT sum(coalesce(folded_count, 1)) FROM execution")[0][0]
    assert accounted == int((until - start).total_seconds())
    spans = rows.fetch("SELECT scheduled_for, coalesce(folded_until, scheduled_for) FROM execution ORDER BY 1")
    assert all(earlier[1] < later[0] for earlier, later in pairwise(spans))


def test_slot_older_than_any_partition_is_filed_where_one_is():
    run_at = rows.now() - timedelta(days=60)
    rows.schedule(rows.job(), kind="once", expression="", run_at=run_at, planned_until=run_at - SECOND)
    planner.plan_due()
    assert rows.fetch(
        "SELECT state, reason, scheduled_for, tableoid::regclass::text <> 'execution_default' FROM execution"
    ) == [("skipped", "CATCHUP_EXPIRED", run_at, True)]


@pytest.mark.parametrize(
    "rule",
    [{"expression": "61 * * * * *"}, {"timezone": "Mars/Olympus"}, {"kind": "moon"}, {"kind": "interval", "expression": ""}],
    ids=["expression", "zone", "kind", "no interval"],
)  # fmt: skip
def test_schedule_that_cannot_be_planned_is_marked_and_the_others_go_on(rule):
    bad = rows.schedule(rows.job(), **rule)
    good = rows.schedule(rows.job())
    planner.plan_due()
    state, problem, due, following = rows.fetch(
        "SELECT state, problem, due_at, next_run_at FROM schedule WHERE id = %s", bad
    )[0]
    assert (state, due, following) == ("invalid", None, None)
    assert problem.startswith("CONFIG_INVALID: ")
    assert rows.fetch("SELECT DISTINCT schedule_id FROM execution") == [(good,)]


def test_job_whose_retry_policy_cannot_be_followed_stops_its_schedule_only():
    bad, good = rows.schedule(rows.job(retry={"max_attempts": 0})), rows.schedule(rows.job())
    planner.plan_due()
    assert rows.fetch("SELECT id, problem FROM schedule WHERE state = 'invalid'") == [
        (bad, "CONFIG_INVALID: max_attempts: must be a whole number from 1 to 100")
    ]
    assert rows.fetch("SELECT DISTINCT schedule_id FROM execution") == [(good,)]


def test_schedule_whose_rows_the_database_refuses_does_not_take_its_batch_along():
    bad, good = rows.schedule(rows.job(priority=9)), rows.schedule(rows.job())
    rows.change("ALTER TABLE execution ADD CONSTRAINT no_nines CHECK (priority < 9)")
    try:
        planner.plan_due()
    finally:
        rows.change("ALTER TABLE execution DROP CONSTRAINT no_nines")
    assert rows.fetch("SELECT id FROM schedule WHERE state = 'invalid' AND problem LIKE '%%no_nines%%'") == [(bad,)]
    assert rows.fetch("SELECT DISTINCT schedule_id FROM execution") == [(good,)]


def test_a_repaired_schedule_is_planned_again():
    schedule = rows.schedule(rows.job(), expression="61 * * * * *")
    planner.plan_due()
    rows.change("UPDATE schedule SET expression = '* * * * * *' WHERE id = %s", schedule)
    assert rows.fetch("SELECT state, problem, due_at IS NOT NULL FROM schedule") == [("active", "", True)]
    assert planner.plan_due() > 0


def test_once_ends_after_its_slot():
    run_at = rows.now() + SECOND
    rows.schedule(rows.job(), kind="once", expression="", run_at=run_at, planned_until=run_at - SECOND)
    assert planner.plan_due() == 1
    assert slots() == [run_at]
    assert rows.fetch("SELECT state, next_run_at, due_at FROM schedule") == [("ended", None, None)]


def test_schedule_ends_before_its_end():
    end = rows.now().replace(microsecond=0) + 2 * SECOND
    rows.schedule(rows.job(), end_at=end, planned_until=end - 2 * SECOND)
    planner.plan_due()
    assert slots() == [end - SECOND]
    assert rows.fetch("SELECT state, next_run_at, due_at FROM schedule") == [("ended", None, None)]


def test_execution_takes_what_job_and_schedule_say():
    job = rows.job(retry={"max_attempts": 7}, priority=8, timeout_seconds=12.5, queue_id="default", revision=1)
    schedule = rows.schedule(job, payload={"result": 3})
    planner.plan_due()
    found = """SELECT DISTINCT job_id, tenant_id, schedule_id, revision, trigger, triggered_by, queue_id, priority, timeout_seconds,
                   max_attempts, payload::text, attempt, epoch FROM execution"""
    expected = (*job, schedule, 1, "schedule", "", "default", 8, 12.5, 7, '{"result": 3}', 1, 0)
    assert rows.fetch(found) == [expected]
