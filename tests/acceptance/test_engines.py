"""Two engines plan, admit and publish the same thousand schedules: one execution, one attempt per slot."""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta
from itertools import pairwise

import pytest

from tests.support.stack import Stack, wait_for

pytestmark = pytest.mark.xdist_group("acceptance_1")

JOBS, SCHEDULES_EACH = 20, 50
SLOTS_EACH = 3


def test_two_engines_make_one_execution_for_each_slot_of_a_thousand_schedules(carillon: Stack) -> None:
    carillon.start("engine")
    jobs = [_job_with_schedules(carillon, f"of-two-engines-{place}") for place in range(JOBS)]
    try:
        done = "SELECT count(*) FROM execution WHERE job_id = ANY(%s::uuid[]) AND state = 'succeeded'"
        target = JOBS * SCHEDULES_EACH * SLOTS_EACH
        wait_for(lambda: carillon.value(done, jobs) >= target, 120, f"{target} executions have succeeded", every=0.5)
    finally:
        for job in jobs:
            carillon.api.send("DELETE", f"jobs/{job}")
    live = "SELECT count(*) FROM execution WHERE job_id = ANY(%s::uuid[]) AND finished_at IS NULL"
    wait_for(lambda: carillon.value(live, jobs) == 0, 60, "everything planned has ended", every=0.5)

    rows = carillon.query(
        """SELECT schedule_id, scheduled_for, count(*) AS executions, sum((SELECT count(*) FROM attempt
           WHERE execution_id = e.id)) AS attempts, min(state) AS state, min(reason) AS reason
           FROM execution e WHERE job_id = ANY(%s::uuid[]) GROUP BY 1, 2""",
        jobs,
    )
    ran = [row for row in rows if row.reason == ""]
    assert {(row.executions, row.attempts, row.state) for row in ran} == {(1, 1, "succeeded")}
    slots = defaultdict(list)
    for row in sorted(ran, key=lambda row: row.scheduled_for):
        slots[row.schedule_id].append(row.scheduled_for)
    assert len(slots) == JOBS * SCHEDULES_EACH
    assert {later - slot for of_one in slots.values() for slot, later in pairwise(of_one)} == {timedelta(seconds=5)}


def _job_with_schedules(carillon: Stack, name: str) -> str:
    schedule = {"kind": "cron", "expression": "*/5 * * * * *", "misfire": "all"}
    job = {"name": name, "type": "dummy", "overlap": "allow", "schedules": [schedule] * SCHEDULES_EACH}
    identifier: str = carillon.api.post("jobs", job)["id"]
    return identifier
