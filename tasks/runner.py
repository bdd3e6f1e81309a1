"""A message's attempts, from claim to finish, each as a list of named steps.

    claim ─► resolve ─► run (attended) ─► settle: succeed, retry, exhaust, release, defer, suspend, acknowledge

The claim is a compare-and-set, the settling is fenced by its epoch; in between nothing touches the
execution's row. A database that goes away meanwhile delays the settling.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any
from uuid import UUID

import structlog
from django.conf import settings
from django.db import Error, connection

from jobs import handlers
from jobs.engine import transitions, watchdog
from jobs.engine.leases import boot_time
from jobs.engine.records import Claim, Fence
from jobs.handlers import Handler, HandlerError, Interrupted, PermanentFailure
from jobs.models.queue import Pool
from jobs.rules.codes import Failure
from monitoring import redaction
from tasks import attendant, failures, payloads, worker_process
from tasks.attendant import Attended
from tasks.batch import Batch
from tasks.capture import captured
from tasks.context import RunningContext
from tasks.journal import Journal
from tasks.patience import patiently
from tasks.settling import Settling, longest
from tenants.rules.quotas import LOG_BYTES

log = structlog.get_logger(__name__)


def run(members: Sequence[tuple[UUID, int]]) -> None:
    """Claim and run a message's members (execution, attempt); those no longer there to be claimed are left alone."""
    batch = Batch(_claim(members))
    try:
        for claim, fence in batch.turns():
            told = {"tenant": claim.tenant, "execution": str(claim.id), "attempt": claim.attempt}
            with structlog.contextvars.bound_contextvars(**told):
                _run(claim, fence, batch)
    finally:
        batch.close()


def _claim(members: Sequence[tuple[UUID, int]]) -> list[Claim]:
    lease, pid = worker_process.lease, os.getpid()
    try:
        return transitions.claim_all(members, worker_id=lease.id, worker=lease.name, pid=pid)
    except Error as error:
        # Perhaps it was claimed and only the answer got lost. It does not run here, so it is given back;
        # what was not claimed the watchdog publishes again.
        log.warning("claim.failed", executions=[str(id_) for id_, _ in members], problem=str(error))
        connection.close()
        ids = [id_ for id_, _ in members]
        patiently(lambda: watchdog.disown(ids, worker_id=lease.id, pid=pid), until=boot_time() + 60)
        return []


def _run(claim: Claim, fence: Fence, batch: Batch) -> None:
    journal = Journal(claim.last_seq, most=LOG_BYTES.limit(claim.max_log_bytes, settings.QUOTAS))
    begun = boot_time()
    deadline = begun + longest(claim)
    settling = Settling(claim, fence, journal, batch.keep)
    attended = Attended(
        fence=fence,
        journal=journal,
        deadline=deadline,
        drain_at=worker_process.drain_at,
        settle=settling.last_word,
        beside=batch,
        soft_at=float("inf") if claim.soft_timeout_seconds is None else begun + claim.soft_timeout_seconds,
    )
    context = RunningContext(claim, journal, attended)
    with redaction.hiding(journal):
        with context.cleaned_up():
            settle = _outcome(claim, context, attended, settling)
        try:
            settle()
        except Exception as error:
            # Left running it would stay so for as long as this process lives.
            log.exception("attempt.cannot_be_settled")
            settling.failed(PermanentFailure(f"its outcome cannot be told: {error}"))


def _outcome(claim: Claim, context: RunningContext, attended: Attended, settling: Settling) -> Callable[[], None]:
    """Run the handler and return what settles the attempt."""
    try:
        handler, params = payloads.resolve(claim, attended.journal.hide)
        _check_pool(handler)
        with captured(context), attendant.current().attend(attended):
            result = handler.run(params, context)
        return partial(settling.succeeded, payloads.checked_result(result))
    except Interrupted as interruption:
        # In a thread the handler knows only that it must stop, not why.
        return partial(settling.interrupted, attended.interruption or interruption)
    except handlers.Defer as answer:
        return partial(settling.deferred, answer.delay, answer.keep)
    except handlers.Suspend as answer:
        return partial(settling.suspended, answer.at_most)
    except HandlerError as error:
        attended.journal.write(str(error), level="error", stream="carillon")
        return partial(settling.failed, error)
    except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 - whatever a handler raises is its attempt's failure
        attended.journal.write(failures.trimmed(error), level="error", stream="carillon")
        return partial(settling.failed, failures.of(error))


def _check_pool(handler: Handler[Any]) -> None:
    if handler.external:
        raise PermanentFailure(
            f"{handler.job_type} runs in executors of your own and not in workers: move the job to a queue for them",
            code=Failure.CONFIG_INVALID,
        )
    if worker_process.lease.pool == Pool.THREADS and not handler.threaded:
        raise PermanentFailure(
            f"{handler.job_type} needs a process of its own and this queue runs jobs in threads: move the job",
            code=Failure.CONFIG_INVALID,
        )
