"""The engine's resident threads, started in a Celery worker that consumes the engine queue.

    timer      plans and admits, see jobs.engine.timer
    watchdog   every five seconds: lost owners, caps with room, lost messages
    sealer     every second: new audit rows into the chain, see tenants.services.audit_sealing
    messenger  every two seconds: tells channels what has ended, see tasks.messenger
    operator   when a step of an operation is due: takes it, see jobs.engine.operations

They live beside Celery's thread pool, not in it: a full pool cannot hold them up.
"""

from __future__ import annotations

import threading
from time import monotonic
from typing import Any

import redis
import structlog
from celery.signals import worker_ready, worker_shutdown
from django.conf import settings
from django.db import Error, connection

from jobs import sql
from jobs.engine import ageing, approvals, executors, operations, parking, partitions, watchdog
from jobs.engine.dispatch import ENGINE_QUEUE
from jobs.engine.ringing import RungThread
from jobs.engine.timer import Timer
from jobs.services.operation_kinds import KINDS
from tasks.messenger import Messenger
from tenants.rules.audit_chain import Anchor
from tenants.services import audit_sealing

SWEEP_EVERY = 5.0
SEAL_EVERY = 1.0
COALESCE_OPERATIONS = 0.1
#: Seconds between two lines of the log that say where the audit trail's chain stands, if it grew.
ANCHOR_EVERY = 60.0

log = structlog.get_logger(__name__)


class Watchdog(threading.Thread):
    """Sweeps until stopped."""

    def __init__(self) -> None:
        super().__init__(name="carillon-watchdog", daemon=True)
        self._stopping = threading.Event()
        self._redis = redis.Redis.from_url(settings.REDIS_URL, socket_timeout=5, socket_connect_timeout=3)

    def stop(self) -> None:
        """End after the sweep in progress."""
        self._stopping.set()

    def run(self) -> None:
        self._attempt(partitions.make_ahead)
        while not self._stopping.wait(SWEEP_EVERY):
            self._attempt(watchdog.recover_lost)
            self._attempt(executors.end_overdue)
            self._attempt(parking.wake_all)
            self._attempt(ageing.raise_all)
            self._attempt(approvals.withdraw)
            self._attempt(lambda: watchdog.publish_stranded(self._redis))
            self._attempt(lambda: sql.run("pulse", name="watch"))
        connection.close()

    @staticmethod
    def _attempt(part: Any) -> None:
        try:
            if part():
                ring()
        except (Error, redis.RedisError) as error:
            # Away just now; the next sweep starts on a fresh connection.
            log.warning("watchdog.sweep_failed", problem=str(error))
            connection.close()
        except Exception:
            # Whatever it is, a process whose watchdog has stopped would be the worse answer.
            log.exception("watchdog.sweep_failed")
            connection.close()


class Sealer(threading.Thread):
    """Seals audit rows until stopped, and logs where the chain stands: whoever keeps the log can tell a chain that was cut."""

    def __init__(self) -> None:
        super().__init__(name="carillon-sealer", daemon=True)
        self._stopping = threading.Event()
        self._unlogged: Anchor | None = None
        self._logged_at = 0.0

    def stop(self) -> None:
        """End after the batch in progress."""
        self._stopping.set()

    def run(self) -> None:
        while not self._stopping.wait(SEAL_EVERY):
            try:
                self.seal()
            except Exception as error:
                # Whatever it is, rows that are never sealed would be the worse answer.
                log.warning("audit.sealing_failed", problem=str(error), exc_info=not isinstance(error, Error))
                connection.close()
        connection.close()

    def seal(self) -> None:
        """All that waits, batch by batch."""
        while (head := audit_sealing.seal_new()) is not None and not self._stopping.is_set():
            self._unlogged = head
        if self._unlogged and monotonic() - self._logged_at > ANCHOR_EVERY:
            log.info("audit.anchored", anchor=str(self._unlogged))
            self._unlogged, self._logged_at = None, monotonic()


class Operator(RungThread):
    """Takes the steps of operations."""

    def __init__(self) -> None:
        super().__init__("carillon-operator")

    def run(self) -> None:
        delay = 0.0
        while not self._stopping:
            if self._rung.wait(delay):
                # Every trigger rings: many rings are one look.
                threading.Event().wait(COALESCE_OPERATIONS)
            self._rung.clear()
            delay = self._safe_steps()
        connection.close()

    def _safe_steps(self) -> float:
        try:
            while (delay := operations.seconds_until_next(KINDS)) <= 0 and not self._stopping:
                if not operations.step(KINDS):
                    return operations.HELD.total_seconds()  # another engine is at it
        except Error as error:
            # The database is away or refused: the next step starts on a fresh connection.
            log.warning("operator.step_failed", problem=str(error))
        except Exception:
            # Whatever it is, operations that stand still for ever would be the worse answer.
            log.exception("operator.step_failed")
        else:
            return delay
        connection.close()
        return operations.IDLE


_threads: list[Timer | Watchdog | Sealer | Operator | Messenger] = []


def ring() -> None:
    """Wake the timer and the operator of this process, if it is an engine."""
    for thread in _threads:
        if isinstance(thread, RungThread):
            thread.ring()


@worker_ready.connect
def _start(sender: Any, **_: Any) -> None:
    if ENGINE_QUEUE not in {queue.name for queue in sender.task_consumer.queues}:
        return
    _threads.extend([Timer(), Watchdog(), Sealer(), Operator(), Messenger()])
    for thread in _threads:
        thread.start()


@worker_shutdown.connect
def _stop(**_: Any) -> None:
    for thread in _threads:
        thread.stop()
    for thread in _threads:
        thread.join(timeout=10)
    _threads.clear()
