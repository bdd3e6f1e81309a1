"""Layered graphs run by two engines and three workers, whose connections somebody kills at random.

One of twenty attempts fails, and is tried again while its job allows it; a third of all claims is lost as if its worker had
been killed. What fails is settled beforehand for each step and attempt, so a plain walk through the graph says what each
step must have come to. CARILLON_GRAPH_STEPS=1000 makes the graph so large; the suite runs the short form.
"""

from __future__ import annotations

import hashlib
import os
import random
import threading
import time
from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

from django.db import Error, connection, transaction

from jobs.engine import admission, transitions, watchdog, workflows
from jobs.engine.admission import Seen
from jobs.engine.transitions import Claim, Ended, Fence, Problem
from tests.support import one, rows
from tests.support import workflows as runs
from tests.support.broker import BrokerQueue
from tests.support.threads import together
from tests.support.workflows import Jobs

STEPS = int(os.environ.get("CARILLON_GRAPH_STEPS", "75"))
LAYER = 12 if STEPS < 500 else 40
RUNS = 2
SECONDS = 300 if STEPS < 500 else 1200
#: Attempts that end between two kills: so there is progress on a slow machine, and many kills on a fast one.
BETWEEN = RUNS * STEPS // 30
ENDED = "SELECT count(*) FROM attempt WHERE finished_at IS NOT NULL"
RULES = ("all_success", "all_success", "all_done", "none_failed", "one_success")
KILL = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE usename = 'carillon_engine' AND datname = current_database() ORDER BY random() LIMIT 1
"""
LEFT = "SELECT 1 FROM workflow_run WHERE finished_at IS NULL LIMIT 1"
PUBLISHED = "SELECT id, attempt FROM execution WHERE state = 'queued' ORDER BY random() LIMIT 4"
#: First start, end, and how many attempts were its own doing, of each step.
STOOD = """
    SELECT e.workflow_run_id, e.step, e.state, e.reason, min(a.started_at), e.finished_at,
        count(a.id) FILTER (WHERE a.state IN ('succeeded', 'failed')), count(a.id) FILTER (WHERE a.state = 'succeeded')
    FROM execution e LEFT JOIN attempt a ON a.execution_id = e.id GROUP BY e.id, 1, 2, 3, 4, 6
