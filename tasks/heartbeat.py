"""The worker's main process: renews the lease, and lets go of what it may no longer run.

A thread with its own connection looks once a second at the live children; it renews every ten
seconds, and at once when a child has come or gone, so a crashed child's execution is found within one
sweep. If the lease cannot be renewed in time, whatever runs is killed: others may be running it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Sequence

import structlog
from django.db import Error, connection

from jobs.engine.leases import RENEW_EVERY, Lease, boot_time

LOOK_EVERY = 1.0

log = structlog.get_logger(__name__)


class Heartbeat(threading.Thread):
    """``children`` lists the processes that run attempts, ``busy`` those that run one now.

    ``overdue`` says that this worker was told to end and should have, ``deaf`` that it must be told to.
    """

    def __init__(
        self,
        lease: Lease,
        *,
        children: Callable[[], Sequence[int]],
        busy: Callable[[], Sequence[int]],
        overdue: Callable[[], bool] = lambda: False,
        deaf: Callable[[], bool] = lambda: False,
    ) -> None:
        super().__init__(name="carillon-heartbeat", daemon=True)
        self._lease = lease
        self._children = children
        self._busy = busy
        self._overdue = overdue
        self._deaf = deaf
        self._stopping = threading.Event()
        self._told: tuple[bool, list[int]] = (False, [])
        self._renewed_at = 0.0

    def stop(self) -> None:
        """End the thread, then the lease."""
        self._stopping.set()

    def run(self) -> None:
        while True:
            self._beat()
            if not self._lease.draining and self._deaf():
                log.error("worker.deaf", why="messages wait and slots are free, and it takes none: it ends")
                os.kill(os.getpid(), signal.SIGTERM)
            if self._overdue():
                log.error("worker.overdue", pid=os.getpid())
                self._end()
                os.kill(os.getpid(), signal.SIGKILL)
            if self._stopping.wait(LOOK_EVERY):
                break
        self._end()

    def _beat(self) -> None:
        now = (self._lease.draining, sorted(self._children()))
        if now == self._told and boot_time() - self._renewed_at < RENEW_EVERY:
            return
        try:
            self._lease.renew(now[1])
        except Error as error:
            log.warning("lease.not_renewed", problem=str(error))
            connection.close()
            self._let_go()
            return
        self._told, self._renewed_at = now, boot_time()

    def _let_go(self) -> None:
        if self._lease.is_trusted or not self._renewed_at:
            return
        for pid in self._busy():
            log.error("lease.lost", killed=pid)
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def _end(self) -> None:
        try:
            self._lease.end()
        except Error as error:
            log.warning("lease.not_ended", problem=str(error))
        connection.close()
