"""However many engines admit while executions end: no cap is ever exceeded, and all of them get their turn."""

from __future__ import annotations

import random
import time
from datetime import timedelta
from functools import partial
from uuid import uuid4

from jobs.engine import admission, transitions
from jobs.engine.admission import Seen
from jobs.engine.records import Fence, Problem
from jobs.rules.states import State
from tests.support import many, one, rows
from tests.support.broker import BrokerQueue
from tests.support.threads import together

SECONDS = 300
OVERFULL = """
    SELECT 'tenant', t.id FROM tenant t WHERE t.max_running <
        (SELECT count(*) FROM execution e WHERE e.tenant_id = t.id AND e.state IN ('queued', 'running'))
    UNION ALL
    SELECT 'job', j.id FROM job j WHERE j.max_running <
        (SELECT count(*) FROM execution e WHERE e.job_id = j.id AND e.state IN ('queued', 'running'))
    UNION ALL
    SELECT 'slots', j.id FROM job j WHERE j.overlap <> 'allow' AND 1 <
        (SELECT count(*) FROM execution e WHERE e.job_id = j.id AND e.trigger = 'schedule' AND e.state IN ('queued', 'running'))
    UNION ALL
    SELECT 'queue', NULL FROM queue q WHERE q.max_running <
        (SELECT count(*) FROM execution e WHERE e.queue_id = q.name AND e.state IN ('queued', 'running'))
"""
LEFT = "SELECT 1 FROM execution WHERE finished_at IS NULL LIMIT 1"


def arrange(queue: BrokerQueue) -> None:
    rows.worker(queues=(queue.name,), concurrency=12)
    rows.change("UPDATE queue SET max_running = 14 WHERE name = %s", queue.name)
    small, large = rows.tenant(max_running=3), rows.tenant(max_running=8)
    for tenant in (small, large, rows.tenant()):
        many.executions(rows.job(tenant), 15, State.PENDING, queue_id=queue.name)
        many.executions(rows.job(tenant, max_running=2), 15, State.SCHEDULED, queue_id=queue.name)
        slots = {"trigger": "schedule", "scheduled_for": rows.now() - timedelta(hours=1)}
        many.executions(rows.job(tenant, overlap="queue_one"), 10, State.SCHEDULED, queue_id=queue.name, **slots)


def look(violations: list[object]) -> None:
    violations += rows.fetch(OVERFULL)


def admit(violations: list[object]) -> None:
    seen, until = Seen(), time.monotonic() + SECONDS
    while rows.fetch(LEFT) and time.monotonic() < until:
        admission.admit_all(seen)
        look(violations)


def work(queue: BrokerQueue, violations: list[object], seed: int) -> None:
    """Claim what is published; most succeed, some are given back, some fail and are tried again at once."""
    chance, until = random.Random(seed), time.monotonic() + SECONDS
    while rows.fetch(LEFT) and time.monotonic() < until:
        for message in queue.take(chance.randint(1, 4)):
            attempt = rows.fetch("SELECT attempt FROM execution WHERE id = %s", message)[0][0]
            claim = one.claim(message, attempt=attempt, worker_id=uuid4(), worker="w", pid=1)
            assert claim is not None, "published twice, or to somebody else too"
            look(violations)
            settle(Fence(id=claim.id, attempt_id=claim.attempt_id, epoch=claim.epoch), chance.random())


def settle(fence: Fence, draw: float) -> None:
    if draw < 0.7:
        one.succeed(fence)
    elif draw < 0.85:
        transitions.release(fence)
    else:
        transitions.retry(fence, Problem(code="EXECUTION_FAILED"), delay=timedelta())


def test_caps_hold_after_every_commit_while_engines_admit_and_executions_end(queue):
    arrange(queue)
    violations: list[object] = []
    together([partial(admit, violations) for _ in range(3)] + [partial(work, queue, violations, n) for n in (1, 2)])
    assert violations == []
    assert rows.fetch("SELECT state, count(*) FROM execution GROUP BY 1") == [(State.SUCCEEDED, 120)]
