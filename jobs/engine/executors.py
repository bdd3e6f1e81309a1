"""What the engine does for executors: lets so much into their queues as they have places for, and ends what they do not.

An executor claims over HTTP, and finds what is queued in the database: nothing of it is published. How many lie there
queued is a matter of each tenant and of what its executors can do, not of a queue's window: those of a tenant whose
executors are all busy or away, or can do something else, are parked under what they need. So is what goes behind live
work, beyond a share of its tenant's own places.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import structlog
from django.conf import settings
from django.db import transaction

from jobs import sql
from jobs.engine import leases, transitions
from jobs.engine.records import Fence, Problem
from jobs.rules import retries, retry_fields
from jobs.rules.codes import Failure

#: What stands ready is looked at in pages of so many, and so many are admitted in a round.
PAGE, AT_ONCE = 2000, 1000
OVERDUE = 500

log = structlog.get_logger(__name__)


def beat_every() -> float:
    """Seconds from one heartbeat to the next: a wish to cancel waits that long at most."""
    return min(leases.renew_every(), 2.0)


def admit(queue: Any) -> tuple[int, int]:
    """Queue what executors have places for. Returns how many, and how many were parked or let go."""
    woken = len(sql.run("wake_served", queue=queue.queue))
    parked = len(sql.run("park_unserved", queue=queue.queue, limit=PAGE))
    room = AT_ONCE if queue.room is None else min(AT_ONCE, queue.room)
    if not queue.slots or room <= 0:
        return 0, parked
    rows, held = transitions.admit(queue=queue.queue, room=room)  # behind live work is what was let go above
    return len(rows), woken + parked + held


def end_overdue() -> int:
    """End what executors should have ended: out of time, or cancelled and past its grace. Returns how many."""
    grace = timedelta(seconds=beat_every()) + settings.CANCEL_GRACE
    return sum(_ended_safely(row) for row in sql.run("overdue_claims", grace=grace, limit=OVERDUE))


def _ended_safely(row: Any) -> bool:
    fence = Fence(id=row.id, attempt_id=row.attempt_id, epoch=row.epoch)
    try:
        with transaction.atomic():
            return bool(transitions.acknowledge_cancel(fence) if row.cancelled else _out_of_time(fence, row))
    except retry_fields.InvalidRetry as error:
        return bool(transitions.exhaust(fence, Problem(code=Failure.CONFIG_INVALID, message=str(error))))


def _out_of_time(fence: Fence, row: Any) -> Any:
    """Tried again as its policy says; its executor finds its claim to be over."""
    limit = "max_total_seconds" if row.used_up else "timeout_seconds"
    message = f"the executor {row.worker} had not ended it in time: raise {limit}, or make it faster"
    problem = Problem(code=Failure.TIMEOUT, message=message)
    log.warning("execution.overdue", execution=str(row.id), attempt=row.attempt, executor=row.worker)
    now = sql.run("clock")[0].now
    policy = retry_fields.parse((row.spec or {}).get("retry", {}))
    answer = retries.next_attempt(
        policy, attempt=row.attempt, crashes=row.crashes, failure_code=Failure.TIMEOUT, now=now, seed=row.id
    )
    if isinstance(answer, retries.RetryAt) and not row.used_up:
        return transitions.retry(fence, problem, delay=answer.at - now)
    return transitions.exhaust(fence, problem)
