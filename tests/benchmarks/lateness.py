"""How late slots start: one schedule on an idle system, and many due at the same second among many stored."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.benchmarks.figures import CARILLON, Figure, Sizes
from tests.benchmarks.measures import LATE, NEW_SCHEDULE, at_once
from tests.benchmarks.rival_beats import BeatRival
from tests.support.stack import Stack, wait_for

_COPY = """
INSERT INTO schedule SELECT (jsonb_populate_record(s, jsonb_build_object('id', uuidv7(), 'expression', %s::text))).*
FROM schedule s, generate_series(1, %s) WHERE s.id = %s
"""
_STARTS = """
SELECT extract(epoch FROM a.started_at - e.scheduled_for)::float8 AS late
FROM execution e JOIN attempt a ON a.execution_id = e.id
WHERE e.job_id = %s AND e.scheduled_for = coalesce(%s, e.scheduled_for) ORDER BY e.scheduled_for
"""
_PLANNED = "SELECT extract(epoch FROM min(created_at))::float8 FROM execution WHERE job_id = %s AND created_at > to_timestamp(%s)"
_AHEAD = "SELECT count(*) FROM execution WHERE job_id = %s AND state IN ('scheduled', 'pending', 'queued', 'running')"
_FIRST_START = "SELECT extract(epoch FROM min(started_at))::float8 FROM execution WHERE job_id = %s"


def measure(carillon: Stack, beats: Sequence[BeatRival], sizes: Sizes) -> list[Figure]:
    figures = [_idle(carillon, sizes.slots)]
    figures += [_at_once(carillon, count, sizes.stored) for count in sizes.at_once]
    figures += _new(carillon, sizes.changes)
    return figures + [figure for beat in beats for figure in beat.measure(sizes)]


def _idle(carillon: Stack, slots: int) -> Figure:
    job = _job(carillon, "each-second", "* * * * * *")
    wait_for(lambda: len(carillon.query(_STARTS, job["id"], None)) >= slots + 2, slots * 2 + 60, "slots have run")
    carillon.api.post(f"jobs/{job['id']}/pause")
    # The first may have been due while its schedule was being made.
    late = [1000 * row.late for row in carillon.query(_STARTS, job["id"], None)][1:]
    return Figure(f"{LATE}, one a second, idle", CARILLON, "ms", late)


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
    return Figure(at_once(count, stored), CARILLON, "ms", late)


def _new(carillon: Stack, changes: int) -> list[Figure]:
    """From before the request until the slot after it is known to the engine, which starts it on time from then on.

    For a new schedule and for an edited one; and until the first run, its own second included, which is
    what can be seen of other schedulers.
    """
    created, edited, first = [], [], []
    for number in range(changes):
        at = time.time()
        job = _job(carillon, f"new-{number}", "* * * * * *")
        created.append(1000 * (_planned_at(carillon, job["id"], at) - at))
        wait_for(lambda: carillon.query(_STARTS, job["id"], None), 30, "it has run")  # noqa: B023 - used at once
        first.append(1000 * (carillon.value(_FIRST_START, job["id"]) - at))
        carillon.api.send("PATCH", f"schedules/{job['schedules'][0]['id']}", {"expression": "0 0 3 1 1 *"})
        wait_for(lambda: carillon.value(_AHEAD, job["id"]) == 0, 30, "what the old rule planned is over")  # noqa: B023
        at = time.time()
        carillon.api.send("PATCH", f"schedules/{job['schedules'][0]['id']}", {"expression": "* * * * * *"})
        edited.append(1000 * (_planned_at(carillon, job["id"], at) - at))
        carillon.api.send("DELETE", f"jobs/{job['id']}")
    return [
        Figure(NEW_SCHEDULE, f"{CARILLON}: planned", "ms", created),
        Figure(NEW_SCHEDULE, f"{CARILLON}: planned, after an edit", "ms", edited),
        Figure(NEW_SCHEDULE, f"{CARILLON}: first run", "ms", first),
    ]


def _planned_at(carillon: Stack, job: str, since: float) -> float:
    planned = wait_for(lambda: carillon.value(_PLANNED, job, since), 30, "its next slot is planned", every=0.02)
    return float(planned)


def _job(carillon: Stack, name: str, expression: str) -> Any:
    schedule = {"kind": "cron", "expression": expression}
    return carillon.api.post("jobs", {"name": name, "type": "dummy", "overlap": "allow", "schedules": [schedule]})


def _planned(carillon: Stack, stored: int) -> None:
    """New schedules are due for planning at once; what is measured is the slot, not their creation."""
    due = "SELECT count(*) FROM schedule WHERE due_at < clock_timestamp() + interval '1 hour'"
    wait_for(lambda: carillon.value(due) == 0, 60 + stored / 500, "all new schedules have been planned", every=0.2)
