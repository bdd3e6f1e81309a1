"""What a million stored schedules cost: storing and changing one over the API, until that is planned, and the idle tick.

The same is measured with a thousand stored and with a million, none of them due, so that the ratios say what only storing
costs. They are stored in bulk, planned as if an engine had come to them already: that each is planned once at first is the
work of as many slots, and no matter of how many are stored.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from tests.benchmarks import costs
from tests.benchmarks.figures import CARILLON, Figure, Sizes
from tests.benchmarks.measures import EDIT_SCHEDULE, NEW_SCHEDULE_STORED, SCHEDULES_STORED, TICK
from tests.support.stack import Stack, wait_for

#: A hundred of a job; the jobs that are missing.
_OF_ONE_JOB = 100
_JOBS = """
WITH model AS (
    SELECT %s::uuid AS id
), made AS (
    INSERT INTO job SELECT (jsonb_populate_record(j, jsonb_build_object('id', uuidv7(), 'name', 'stored ' || n))).*
    FROM job j JOIN model USING (id), generate_series((SELECT count(*) FROM job WHERE name LIKE 'stored _%%') + 1, %s) n
    RETURNING id
)
INSERT INTO job_revision SELECT (jsonb_populate_record(r, jsonb_build_object('id', uuidv7(), 'job_id', made.id))).*
FROM job_revision r JOIN model ON r.job_id = model.id, made
"""
#: Without the trigger that would have each planned anew; a thousand at an insert of an hour's minute, half a year away.
_BULK = """
INSERT INTO schedule SELECT (jsonb_populate_record(s, jsonb_build_object('id', uuidv7(), 'job_id', j.id,
    'expression', n %% 60 || ' ' || n %% 24 || ' 1 7 *', 'planned_until', now(),
    'next_run_at', now() + interval '180 days' + n * interval '1 second',
    'due_at', now() + interval '180 days' + n * interval '1 second'))).*
FROM schedule s, generate_series(1, %s) n JOIN (
    SELECT id, row_number() OVER (ORDER BY id DESC) - 1 AS place FROM job WHERE name LIKE 'stored _%%'
) j ON j.place = n / %s WHERE s.id = %s
"""
_PLANNED = "SELECT count(*) FROM schedule WHERE id = %s AND due_at > clock_timestamp()"
_STORED = "SELECT count(*) FROM schedule"
_IDLE_SECONDS = 15


def measure(carillon: Stack, sizes: Sizes) -> list[Figure]:
    job = carillon.api.post(
        "jobs", {"name": "stored", "type": "dummy", "schedules": [{"kind": "cron", "expression": "0 0 1 7 *"}]}
    )
    found: list[Figure] = []
    for stored in (1_000, sizes.most_schedules):
        found += _at(carillon, job, stored, sizes.changes)
    carillon.query("DELETE FROM schedule WHERE id <> %s", job["schedules"][0]["id"])
    return found


def _at(carillon: Stack, job: Any, stored: int, changes: int) -> list[Figure]:
    missing = stored - carillon.value(_STORED)
    carillon.query(_JOBS, job["id"], stored // _OF_ONE_JOB + 1)
    began = time.time()
    carillon.query("SET session_replication_role = replica")
    carillon.query(_BULK, missing, _OF_ONE_JOB, job["schedules"][0]["id"])
    carillon.query("SET session_replication_role = origin")
    rate = missing / (time.time() - began)
    assert carillon.value(_STORED) == stored
    carillon.query("VACUUM (ANALYZE) schedule")
    carillon.query("VACUUM (ANALYZE) job")
    print(f"    {stored:,} stored, {rate:,.0f}/s", flush=True)
    subject = f"{CARILLON}: with {stored:,} stored"
    created, edited, rewritten = _changes(carillon, job, changes)
    return [
        Figure(SCHEDULES_STORED, f"{CARILLON}: from {stored - missing:,} to {stored:,}, in bulk", "/s", [rate]),
        Figure(f"{NEW_SCHEDULE_STORED}, answered", subject, "ms", [pair[0] for pair in created]),
        Figure(f"{NEW_SCHEDULE_STORED}, planned", subject, "ms", [pair[1] for pair in created]),
        Figure(f"{EDIT_SCHEDULE} over the API, answered", subject, "ms", [pair[0] for pair in edited]),
        Figure(f"{EDIT_SCHEDULE} over the API, planned", subject, "ms", [pair[1] for pair in edited]),
        Figure(f"{EDIT_SCHEDULE} by an UPDATE, planned", subject, "ms", [pair[1] for pair in rewritten]),
        Figure(TICK, subject, "ms", _idle(carillon)),
    ]


def _changes(carillon: Stack, job: Any, changes: int) -> tuple[list[Any], list[Any], list[Any]]:
    created, edited, rewritten = [], [], []
    for number in range(changes):
        body = {"job": job["id"], "kind": "cron", "expression": f"{number} 0 1 7 *"}
        made: dict[str, Any] = {}
        created.append(_timed(carillon, made, lambda: made.update(carillon.api.post("schedules", body))))  # noqa: B023
        path = f"schedules/{made['id']}"
        edited.append(_timed(carillon, made, lambda: carillon.api.send("PATCH", path, {"expression": "30 0 1 7 *"})))  # noqa: B023
        statement = "UPDATE schedule SET expression = '45 0 1 7 *' WHERE id = %s"
        rewritten.append(_timed(carillon, made, lambda: carillon.query(statement, made["id"])))  # noqa: B023
        carillon.api.send("DELETE", path)
    return created, edited, rewritten


def _timed(carillon: Stack, made: dict[str, Any], act: Callable[[], object]) -> tuple[float, float]:
    """Milliseconds until the answer, and until an engine has planned by it."""
    began = time.time()
    act()
    answered = time.time()
    wait_for(lambda: carillon.value(_PLANNED, made["id"]), 30, "it is planned", every=0.005)
    return 1000 * (answered - began), 1000 * (time.time() - began)


def _idle(carillon: Stack) -> list[float]:
    """Processor milliseconds of the engine and of PostgreSQL in each idle second."""
    engine = costs.tree(carillon.the("engine"))
    found = []
    for _ in range(3):
        before = costs.seconds(engine) + costs.servers(carillon)["PostgreSQL"]
        time.sleep(_IDLE_SECONDS / 3)
        spent = costs.seconds(engine) + costs.servers(carillon)["PostgreSQL"] - before
        found.append(1000 * spent / (_IDLE_SECONDS / 3))
    return found
