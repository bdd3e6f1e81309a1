"""Ends what this worker must no longer run, and this worker itself when it must go.

A thread of the main process that talks to neither database nor broker, so that one which neither answers
nor fails cannot hold it up: a lease that could not be renewed in time is over all the same, and others may be
running what runs here.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Sequence

import structlog

from jobs.engine.leases import Lease

LOOK_EVERY = 1.0

log = structlog.get_logger(__name__)


class Warden(threading.Thread):
    """``busy`` lists the processes that run an attempt now, ``overdue`` says that this worker was told to end and should have."""

    def __init__(self, lease: Lease, *, busy: Callable[[], Sequence[int]], overdue: Callable[[], bool]) -> None:
        super().__init__(name="carillon-warden", daemon=True)
        self._lease = lease
        self._busy = busy
        self._overdue = overdue
        self._stopping = threading.Event()

    def stop(self) -> None:
        """End the thread."""
        self._stopping.set()

    def run(self) -> None:
        while not self._stopping.wait(LOOK_EVERY):
            try:
                self.look()
            except Exception:
                # Whatever it is, a worker that runs on without a lease would be the worse answer.
                log.exception("warden.failed")

    def look(self) -> None:
        """Do what is due."""
        if self._lease.trusted_until and not self._lease.is_trusted:
            for pid in self._busy():
                log.error("lease.lost", killed=pid)
                _kill(pid, signal.SIGKILL)
        if self._overdue():
            log.error("worker.overdue", why="it was told to end, and time and grace are over")
            _kill(os.getpid(), signal.SIGKILL)


def _kill(pid: int, sign: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, sign)
