"""Notices that this worker has gone deaf: messages wait, hands are free, and yet none is taken.

After a broken connection a Celery worker may look alive, answer pings and consume nothing more. A
message sent only to see whether it is taken would say the same for a worker that is merely busy; the
real ones that wait, beside a free slot, leave no doubt. A deaf worker ends, and whoever started it
starts another.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import redis

from jobs.engine import dispatch
from jobs.engine.leases import boot_time

LOOK_EVERY = 5.0
#: Looks in a row at which nothing was taken, although something waited and somebody was free.
PATIENCE = 3


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
