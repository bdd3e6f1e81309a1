"""The thread beside a running attempt: stores its log as it comes, and stops it when it must stop.

One per worker child, resident, with its own connection. Five times a second it flushes the log; once a
second it asks whether the claim still holds and whether somebody wants it cancelled; it knows the
deadline and the drain. To stop an attempt it raises an :class:`jobs.handlers.Interrupted` in the
child's main thread, by a signal to that thread. A handler that has not stopped after its grace is
settled from here (the outcome is written) and its process killed.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import structlog
from django.conf import settings
from django.db import Error, connection

from jobs import sql
from jobs.engine.leases import boot_time
from jobs.handlers import Cancelled, Interrupted, LeaseLost, Released, TimedOut
from tasks.journal import Journal

SIGNAL = signal.SIGUSR2
FLUSH_EVERY = 0.2
ASK_EVERY = 1.0

log = structlog.get_logger(__name__)


class Attended:
    """One attempt under attendance. ``settle`` writes the outcome of an interruption, from any thread."""

    def __init__(
        self,
        *,
        fence: Any,
        journal: Journal,
        deadline: float,
        drain_at: Callable[[], float | None],
        settle: Callable[[Interrupted], None],
    ) -> None:
        self.fence = fence
        self.journal = journal
        self.deadline = deadline
        self.drain_at = drain_at
        self.settle = settle
        self.interruption: Interrupted | None = None
        self.armed = False
        self.asked_at = boot_time()
        self.interrupted_at = 0.0


class Attendant(threading.Thread):
    """Attends to at most one attempt at a time: a child runs no more."""

    def __init__(self) -> None:
        super().__init__(name="carillon-attendant", daemon=True)
        self._lock = threading.Lock()
        self._current: Attended | None = None
        self._main = threading.main_thread().ident or 0

    @contextmanager
    def attend(self, attended: Attended) -> Iterator[None]:
        """Attend to an attempt for the length of the block; leaving waits for a look in progress to end."""
        try:
            self._current = attended
            attended.armed = True
            try:
                yield
            finally:
                attended.armed = False
        finally:
            # Reached also if the interruption is raised just before it is disarmed; it is raised once at most.
            with self._lock:
                self._current = None

    def on_signal(self, *_: Any) -> None:
        """In the main thread: raise what the current attempt must end with."""
        current = self._current
        if current is not None and current.armed and current.interruption is not None:
            current.armed = False
            raise current.interruption

    def run(self) -> None:
        pause = threading.Event()
        while True:
            pause.wait(FLUSH_EVERY)
            with self._lock:
                if self._current is not None:
                    self._look(self._current)

    def _look(self, attended: Attended) -> None:
        # One after the other, whatever becomes of the first: a deadline needs no database.
        for part in (self._flush, self._stop_if_due):
            try:
                part(attended)
            except Error as error:
                log.warning("attendant.database_away", problem=str(error))
                connection.close()

    def _flush(self, attended: Attended) -> None:
        while tail := attended.journal.take():
            try:
                sql.run(
                    "append_log",
                    id=attended.fence.id,
                    epoch=attended.fence.epoch,
                    first_seq=tail.first_seq,
                    lines=sql.json(tail.lines),
                )
            except Error:
                attended.journal.put_back(tail)
                raise

    def _stop_if_due(self, attended: Attended) -> None:
        if attended.interruption is None:
            attended.interruption = self._reason_to_stop(attended)
            attended.interrupted_at = boot_time()
        if attended.interruption is not None:
            self._stop(attended, attended.interruption)

    def _reason_to_stop(self, attended: Attended) -> Interrupted | None:
        now = boot_time()
        if now >= attended.deadline:
            return TimedOut()
        drain_at = attended.drain_at()
        if drain_at is not None and now >= drain_at:
            return Released()
        if now - attended.asked_at < ASK_EVERY:
            return None
        attended.asked_at = now
        rows = sql.run("attend", id=attended.fence.id, epoch=attended.fence.epoch)
        if not rows:
            return LeaseLost()
        return Cancelled() if rows[0].cancelled else None

    def _stop(self, attended: Attended, interruption: Interrupted) -> None:
        if boot_time() - attended.interrupted_at < settings.CANCEL_GRACE.total_seconds():
            if attended.armed:
                signal.pthread_kill(self._main, SIGNAL)
            return
        attended.settle(interruption)
        log.error("attempt.killed", execution=str(attended.fence.id), pid=os.getpid(), why=type(interruption).__name__)
        os.kill(os.getpid(), signal.SIGKILL)


_attendants: list[Attendant] = []


def start() -> Attendant:
    """This process's attendant, started at the first call. Must be called from the main thread."""
    if not _attendants:
        attendant = Attendant()
        signal.signal(SIGNAL, attendant.on_signal)
        attendant.start()
        _attendants.append(attendant)
    return _attendants[0]
