"""The way to the broker: the only module of the domain that knows Celery, and it knows task names only."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
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
#: Redis has no priorities: each of these is a list of its own, emptied in this order.
FRONT, BEHIND = 0, 9
PRIORITY_MARK = "\x06\x16"

log = structlog.get_logger(__name__)


def celery_queue(queue: str) -> str:
    """The Celery queue of a Carillon queue."""
    return PREFIX + queue


def ring_after_commit() -> None:
    """Wake the engine once the open transaction has committed. Failing is harmless: it looks once a second anyway."""
    transaction.on_commit(ring, robust=True)


def ring() -> None:
    """Wake the engine now. Whoever rings goes on at once: see :class:`Bell`."""
    bell.ring(partial(_send, RING, args=[], queue=ENGINE_QUEUE, expires=15, by=current_app.send_task))


class Bell:
    """Rings from a thread of its own, begun at the first ring: a broker that hangs is waited for by nobody else.

    Many who ring meanwhile are heard by one more ring.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._wanted: Callable[[], object] | None = None
        self._sending = False
        self._begun = False

    @property
    def is_ringing(self) -> bool:
        """Whether a ring is on its way."""
        with self._changed:
            return self._sending or self._wanted is not None

    def ring(self, send: Callable[[], object]) -> None:
        """Soon."""
        with self._changed:
            self._wanted = send
            if not self._begun:
                threading.Thread(target=self._run, name="carillon-bell", daemon=True).start()
                self._begun = True
            self._changed.notify()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._sending = False
                self._changed.wait_for(lambda: self._wanted)
                send, self._wanted, self._sending = self._wanted, None, True
            try:
                send()  # type: ignore[misc]
            except Exception:
                # Whatever it is, a bell that is never heard again would be the worse answer.
                log.exception("broker.not_rung")


bell = Bell()


def _after_fork() -> None:
    global bell  # noqa: PLW0603 - threads stay behind, and so may the lock of one
    bell = Bell()


os.register_at_fork(after_in_child=_after_fork)


@dataclass(frozen=True, slots=True)
class Message:
    """Rows (id, attempt, timeout_seconds) that travel together; ``behind`` whatever else waits in the broker."""

    rows: Sequence[Any]
    behind: bool = False


def publish(queue: str, messages: Iterable[Message]) -> int:
    """Send messages to a queue; returns how many.

    Stops at the first failure: rows not published stay queued, and the watchdog publishes them again.
    The broker's own time limit is a backstop behind the runner's deadline and its grace.
    """
    published = 0
    margin = settings.CANCEL_GRACE.total_seconds() + 10
    for message in messages:
        members: list[list[list[Any]]] = [[[str(row.id), row.attempt] for row in message.rows]]
        # No member but the last may hold up the others for longer than a second.
        limit = max(row.timeout_seconds for row in message.rows) + len(message.rows) + margin
        priority = BEHIND if message.behind else FRONT
        if not _send(EXECUTE, args=members, queue=celery_queue(queue), time_limit=limit, priority=priority):
            break
        published += 1
    return published


def _send(task: str, *, by: Callable[..., Any] | None = None, **options: Any) -> bool:
    try:
        (by or current_app.send_task)(task, ignore_result=True, retry=False, **options)
    except (BrokerError, OSError) as error:
        log.warning("broker.unreachable", task=task, problem=str(error))
        return False
    return True


def queue_length(client: Any, queue: str) -> int:
    """Messages the broker holds for a queue and nobody has taken."""
    return sum(int(client.llen(name)) for name in broker_lists(queue))


def broker_lists(queue: str) -> list[str]:
    """The Redis lists of a queue, in the order in which they are emptied."""
    return [celery_queue(queue), f"{celery_queue(queue)}{PRIORITY_MARK}{BEHIND}"]


def member_ids(members: Iterable[tuple[str, int]]) -> list[tuple[UUID, int]]:
    """A message's members, checked: whoever writes to the broker can at most name rows."""
    return [(UUID(str(execution_id)), int(attempt)) for execution_id, attempt in members]
