"""The worker's main process renews the lease for all that it runs.

A thread with its own connection looks once a second at the live children; it renews three
times a lease, and at once when a child has come or gone, so a crashed child's execution is found within
one sweep. What becomes of a worker that cannot renew is :mod:`tasks.warden`'s to see to.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

import structlog
from django.db import Error, connection

from jobs.engine.leases import Lease, boot_time, renew_every

LOOK_EVERY = 1.0

log = structlog.get_logger(__name__)


class Heartbeat(threading.Thread):
    """``children`` lists the processes that run attempts."""

    def __init__(self, lease: Lease, *, children: Callable[[], Sequence[int]]) -> None:
        super().__init__(name="carillon-heartbeat", daemon=True)
        self._lease = lease
        self._children = children
        self._stopping = threading.Event()
        self._told: tuple[bool, list[int]] = (False, [])
        self._renewed_at = 0.0

    def stop(self) -> None:
        """End the thread, then the lease."""
        self._stopping.set()

    def run(self) -> None:
        while True:
            self._safe_beat()
            if self._stopping.wait(LOOK_EVERY):
                break
        self._end()

    def _safe_beat(self) -> None:
        try:
            self._beat()
        except Exception:
            # Whatever it is, a worker that goes on to claim without a lease would be the worse answer.
            log.exception("lease.not_renewed")
            connection.close()

    def _beat(self) -> None:
        now = (self._lease.draining, sorted(self._children()))
        if now == self._told and boot_time() - self._renewed_at < renew_every():
            return
        try:
            self._lease.renew(now[1])
        except Error as error:
            log.warning("lease.not_renewed", problem=str(error))
            connection.close()
            return
        self._told, self._renewed_at = now, boot_time()

    def _end(self) -> None:
        try:
            self._lease.end()
        except Error as error:
            log.warning("lease.not_ended", problem=str(error))
        connection.close()
