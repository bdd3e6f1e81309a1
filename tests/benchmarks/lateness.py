"""How late slots start: one schedule on an idle system, and many due at the same second among many stored."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from tests.benchmarks.figures import CARILLON, Figure, Sizes
from tests.support.stack import Stack, wait_for

MEASURE = "slot to start"
_COPY = """
INSERT INTO schedule SELECT (jsonb_populate_record(s, jsonb_build_object('id', uuidv7(), 'expression', %s::text))).*
FROM schedule s, generate_series(1, %s) WHERE s.id = %s
"""
_STARTS = """
SELECT extract(epoch FROM a.started_at - e.scheduled_for)::float8 AS late
FROM execution e JOIN attempt a ON a.execution_id = e.id
WHERE e.job_id = %s AND e.scheduled_for = coalesce(%s, e.scheduled_for) ORDER BY e.scheduled_for
"""


def measure(carillon: Stack, sizes: Sizes) -> list[Figure]:
    figures = [_idle(carillon, sizes.slots)]
    figures += [_at_once(carillon, count, sizes.stored) for count in sizes.at_once]
    return figures


def _idle(carillon: Stack, slots: int) -> Figure:
    job = _job(carillon, "each-second", "* * * * * *")
    wait_for(lambda: len(carillon.query(_STARTS, job["id"], None)) >= slots + 2, slots * 2 + 60, "slots have run")
    carillon.api.post(f"jobs/{job['id']}/pause")
    # The first may have been due while its schedule was being made.
    late = [1000 * row.late for row in carillon.query(_STARTS, job["id"], None)][1:]
    return Figure(f"{MEASURE}, one a second, idle", CARILLON, "ms", late)


def _at_once(carillon: Stack, count: int, stored: int) -> Figure:
    job = _job(carillon, f"at-once-{count}", "0 0 3 1 1 *")
    original = job["schedules"][0]["id"]
    carillon.query(_COPY, "0 0 3 1 1 *", stored - count, original)
    _planned(carillon, stored)
    slot = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=6 + count / 500)
    expression = f"{slot.second} {slot.minute} {slot.hour} * * *"
    carillon.query(_COPY, expression, count, original)
    wait_for(lambda: len(carillon.query(_STARTS, job["id"], slot)) == count, 180, f"{count} have run", every=0.5)
    late = [1000 * row.late for row in carillon.query(_STARTS, job["id"], slot)]
    carillon.api.send("DELETE", f"jobs/{job['id']}")
    return Figure(f"{MEASURE}, {count:,} at once among {stored:,} stored", CARILLON, "ms", late)


def _job(carillon: Stack, name: str, expression: str) -> Any:
    schedule = {"kind": "cron", "expression": expression}
    return carillon.api.post("jobs", {"name": name, "type": "dummy", "overlap": "allow", "schedules": [schedule]})


def _planned(carillon: Stack, stored: int) -> None:
    """New schedules are due for planning at once; what is measured is the slot, not their creation."""
    due = "SELECT count(*) FROM schedule WHERE due_at < clock_timestamp() + interval '1 hour'"
    wait_for(lambda: carillon.value(due) == 0, 60 + stored / 500, "all new schedules have been planned", every=0.2)