"""


@dataclass(frozen=True)
class Layered:
    """Upstreams and rule by step, in an order in which each comes after those before it; and how often each may try."""

    before: dict[str, tuple[str, list[str]]]
    tries: dict[str, int]

    def fails(self, step: str, attempt: int) -> bool:
        """Whether this attempt does, crashes not counted. The root never does."""
        return step != "s0" and hashlib.sha256(f"{step} {attempt}".encode()).digest()[0] < 0.05 * 256

    def attempts(self, step: str) -> int:
        """How many attempts it makes: the last one succeeds, or is the last it has."""
        return next((n for n in range(1, self.tries[step]) if not self.fails(step, n)), self.tries[step])

    def expected(self) -> dict[str, str]:
        """What each step comes to, by nothing but the meaning of the rules."""
        stands: dict[str, str] = {}
        for step, (rule, before) in self.before.items():
            seen = [stands[each] for each in before]
            good, bad = seen.count("succeeded"), len(seen) - seen.count("succeeded")
            starts = {
                "all_success": not bad, "none_failed": not bad, "all_done": True, "one_success": good, "one_failed": bad,
            }[rule]  # fmt: skip
            if starts:
                stands[step] = "failed" if self.fails(step, self.attempts(step)) else "succeeded"
            else:
                stands[step] = "RULE_NOT_MET" if rule == "one_failed" else "DEPENDENCY_FAILED"
        return stands


def layered(steps: int, seed: int) -> Layered:
    """Layers of steps that come after one to three of the layer before; the last ones may wait for a failure."""
    chance = random.Random(seed)
    layers, before, tries = [["s0"]], {"s0": ("all_success", list[str]())}, {"s0": 3}
    for n in range(1, steps):
        if len(layers[-1]) == LAYER or n == 1:
            layers.append([])
        is_last = n >= steps - LAYER // 2
        above = layers[-2]
        step, upstreams = f"s{n}", chance.sample(above, min(len(above), chance.randint(1, 3)))
        before[step] = (chance.choice(RULES), upstreams)
        tries[step] = chance.choice([1, 2, 3])
        layers[-1].append(step)
        if is_last and not is_read(step, before):
            before[step] = (chance.choice((*RULES, "one_failed")), upstreams)
    taken = {each for _, upstreams in before.values() for each in upstreams}
    for step, (rule, upstreams) in before.items():
        if rule == "one_failed" and step in taken:  # its skip would be of another kind than those of failures
            before[step] = ("all_done", upstreams)
    return Layered(before, tries)


def is_read(step: str, before: dict[str, tuple[str, list[str]]]) -> bool:
    return any(step in upstreams for _, upstreams in before.values())


def insisting(action: Any) -> Any:
    """Again and again while the connection is killed under it, as settling does."""
    while True:
        try:
            return action()
        except Error:
            connection.close()


def engine(until: float) -> None:
    seen = Seen()
    while rows.fetch(LEFT) and time.monotonic() < until:
        try:
            admission.admit_all(seen)
            if not workflows.move_on():
                threading.Event().wait(0.01)
        except Error:
            connection.close()


def watch(until: float) -> None:
    """The watchdog, and somebody who shortens every back-off."""
    while rows.fetch(LEFT) and time.monotonic() < until:
        try:
            watchdog.recover_lost()
            rows.change("UPDATE execution SET not_before = now() WHERE state = 'scheduled' AND not_before > now()")
        except Error:
            connection.close()
        threading.Event().wait(0.02)


def work(graph: Layered, names: dict[UUID, str], dead: UUID, seed: int, until: float) -> int:
    """Claims what is published. Returns how many claims it lost."""
    chance, lost, live = random.Random(seed), 0, rows.worker(lease=SECONDS)
    while rows.fetch(LEFT) and time.monotonic() < until:
        published = rows.fetch(PUBLISHED)
        threading.Event().wait(0 if published else 0.01)
        for execution, attempt in published:
            is_lost = chance.random() < 1 / 3
            claim = taken(execution, attempt, live, seed)
            if claim is None:
                continue
            if is_lost and claim.crashes < 2:
                rows.change("UPDATE execution SET worker_id = %s WHERE id = %s", dead, execution)
                lost += 1
            else:
                insisting(partial(settle, graph, names[claim.job_id], claim))
    return lost


def taken(execution: UUID, attempt: int, worker: UUID, pid: int) -> Claim | None:
    """A claim; one whose answer was lost is given back, as the runner does."""
    try:
        return one.claim(execution, attempt=attempt, worker_id=worker, worker="w", pid=pid)
    except Error:
        connection.close()
        insisting(lambda: watchdog.disown([execution], worker_id=worker, pid=pid))
        return None


def settle(graph: Layered, step: str, claim: Claim) -> Ended | None:
    fence = Fence(id=claim.id, attempt_id=claim.attempt_id, epoch=claim.epoch)
    attempt = claim.attempt - claim.crashes
    if not graph.fails(step, attempt):
        return one.succeed(fence, result={"step": step})
    problem = Problem(code="EXECUTION_FAILED", message="as it was to")
    if attempt >= graph.tries[step]:
        return transitions.exhaust(fence, problem)
    return transitions.retry(fence, problem, delay=timedelta())


def kill(until: float) -> int:
    kills, before = 0, 0
    while rows.fetch(LEFT) and time.monotonic() < until:
        ended = rows.fetch(ENDED)[0][0]
        if ended >= before + BETWEEN:
            kills, before = kills + len(rows.fetch(KILL)), ended
        threading.Event().wait(random.random() * 0.02)
    return kills


def test_each_step_of_large_graphs_runs_once_and_after_those_before_it(queue: BrokerQueue) -> None:
    graph = layered(STEPS, seed=5)
    jobs = Jobs(queue_id=queue.name)
    for step, (rule, upstreams) in graph.before.items():
        for upstream in upstreams:
            jobs.edge(upstream, step, rule)
    names = {jobs[step][0]: step for step in graph.before}
    rows.worker(queues=(queue.name,), concurrency=20, lease=SECONDS)
    dead = rows.dead_worker()
    with transaction.atomic():
        transitions.create([runs.new(jobs["s0"], queue_id=queue.name) for _ in range(RUNS)])
    until = time.monotonic() + SECONDS
    *lost, kills = together(
        [
            *(partial(engine, until) for _ in range(2)),
            partial(watch, until),
            *(partial(work, graph, names, dead, seed, until) for seed in range(3)),
            partial(kill, until),
        ]
    )
    check(graph)
    assert rows.fetch("SELECT count(*) FROM workflow_run WHERE finished_at IS NOT NULL") == [(RUNS,)]
    assert runs.untold() == []
    assert kills > 3
    assert sum(each or 0 for each in lost) > RUNS * STEPS / 10


def check(graph: Layered) -> None:
    """Every run has come to what was to be expected, each step once and in time."""
    expected = graph.expected()
    found = rows.fetch(STOOD)
    assert len(found) == RUNS * len(expected)
    by_run: dict[Any, dict[str, Any]] = {}
    for run, step, *stood in found:
        assert by_run.setdefault(run, {}).setdefault(step, stood) is stood
    for steps in by_run.values():
        assert {step: reason or state for step, (state, reason, *_) in steps.items()} == expected
        for step, (rule, upstreams) in graph.before.items():
            state, _, began, _, own, succeeded = steps[step]
            ran = state in ("succeeded", "failed")
            assert own == (graph.attempts(step) if ran else 0), step
            assert succeeded == (state == "succeeded"), step
            if ran and upstreams:
                ends = sorted(
                    steps[each][3] for each in upstreams
                    if rule != "one_failed" or steps[each][0] != "succeeded"
                    if rule != "one_success" or steps[each][0] == "succeeded"
                )  # fmt: skip
                assert began >= (ends[0] if rule.startswith("one") else ends[-1]), step
    assert Counter(expected.values())["DEPENDENCY_FAILED"] > 0
    assert Counter(expected.values())["failed"] > 0
