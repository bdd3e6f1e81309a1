"""Two engines plan, admit and publish the same thousand schedules: one execution, one attempt per slot."""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta
from itertools import pairwise

from tests.support.stack import Stack, wait_for

JOBS, SCHEDULES_EACH, SLOTS_EACH = 20, 50, 3
EVERY = timedelta(seconds=5)


def test_two_engines_make_one_execution_for_each_slot_of_a_thousand_schedules(carillon: Stack) -> None:
    carillon.start("engine")
    jobs = [_job_with_schedules(carillon, f"of-two-engines-{place}") for place in range(JOBS)]
    due = "SELECT count(*) FROM execution WHERE job_id = ANY(%s::uuid[]) AND scheduled_for <= clock_timestamp()"
    target = JOBS * SCHEDULES_EACH * SLOTS_EACH
    wait_for(lambda: carillon.value(due, jobs) >= target, 90, f"{target} slots are due", every=0.5)
    for job in jobs:
        carillon.api.post(f"jobs/{job}/pause")
    live = f"{due} AND finished_at IS NULL"
    wait_for(lambda: carillon.value(live, jobs) == 0, 180, "everything due has ended", every=0.5)

    rows = carillon.query(
        """SELECT schedule_id, scheduled_for, count(*) AS executions, min(state) AS state,
           sum((SELECT count(*) FROM attempt WHERE execution_id = e.id)) AS attempts
           FROM execution e WHERE job_id = ANY(%s::uuid[]) AND finished_at IS NOT NULL
           GROUP BY 1, 2 ORDER BY 2""",
        jobs,
    )
    assert {(row.executions, row.attempts, row.state) for row in rows} == {(1, 1, "succeeded")}
    slots = defaultdict(list)
    for row in rows:
        slots[row.schedule_id].append(row.scheduled_for)
    assert len(slots) == JOBS * SCHEDULES_EACH
    assert {later - slot for of_one in slots.values() for slot, later in pairwise(of_one)} == {EVERY}


def _job_with_schedules(carillon: Stack, name: str) -> str:
    schedule = {"kind": "cron", "expression": "*/5 * * * * *", "misfire": "all"}
    job = {"name": name, "type": "dummy", "overlap": "allow", "schedules": [schedule] * SCHEDULES_EACH}
    identifier: str = carillon.api.post("jobs", job)["id"]
    return identifier
