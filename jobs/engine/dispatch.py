"""The way to the broker: the only module of the domain that knows Celery, and it knows task names only."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

import structlog
from celery import current_app
from django.conf import settings
from django.db import transaction
from kombu.exceptions import OperationalError as BrokerError

RING = "tasks.dispatch.tick"
EXECUTE = "tasks.run.execute"
ENGINE_QUEUE = "engine"
#: No name a tenant or operator chooses can meet one of our own queues.
PREFIX = "jobs."

log = structlog.get_logger(__name__)


def celery_queue(queue: str) -> str:
    """The Celery queue of a Carillon queue."""
    return PREFIX + queue


def ring_after_commit() -> None:
    """Wake the engine once the open transaction has committed. Failing is harmless: it looks once a second anyway."""
    transaction.on_commit(ring, robust=True)


def ring() -> None:
    """Wake the engine now."""
    _send(RING, args=[], queue=ENGINE_QUEUE, expires=15)


def publish(queue: str, rows: Iterable[Any]) -> int:
    """One message for each row (id, attempt, timeout_seconds); a list of members each, one member as a rule.

    Stops at the first failure: rows not published stay queued, and the watchdog publishes them again.
    The broker's own time limit is a backstop behind the runner's deadline and its grace.
    """
    published = 0
    margin = settings.CANCEL_GRACE.total_seconds() + 10
    for row in rows:
        members: list[list[list[Any]]] = [[[str(row.id), row.attempt]]]
        if not _send(EXECUTE, args=members, queue=celery_queue(queue), time_limit=row.timeout_seconds + margin):
            break
        published += 1
    return published


def _send(task: str, **options: Any) -> bool:
    try:
        current_app.send_task(task, ignore_result=True, retry=False, **options)
    except (BrokerError, OSError) as error:
        log.warning("broker.unreachable", task=task, problem=str(error))
        return False
    return True


def queue_length(client: Any, queue: str) -> int:
    """Messages the broker holds for a queue and nobody has taken."""
    return int(client.llen(celery_queue(queue)))


def member_ids(members: Iterable[tuple[str, int]]) -> list[tuple[UUID, int]]:
    """A message's members, checked: whoever writes to the broker can at most name rows."""
    return [(UUID(str(execution_id)), int(attempt)) for execution_id, attempt in members]
