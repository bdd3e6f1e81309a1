"""What a job worker's processes do besides running tasks: lease, drain, and dying together.

Main process: makes the lease before it forks, so that every child knows whose claims it makes; starts
the heartbeat. Child: dies with its parent (PDEATHSIG), attends to its attempts. On SIGTERM Celery stops
consuming and waits for what runs; the children let attempts go on for the drain time, then give
them back unpunished.
"""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
from typing import Any

import celery.worker.state
from celery.signals import celeryd_after_setup, worker_process_init, worker_ready, worker_shutdown, worker_shutting_down
from django.conf import settings

from jobs.engine.dispatch import PREFIX
from jobs.engine.leases import Lease, boot_time
from tasks import attendant, context, egress
from tasks.heartbeat import Heartbeat

_PR_SET_PDEATHSIG = 1
#: Seconds; an attempt lasts a day at most.
ABANDONED = 2 * 86_400.0

lease = Lease()
#: Boot-time instant from which attempts are given back; 0 while nothing drains. Shared with the children.
_drain_at = multiprocessing.Value(ctypes.c_double, 0.0)
_heartbeats: list[Heartbeat] = []


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
    if lease.queues and "prefork" not in str(instance.pool_cls):
        raise SystemExit("jobs run in processes, which can be stopped: start this worker with -P prefork")


@worker_ready.connect
def _start(sender: Any, **_: Any) -> None:
    if not lease.queues:
        return
    pool = sender.pool
    context.sweep_folders(older_than=ABANDONED)
    heartbeat = Heartbeat(lease, children=lambda: _children(pool), busy=_busy)
    _heartbeats.append(heartbeat)
    heartbeat.start()


def _children(pool: Any) -> list[int]:
    return [process.pid for process in pool._pool._pool if process.pid and process.exitcode is None]


def _busy() -> list[int]:
    return [request.worker_pid for request in list(celery.worker.state.active_requests) if request.worker_pid]


@worker_shutting_down.connect
def _drain(**_: Any) -> None:
    lease.draining = True
    _drain_at.value = boot_time() + settings.DRAIN.total_seconds()


@worker_shutdown.connect
def _stop(**_: Any) -> None:
    for heartbeat in _heartbeats:
        heartbeat.stop()
        heartbeat.join(timeout=10)
    _heartbeats.clear()


@worker_process_init.connect
def _begin_child(**_: Any) -> None:
    parent = os.getppid()
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)  # it died before we asked to be told
    attendant.start()
