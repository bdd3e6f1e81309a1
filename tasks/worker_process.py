"""What a job worker's processes do besides running tasks: lease, drain, and dying together.

Main process: makes the lease before it forks, so that every child knows whose claims it makes; starts
the heartbeat. Child: dies with its parent (PDEATHSIG), attends to its attempts. A worker of threads is
main process and child in one. On SIGTERM Celery stops consuming and waits for what runs; attempts go on
for the drain time and are then given back unpunished.
"""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
from typing import Any

import celery.worker.state
import redis
import structlog
from celery.signals import celeryd_after_setup, worker_process_init, worker_ready, worker_shutdown, worker_shutting_down
from django.conf import settings
from django.db import connection

from jobs.engine.dispatch import PREFIX
from jobs.engine.leases import Lease, boot_time
from jobs.handlers import PermanentFailure
from jobs.models.queue import Pool, Queue
from tasks import attendant, context, egress
from tasks.hearing import Hearing, Listener
from tasks.heartbeat import Heartbeat
from tasks.sandbox import probe
from tasks.scripts import requirements
from tasks.warden import Warden

_PR_SET_PDEATHSIG = 1
#: Seconds; an attempt lasts a day at most.
ABANDONED = 2 * 86_400.0
#: From the end of all grace to the end of a worker that was told to end.
LAST_MOMENTS = 5.0

log = structlog.get_logger(__name__)

lease = Lease()
#: Boot-time instant from which attempts are given back; 0 while nothing drains. Shared with the children.
_drain_at = multiprocessing.Value(ctypes.c_double, 0.0)
_residents: list[Heartbeat | Warden | Listener] = []


def drain_at() -> float | None:
    """When running attempts are to be given back, on the boot-time clock."""
    return float(_drain_at.value) or None


@celeryd_after_setup.connect
def _name_the_lease(sender: str, instance: Any, **_: Any) -> None:
    egress.protect(settings.PROTECTED_ENDPOINTS)
    lease.name = sender
    lease.pid = os.getpid()
    consumed = instance.app.amqp.queues.consume_from
    for queue in consumed.values():
        # What is taken is gone from the broker: nothing need be noted there and crossed out again, at two round
        # trips a message. A worker that dies before it claims has lost messages only; the watchdog sends new ones.
        queue.no_ack = True
    lease.queues = [name.removeprefix(PREFIX) for name in consumed if name.startswith(PREFIX)]
    lease.concurrency = instance.concurrency or 1
    if lease.queues:
        lease.pool = _pool(str(instance.pool_cls))
        _check_queues()
        if lease.pool == Pool.PREFORK:
            _try_the_sandbox()


def _pool(implementation: str) -> Pool:
    if "prefork" in implementation:
        return Pool.PREFORK
    if "thread" in implementation:
        return Pool.THREADS
    raise SystemExit(f"jobs run in processes or threads, not in {implementation}: start this worker with -P prefork")


def _check_queues() -> None:
    """A worker of the wrong pool would take messages it must refuse."""
    others = Queue.objects.filter(name__in=lease.queues).exclude(pool=lease.pool).values_list("name", "pool")
    wrong = [f"{name} wants -P {pool}" for name, pool in others]
    connection.close()  # before it forks
    if wrong:
        raise SystemExit(f"this worker was started with -P {lease.pool}, and {', '.join(wrong)}")


def _try_the_sandbox() -> None:
    """Before it forks, so that its children know the answer."""
    if problem := probe.standing().problem:
        log.error("worker.refuses", type="script", why=problem)
        lease.refuses = {"script": problem}


@worker_ready.connect
def _start(sender: Any, **_: Any) -> None:
    if not lease.queues:
        return
    pool = sender.pool
    context.sweep_folders(older_than=ABANDONED)
    in_threads = lease.pool == Pool.THREADS
    if not in_threads:
        _sweep_requirements()
    if in_threads:
        attendant.start(replace=_replace_me)
    heartbeat = Heartbeat(lease, children=lambda: [os.getpid()] if in_threads else _children(pool))
    busy = _busy_threads if in_threads else _busy
    _residents.extend(
        [heartbeat, Warden(lease, busy=busy, overdue=_overdue), Listener(lease, is_deaf=_hearing().is_deaf)]
    )
    for thread in _residents:
        thread.start()


def _sweep_requirements() -> None:
    try:
        requirements.sweep()
    except (OSError, PermanentFailure) as error:
        log.warning("requirements.not_swept", problem=str(error))


def _children(pool: Any) -> list[int]:
    return [process.pid for process in pool._pool._pool if process.pid and process.exitcode is None]


def _hearing() -> Hearing:
    known = celery.worker.state
    client = redis.Redis.from_url(settings.REDIS_URL, socket_timeout=5, socket_connect_timeout=3)
    return Hearing(
        client,
        queues=lease.queues,
        slots=lease.concurrency,
        taken=lambda: sum(known.total_count.values()),
        busy=lambda: len(known.reserved_requests),
    )


def _busy_threads() -> list[int]:
    return [os.getpid()] if celery.worker.state.active_requests else []


def _replace_me() -> None:
    """A thread that does not stop cannot be stopped: the others get their time to end, and the process goes."""
    log.error("worker.replaced", why="an attempt did not stop when it was told to")
    os.kill(os.getpid(), signal.SIGTERM)


def _overdue() -> bool:
    """Whether this worker should have ended by now: it was told to, and whoever runs was given time and grace."""
    due = drain_at()
    return due is not None and boot_time() > due + settings.CANCEL_GRACE.total_seconds() + LAST_MOMENTS


def _busy() -> list[int]:
    return [request.worker_pid for request in list(celery.worker.state.active_requests) if request.worker_pid]


@worker_shutting_down.connect
def _drain(**_: Any) -> None:
    lease.draining = True
    _drain_at.value = boot_time() + settings.DRAIN.total_seconds()


@worker_shutdown.connect
def _stop(**_: Any) -> None:
    for thread in _residents:
        thread.stop()
        thread.join(timeout=10)
    _residents.clear()


@worker_process_init.connect
def _begin_child(**_: Any) -> None:
    parent = os.getppid()
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)  # it died before we asked to be told
    attendant.start()
