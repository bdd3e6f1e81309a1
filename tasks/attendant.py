"""The thread beside running attempts: stores their logs as they come, and stops what must stop.

One per process, resident, with its own connection. Five times a second it flushes logs; once a second
it asks for all of them whether their claims still hold and whether somebody wants them cancelled; it
knows the deadlines and the drain. In a worker's child, which runs one attempt at a time, it stops that
by raising an :class:`jobs.handlers.Interrupted` in the main thread, with a signal to that thread; an
attempt in a thread is told so by its context. One that has not stopped after its grace is settled from
here (the outcome is written), and then what runs it must go: a child is killed, a worker of threads is
drained and replaced.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import structlog
from django.conf import settings
from django.db import Error, connection

from jobs import sql
from jobs.engine.leases import boot_time
from jobs.engine.records import Fence
from jobs.handlers import Cancelled, Interrupted, LeaseLost, Released, SoftTimeLimit, TimedOut
from tasks.journal import Journal

SIGNAL = signal.SIGUSR2
FLUSH_EVERY = 0.2
ASK_EVERY = 1.0

log = structlog.get_logger(__name__)


class Beside(Protocol):
    """What else must be seen to while an attempt runs."""

    def look(self) -> None:
        """Do what is due."""

    def close(self, patience: float) -> None:
        """The process ends: do all of it, trying for so many seconds if the database is away."""


class Attended:
    """One attempt under attendance. ``settle`` writes the outcome of an interruption, from any thread."""

    def __init__(
        self,
        *,
        fence: Fence,
        journal: Journal,
        deadline: float,
        drain_at: Callable[[], float | None],
        settle: Callable[[Interrupted], None],
        beside: Beside,
        soft_at: float = float("inf"),
    ) -> None:
        self.fence = fence
        self.journal = journal
        self.deadline = deadline
        self.drain_at = drain_at
        self.settle = settle
        self.beside = beside
        self.interruption: Interrupted | None = None
        self.soft_at = soft_at
        #: Whether it has been asked to come to an end by itself; whether that is also to be raised.
        self.is_ending = False
        self.raises_softly = False
        self._raised_softly = False
        self.armed = False
        self.in_main_thread = threading.current_thread() is threading.main_thread()
        #: Of the last answer, or of the start: asked again a second later.
        self.asked_at = boot_time()
        #: When it was first told to stop: its grace begins then, however long the broker held up the telling.
        self.told_at: float | None = None
        #: Held during a look, so that leaving waits for it.
        self.lock = threading.Lock()
        self.left = False

    @contextmanager
    def raising_softly(self) -> Iterator[None]:
        """In this block it is raised, once."""
        self.raises_softly = True
        try:
            yield
        finally:
            self.raises_softly = False

    @property
    def raises_now(self) -> bool:
        """Whether that is still to be done."""
        return self.is_ending and self.raises_softly and self.in_main_thread and not self._raised_softly

    def raise_softly(self) -> None:
        """In the main thread."""
        if self.raises_now:
            self._raised_softly = True
            raise SoftTimeLimit

    def ask_to_end(self) -> None:
        """Its soft limit is over."""
        self.is_ending = True
        self.journal.write("asked to end: soft_timeout_seconds are over", level="warning", stream="carillon")


class Attendant(threading.Thread):
    """Attends to the attempts of this process. ``replace`` is called when a thread does not stop."""

    def __init__(self, replace: Callable[[], None]) -> None:
        super().__init__(name="carillon-attendant", daemon=True)
        self._attended: list[Attended] = []
        self._main = threading.main_thread().ident or 0
        self._replace = replace

    @contextmanager
    def attend(self, attended: Attended) -> Iterator[None]:
        """Attend to an attempt for the length of the block; leaving waits for a look in progress to end."""
        try:
            self._attended.append(attended)
            attended.armed = True
            try:
                yield
            finally:
                attended.armed = False
        finally:
            # Reached also if the interruption is raised just before it is disarmed; it is raised once at most.
            with attended.lock:
                attended.left = True
                if attended in self._attended:
                    self._attended.remove(attended)

    def on_signal(self, *_: Any) -> None:
        """In the main thread: raise what the current attempt must end with."""
        for current in self._attended:
            if current.in_main_thread and current.armed and current.interruption is not None:
                current.armed = False
                raise current.interruption
            if current.armed and current.interruption is None:
                current.raise_softly()

    def run(self) -> None:
        pause = threading.Event()
        while True:
            pause.wait(FLUSH_EVERY)
            if self._attended:
                self._ask(list(self._attended))
            for attended in list(self._attended):
                with attended.lock:
                    if not attended.left:
                        self._look(attended)

    def _ask(self, everyone: list[Attended]) -> None:
        """Once a second: which claims still hold, and which of them are to be cancelled?"""
        now = boot_time()
        due = [attended for attended in everyone if now - attended.asked_at >= ASK_EVERY]
        if not due:
            return
        try:
            ids, epochs = [each.fence.id for each in due], [each.fence.epoch for each in due]
            answers = {row.id: row.cancelled for row in sql.run("attend", ids=ids, epochs=epochs)}
        except Exception as error:  # noqa: BLE001 - as below
            _note(error)
            return
        for attended in due:
            with attended.lock:
                attended.asked_at = now
                if attended.left or attended.interruption is not None:
                    continue
                cancelled = answers.get(attended.fence.id)
                if cancelled is not False:
                    attended.interruption = LeaseLost() if cancelled is None else Cancelled()

    def _look(self, attended: Attended) -> None:
        # One after the other, whatever becomes of the first: a deadline needs no database. Nothing may end this thread:
        # without it no attempt of this process would be stopped any more.
        for part in (self._flush, lambda each: each.beside.look(), self._stop_if_due):
            try:
                part(attended)
            except Exception as error:  # noqa: BLE001 - see above
                _note(error)

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
            except BaseException:
                attended.journal.put_back(tail)
                raise

    def _stop_if_due(self, attended: Attended) -> None:
        if attended.interruption is None:
            attended.interruption = _reason_to_stop(attended)
        if attended.interruption is not None:
            self._stop(attended, attended.interruption)
            return
        if not attended.is_ending and boot_time() >= attended.soft_at:
            attended.ask_to_end()
        if attended.armed and attended.raises_now:
            signal.pthread_kill(self._main, SIGNAL)

    def _stop(self, attended: Attended, interruption: Interrupted) -> None:
        if attended.told_at is None:
            attended.told_at = boot_time()
        if boot_time() - attended.told_at < settings.CANCEL_GRACE.total_seconds():
            if attended.armed and attended.in_main_thread:
                signal.pthread_kill(self._main, SIGNAL)
            return
        try:
            attended.settle(interruption)
            attended.beside.close(settings.LEASE.total_seconds())
        finally:
            self._end(attended, interruption)

    def _end(self, attended: Attended, interruption: Interrupted) -> None:
        log.error("attempt.killed", execution=str(attended.fence.id), pid=os.getpid(), why=type(interruption).__name__)
        if attended.in_main_thread:
            os.kill(os.getpid(), signal.SIGKILL)
        attended.left = True
        self._attended.remove(attended)
        self._replace()


def _note(error: Exception) -> None:
    """The next look starts on a fresh connection."""
    if isinstance(error, Error):
        log.warning("attendant.database_away", problem=str(error))
    else:
        log.error("attendant.failed", exc_info=error)
    connection.close()


def _reason_to_stop(attended: Attended) -> Interrupted | None:
    now = boot_time()
    if now >= attended.deadline:
        return TimedOut()
    drain_at = attended.drain_at()
    return Released() if drain_at is not None and now >= drain_at else None


_attendants: list[Attendant] = []


def current() -> Attendant:
    """This process's attendant."""
    return _attendants[0]


def start(replace: Callable[[], None] = lambda: None) -> Attendant:
    """This process's attendant, started at the first call. Must be called from the main thread."""
    if not _attendants:
        attendant = Attendant(replace)
        signal.signal(SIGNAL, attendant.on_signal)
        attendant.start()
        _attendants.append(attendant)
    return _attendants[0]
