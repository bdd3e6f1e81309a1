"""How long live runs wait while a recovery drains behind them.

Two tenants ask for four runs a second, first alone and then while one of them catches up with thousands of missed slots:
schedules by the minute, held for three hours as far as the database knows, whose misfire policy runs them all. What is
taken is the time from an execution's creation to its claim, both by the database's clock.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from tests.benchmarks.figures import CARILLON, Figure, Sizes
from tests.benchmarks.measures import RECOVERY
from tests.support import stack_tenants
from tests.support.stack import Stack, wait_for
from tests.support.stack_api import Api

#: A live run and one that is caught up with take so many seconds.
LIVE, MISSED = 0.02, 0.05
EVERY = 0.25
_WAITS = """
SELECT extract(epoch FROM started_at - created_at)::float8 AS wait FROM execution
WHERE job_id = %s AND operation_id IS NULL AND started_at IS NOT NULL ORDER BY created_at
"""
_COPY = """
INSERT INTO schedule SELECT (jsonb_populate_record(s, jsonb_build_object('id', uuidv7()))).*
FROM schedule s, generate_series(2, %s) WHERE s.id = %s
"""
_OUTAGE = "UPDATE schedule SET planned_until = now() - interval '3 hours', due_at = now() WHERE job_id = %s"
_LEFT = "SELECT count(*) FROM execution WHERE job_id = %s AND state = 'pending'"
_OPERATION = "SELECT id FROM operation WHERE kind = 'recovery' ORDER BY id DESC LIMIT 1"


def measure(carillon: Stack, sizes: Sizes) -> list[Figure]:
    (key,) = stack_tenants.keys(carillon, [{"slug": "beside", "weight": 1, "max_running": None}]).values()
    other = Api(carillon.url, key)
    try:
        return _measured(carillon, (carillon.api, other), sizes)
    finally:
        other.close()


def _measured(carillon: Stack, askers: Sequence[Api], sizes: Sizes) -> list[Figure]:
    jobs = [
        api.post("jobs", {"name": "live", "type": "dummy", "payload": {"duration_seconds": LIVE}})["id"]
        for api in askers
    ]
    _asked(carillon, askers, jobs, 8)
    alone = _asked(carillon, askers, jobs, sizes.live)
    missed, operation = _outage(carillon, sizes.missed)
    before = carillon.value(_LEFT, missed)
    begun = time.time()
    beside = _asked(carillon, askers, jobs, sizes.live)
    drained = (before - carillon.value(_LEFT, missed)) / (time.time() - begun)
    left = carillon.value(_LEFT, missed)
    carillon.api.post(f"operations/{operation}/cancel")
    carillon.api.send("DELETE", f"jobs/{missed}")
    return [
        Figure(RECOVERY, f"{CARILLON}: alone", "ms", alone),
        Figure(RECOVERY, f"{CARILLON}: while {before:,} missed runs drain", "ms", beside),
        Figure(f"{RECOVERY}: missed runs a second meanwhile", CARILLON, "/s", [drained]),
        Figure(f"{RECOVERY}: missed runs still waiting at the end", CARILLON, "", [float(left)]),
    ]


def _outage(carillon: Stack, schedules: int) -> tuple[str, str]:
    """A job with so many schedules by the minute that nobody planned for three hours; its recovery, as quick as may be."""
    start = datetime.now(UTC) - timedelta(hours=4)
    rule = {"kind": "interval", "interval_seconds": 60, "start_at": start.isoformat(), "misfire": "all"}
    payload = {"duration_seconds": MISSED}
    made = carillon.api.post(
        "jobs",
        {"name": "missed", "type": "dummy", "payload": payload, "overlap": "allow", "schedules": [rule]},
    )
    job = str(made["id"])
    carillon.query(_COPY, schedules, made["schedules"][0]["id"])
    carillon.query(_OUTAGE, job)
    wait_for(lambda: carillon.value(_LEFT, job) >= schedules * 150, 60, "the missed slots are planned")
    operation = str(carillon.value(_OPERATION))
    # Its own pace is not what is measured, but what is left to it beside live work.
    carillon.api.send("PATCH", f"operations/{operation}", {"max_active": 100})
    return job, operation


def _asked(carillon: Stack, askers: Sequence[Api], jobs: Sequence[str], runs: int) -> list[float]:
    """Milliseconds each of the runs waited that are asked for now."""
    before = [len(carillon.query(_WAITS, job)) for job in jobs]
    begun = time.time()
    for number in range(runs):
        time.sleep(max(0.0, begun + number * EVERY - time.time()))
        turn = number % len(askers)
        askers[turn].trigger(jobs[turn])
    waits: list[float] = []
    for place, job in enumerate(jobs):
        wanted = len(range(place, runs, len(askers)))
        found = wait_for(
            lambda: (rows := carillon.query(_WAITS, job)[before[place] :])[wanted - 1 :] and rows,  # noqa: B023 - used at once
            120,
            "the runs have started",
        )
        waits += [1000 * row.wait for row in found]
    return waits
