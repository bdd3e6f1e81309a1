"""Workflow runs of random graphs on real processes, of which workers and engines are killed all the time.

CARILLON_RANDOM_RUNS=10000 makes it so many; the suite runs a few. When nobody kills any more, forty seconds later nothing is
in flight that no living worker owns, and nothing is parked under a cap that has room.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Mapping, Sequence
from typing import Any

from tests.support.stack import Stack, wait_for

RUNS = int(os.environ.get("CARILLON_RANDOM_RUNS", "24"))
SHAPES, STEPS = (2, 5) if RUNS < 1000 else (12, 4)
#: Seconds between two kills, and for all of it.
BETWEEN, PATIENCE = 4.0 if RUNS < 1000 else 10.0, 180.0 + RUNS * 0.4
BATCH = 100
RULES = ("all_success", "all_done", "none_failed", "one_success")
#: Any of a run's steps that ran twice to success, or began before one that it waits for all of had ended.
DOUBLED = """
    SELECT execution_id FROM attempt WHERE state = 'succeeded' GROUP BY execution_id HAVING count(*) > 1
    UNION ALL
    SELECT min(id::text)::uuid FROM execution WHERE workflow_run_id IS NOT NULL GROUP BY workflow_run_id, step HAVING count(*) > 1
"""
TOO_EARLY = """
    SELECT me.id FROM workflow_run w CROSS JOIN LATERAL jsonb_each(w.graph -> 'steps') s
    CROSS JOIN LATERAL jsonb_array_elements(s.value -> 'upstreams') u
    JOIN execution me ON me.workflow_run_id = w.id AND me.step = s.key
    JOIN execution before ON before.workflow_run_id = w.id AND before.step = u ->> 'step'
    WHERE u ->> 'rule' <> 'one_success'
        AND (SELECT min(started_at) FROM attempt a WHERE a.execution_id = me.id) < before.finished_at
"""
ORPHANED = """
    SELECT e.id FROM execution e LEFT JOIN worker w ON w.id = e.worker_id
    WHERE e.state = 'running' AND (w.id IS NULL OR w.lease_expires_at <= now())
"""
PARKED = """
    SELECT DISTINCT e.waiting_on FROM execution e JOIN job j ON e.waiting_on = 'job:' || j.id
    WHERE e.state = 'pending' AND j.max_running > (
        SELECT count(*) FROM execution f WHERE f.job_id = j.id AND f.state IN ('queued', 'running'))
"""


def test_runs_of_random_graphs_survive_the_death_of_workers_and_engines(brief_lease: float, carillon: Stack) -> None:
    shapes = [_shape(carillon, random.Random(seed), f"g{seed}") for seed in range(SHAPES)]
    carillon.query("UPDATE tenant SET max_unfinished = 1000000")
    until = time.monotonic() + PATIENCE
    killer = _Killer(carillon)
    for first in range(0, RUNS, BATCH):
        wanted = [{"job": shapes[n % SHAPES]["root"]} for n in range(first, min(first + BATCH, RUNS))]
        carillon.api.post("executions/batch", {"executions": wanted})
        killer.look()
    while min(killer.killed.values()) < 2 or _left(carillon) > RUNS / 4:
        assert time.monotonic() < until, f"{_left(carillon)} runs have not ended, {killer.killed}"
        killer.look()
        time.sleep(0.1)
    wait_for(lambda: not carillon.query(ORPHANED), 40, "nothing is in flight that no worker owns")
    wait_for(lambda: not carillon.query(PARKED), 40, "nothing is parked under a cap that has room")
    wait_for(lambda: not _left(carillon), until - time.monotonic(), "all runs have ended")
    assert carillon.query(DOUBLED) == []
    assert carillon.query(TOO_EARLY) == []
    counted = carillon.query("SELECT root_job_id, state, count(*) AS total FROM workflow_run GROUP BY 1, 2")
    assert sum(row.total for row in counted) == RUNS
    assert {row.state for row in counted} <= {"succeeded", "failed"}
    for shape in shapes:
        _check_steps(carillon, shape)


def _shape(carillon: Stack, chance: random.Random, name: str) -> Mapping[str, Any]:
    """A graph of dummies below one root; one of twenty attempts fails, and some have room for few at once."""
    names = [f"{name}-{n}" for n in range(STEPS)]
    upstreams: dict[str, Sequence[str]] = {names[0]: []}
    for n, step in enumerate(names):
        payload = {"duration_seconds": chance.choice([0, 0, 0, 0.05]), "fail_rate": 0.05 if n else 0}
        retry = {"max_attempts": 3, "delay_seconds": 0.1, "backoff": "fixed"}
        cap = {"max_running": chance.choice([1, 2, 5])} if n % 3 == 2 else {}
        carillon.api.post("jobs", {"name": step, "type": "dummy", "payload": payload, "retry": retry, **cap})
    for n, step in enumerate(names[1:], start=1):
        upstreams[step] = chance.sample(names[:n], min(n, chance.randint(1, 2)))
        for upstream in upstreams[step]:
            edge = {"upstream": upstream, "downstream": step, "trigger_rule": chance.choice(RULES)}
            carillon.api.post("dependencies", edge)
    return {"root": names[0], "upstreams": upstreams}


class _Killer:
    """Now a worker dies, now an engine, each put back at once. Processes live as long as the thread that started them, so this
    is done by the test's own."""

    def __init__(self, carillon: Stack) -> None:
        self._carillon, self._chance, self._next = carillon, random.Random(11), time.monotonic() + BETWEEN
        self.killed = {"worker": 0, "engine": 0}

    def look(self) -> None:
        """Kill one if it is time to."""
        if time.monotonic() < self._next:
            return
        role = self._chance.choice(sorted(self.killed))
        self._carillon.kill(role)
        self.killed[role] += 1
        self._carillon.start(role)
        self._next = time.monotonic() + BETWEEN


def _left(carillon: Stack) -> int:
    found: int = carillon.value("SELECT count(*) FROM workflow_run WHERE finished_at IS NULL")
    return found


def _check_steps(carillon: Stack, shape: Mapping[str, Any]) -> None:
    """Every run has one execution of each step, ended."""
    found = carillon.query(
        "SELECT step, count(*) AS total, count(finished_at) AS ended, count(DISTINCT workflow_run_id) AS runs FROM execution"
        " WHERE step = ANY(%s) AND workflow_run_id IS NOT NULL GROUP BY step",
        list(shape["upstreams"]),
    )
    assert {row.step for row in found} == set(shape["upstreams"])
    assert all(row.total == row.ended == row.runs for row in found)
