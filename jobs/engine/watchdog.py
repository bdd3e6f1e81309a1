"""Finds what got stuck: executions whose owner is gone, and messages the broker lost.

Runs every few seconds in each engine, in a thread of its own, never behind jobs. Sweeps of two engines
may overlap: every transition is fenced by the epoch it read.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import structlog
from django.conf import settings
from django.db import InterfaceError, OperationalError, transaction

from jobs import sql
from jobs.engine import dispatch, transitions
from jobs.engine.records import Fence, Problem
from jobs.rules import retries, retry_fields
from jobs.rules.codes import Failure

PAGE = 500
REPUBLISH_AT_ONCE = 2000

log = structlog.get_logger(__name__)


def recover_lost() -> int:
    """Retry, cancel or bury every execution whose owner is gone. Returns how many."""
    recovered, after = 0, UUID(int=0)
    # Until then it may be stopping, and telling of it.
    late = settings.CANCEL_GRACE + 4 * settings.LEASE
    while rows := sql.run("lost_owners", after=after, lease=settings.LEASE, late=late, limit=PAGE):
        recovered += sum(_recover_safely(row) for row in rows)
        after = rows[-1].id
    return recovered


def _recover_safely(row: Any) -> bool:
    try:
        with transaction.atomic():
            return _recover(row)
    except (OperationalError, InterfaceError):
        raise  # the database's trouble, not the row's: the next sweep tries again
    except Exception as error:
        # Whatever one row holds must not end the sweep; it is buried, and the others go on.
        log.exception("watchdog.row_failed", execution=str(row.id))
        problem = Problem(code=Failure.CONFIG_INVALID, message=f"cannot be recovered: {error}")
        return bool(transitions.exhaust(_fence(row), problem, attempt_state="lost"))


def _recover(row: Any) -> bool:
    fence = _fence(row)
    if row.cancelled:
        return bool(transitions.acknowledge_cancel(fence, attempt_state="lost"))
    if row.batch_size > 1:
        # Its batch is lost, and nobody knows at which member: each comes again alone, and none is charged with it.
        return bool(transitions.release(fence, attempt_state="lost"))
    problem = Problem(code=Failure.WORKER_LOST, message=_gone(row))
    policy = retry_fields.parse((row.spec or {}).get("retry", {}))
    now = sql.run("clock")[0].now
    answer = retries.next_attempt(
        policy, attempt=row.attempt, crashes=row.crashes + 1, failure_code=Failure.WORKER_LOST, now=now, seed=row.id
    )
    log.warning(
        "execution.lost", execution=str(row.id), attempt=row.attempt, worker=row.worker, crashes=row.crashes + 1
    )
    if isinstance(answer, retries.RetryAt):
        return bool(transitions.retry(fence, problem, delay=answer.at - now, attempt_state="lost", crashes=1))
    return bool(transitions.exhaust(fence, problem, attempt_state="lost", crashes=1))


def _gone(row: Any) -> str:
    if row.is_external:
        return f"the executor {row.worker} has not been heard of for longer than its lease"
    worker = f"worker {row.worker or 'unknown'} (process {row.worker_pid})"
    return f"{worker} has not ended it, and its time has long been over" if row.is_late else f"{worker} is gone"


def _fence(row: Any) -> Fence:
    return Fence(id=row.id, attempt_id=row.attempt_id, epoch=row.epoch)


def disown(executions: Sequence[UUID], *, worker_id: UUID, pid: int) -> None:
    """Give back what of these this process is said to run and does not: a claim whose answer was lost."""
    for row in sql.run("claimed_by", ids=list(executions), worker_id=worker_id, pid=pid):
        transitions.release(_fence(row))


def publish_stranded(client: Any) -> int:
    """Publish again what is queued here but no longer in the broker, oldest first. ``client`` is a Redis client."""
    published = 0
    for queue in sql.run("queued_counts"):
        missing = queue.queued - dispatch.queue_length(client, queue.queue)
        if missing > 0:
            rows = sql.run("publish_again", queue=queue.queue, limit=min(missing, REPUBLISH_AT_ONCE))
            sent = dispatch.publish(queue.queue, [dispatch.Message([row]) for row in rows])
            published += sent
            if sent < len(rows):
                break  # the broker is away
    if published:
        log.warning("broker.published_again", executions=published)
    return published
