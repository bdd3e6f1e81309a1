"""Notices that this worker has gone deaf: messages wait, hands are free, and yet none is taken.

After a broken connection a Celery worker may look alive, answer pings and consume nothing more. A
message sent only to see whether it is taken would say the same for a worker that is merely busy; the
real ones that wait, beside a free slot, leave no doubt. A deaf worker ends, and whoever started it
starts another. A broker may hang as well, so this is asked in a thread of its own: see :mod:`tasks.warden`.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Sequence
from typing import Any

import redis
import structlog

from jobs.engine import dispatch
from jobs.engine.leases import Lease, boot_time

LOOK_EVERY = 5.0
ASK_EVERY = 1.0
#: Looks in a row at which nothing was taken, although something waited and somebody was free.
PATIENCE = 3

log = structlog.get_logger(__name__)


class Hearing:
    """``taken`` counts the messages ever taken, ``busy`` the slots in use now."""

    def __init__(
        self,
        client: Any,
        *,
        queues: Sequence[str],
        slots: int,
        taken: Callable[[], int],
        busy: Callable[[], int],
    ) -> None:
        self._client = client
        self._queues = queues
        self._slots = slots
        self._taken = taken
        self._busy = busy
        self._looked_at = boot_time()
        self._taken_before = taken()
        self._silences = 0

    def is_deaf(self) -> bool:
        """To be asked often; it looks every five seconds."""
        if boot_time() - self._looked_at < LOOK_EVERY:
            return False
        self._looked_at = boot_time()
        taken, before = self._taken(), self._taken_before
        self._taken_before = taken
        silent = taken == before and self._busy() < self._slots and self._waiting()
        self._silences = self._silences + 1 if silent else 0
        return self._silences >= PATIENCE

    def _waiting(self) -> bool:
        try:
            return any(dispatch.queue_length(self._client, queue) for queue in self._queues)
        except redis.RedisError:
            return False  # away: nobody hears anything


class Listener(threading.Thread):
    """Has this worker end once it is deaf."""

    def __init__(self, lease: Lease, *, is_deaf: Callable[[], bool]) -> None:
        super().__init__(name="carillon-listener", daemon=True)
        self._lease = lease
        self._is_deaf = is_deaf
        self._stopping = threading.Event()

    def stop(self) -> None:
        """End the thread."""
        self._stopping.set()

    def run(self) -> None:
        while not self._stopping.wait(ASK_EVERY):
            try:
                self.look()
            except Exception:
                # Whatever it is, a worker that nobody finds deaf would be the worse answer.
                log.exception("listener.failed")

    def look(self) -> None:
        """Do what is due."""
        if not self._lease.draining and self._is_deaf():
            log.error("worker.deaf", why="messages wait and slots are free, and it takes none: it ends")
            os.kill(os.getpid(), signal.SIGTERM)
