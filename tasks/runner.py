"""One attempt, from claim to finish, as a list of named steps.

    claim ─► resolve ─► run (attended) ─► settle: succeed, retry, exhaust, release, defer, acknowledge

The claim is a compare-and-set, the settling is fenced by its epoch; in between nothing touches the
execution's row. A database that goes away meanwhile delays the settling, up to the end of the lease.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from uuid import UUID

import structlog
from django.db import Error, connection

from jobs import handlers
from jobs.engine import transitions, watchdog
from jobs.engine.leases import boot_time
from jobs.engine.transitions import Claim, Fence
from jobs.handlers import HandlerError, Interrupted
from tasks import attendant, failures, payloads, worker_process
from tasks.attendant import Attended
from tasks.capture import captured
from tasks.context import RunningContext
from tasks.journal import Journal
from tasks.patience import patiently
from tasks.settling import Settling

log = structlog.get_logger(__name__)


def run(execution_id: UUID, attempt: int) -> None:
    """Claim and run one attempt; does nothing if it is no longer there to be claimed."""
    claim = _claim(execution_id, attempt)
    if claim is None:
        return
    with structlog.contextvars.bound_contextvars(tenant=claim.tenant, execution=str(claim.id), attempt=claim.attempt):
        _run(claim)


def _claim(execution_id: UUID, attempt: int) -> Claim | None:
    lease, pid = worker_process.lease, os.getpid()
    try:
        return transitions.claim(execution_id, attempt=attempt, worker_id=lease.id, worker=lease.name, pid=pid)
    except Error as error:
        # Perhaps it was claimed and only the answer got lost. This process runs nothing else, so it gives
        # back whatever it is said to run; the watchdog publishes it again.
        log.warning("claim.failed", execution=str(execution_id), problem=str(error))
        connection.close()
        patiently(lambda: watchdog.disown(worker_id=lease.id, pid=pid), until=boot_time() + 60)
        return None


def _run(claim: Claim) -> None:
    journal = Journal(claim.last_seq)
    deadline = boot_time() + claim.timeout_seconds
    settling = Settling(claim, journal)
    fence = Fence(id=claim.id, attempt_id=claim.attempt_id, epoch=claim.epoch)
    attended = Attended(
        fence=fence,
        journal=journal,
        deadline=deadline,
        drain_at=worker_process.drain_at,
        settle=settling.interrupted,
    )
    context = RunningContext(claim, journal, deadline, lambda: attended.interruption is not None)
    with context.cleaned_up():
        settle = _outcome(claim, context, attended, settling)
    settle()


def _outcome(claim: Claim, context: RunningContext, attended: Attended, settling: Settling) -> Callable[[], None]:
    """Run the handler and return what settles the attempt."""
    try:
        handler, params = payloads.resolve(claim)
        with captured(context), attendant.start().attend(attended):
            result = handler.run(params, context)
        return partial(settling.succeeded, payloads.checked_result(result))
    except Interrupted as interruption:
        # What a handler raises by itself says that it saw it must stop; why, the attendant knows.
        return partial(settling.interrupted, attended.interruption or interruption)
    except handlers.Defer as answer:
        return partial(settling.deferred, answer.delay)
    except HandlerError as error:
        attended.journal.write(str(error), level="error", stream="carillon")
        return partial(settling.failed, error)
    except Exception as error:  # noqa: BLE001 - whatever a handler raises is its attempt's failure
        attended.journal.write(failures.trimmed(error), level="error", stream="carillon")
        return partial(settling.failed, failures.of(error))
