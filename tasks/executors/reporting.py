"""What an executor says of an execution that it holds: its log, how far it is, and how it ended.

Each write names the claim by its token, under a lock of the execution's row: whoever's claim is over writes nothing, and is
told to stop. What ended an attempt may be said again, because its answer was lost: it gets the same answer.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings

from jobs import selectors, sql
from jobs.engine import dispatch
from jobs.engine.records import Claim, Line
from jobs.handlers import Cancelled, HandlerError, PermanentFailure, Released, RetryLater
from jobs.models import Attempt, AttemptState
from jobs.rules.codes import Failure
from jobs.services.executors import SERVE, ClaimOver
from tasks import payloads, rendering, revealing
from tasks.executors import tokens
from tasks.executors.claiming import fence
from tasks.journal import Journal
from tasks.settling import Settling
from tenants import actors, errors
from tenants.models import Tenant
from tenants.rules.quotas import LOG_BYTES, MOST_LOG

MOST_LINES = 1000
#: A chunk counts for so much at least, so that many small ones are bounded too.
LEAST_CHUNK = 1024
_CLAIM = {field.name for field in fields(Claim)}
#: What the engine alone says of an attempt, and what becomes of one that says it succeeded.
_OF_ENGINE = {Failure.TIMEOUT, Failure.WORKER_LOST}
_OF_RESULTS = {"", Failure.RESULT_REFUSED, Failure.RESOURCE_LIMIT}


@dataclass(frozen=True, slots=True)
class Held:
    """A claim that holds, and what its executor should know of it."""

    claim: Claim
    cancelled: bool
    seconds_left: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an attempt ended, which stays so."""

    execution_id: UUID
    attempt: int
    state: str
    error_code: str
    error_message: str


@dataclass(frozen=True, slots=True)
class Logged:
    """What became of a chunk; ``dropped`` lines were beyond what an attempt may log."""

    stored: int
    dropped: int
    cancelled: bool


def hold(tenant: Tenant, execution_id: UUID, token: str) -> Held:
    """The claim of a token, locked for this transaction.

    Raises:
        NotFound: no such execution of this tenant.
        ClaimOver: it was the token's, and is not any more.
    """
    actors.require(SERVE, tenant=tenant)
    row, epoch = _row(tenant, execution_id, token)
    if not row.holds or row.epoch != epoch:
        raise ClaimOver
    told = {name: value for name, value in row._asdict().items() if name in _CLAIM}
    claim = Claim(**told, last_seq=sql.run("last_line", id=execution_id)[0].last_seq)
    left = claim.timeout_seconds - row.took
    return Held(claim, row.cancelled, left if claim.seconds_left is None else min(left, claim.seconds_left))


def start(held: Held) -> Held:
    """It has begun: noted in the log, once."""
    _append(held, "start", [{"message": "the executor has begun", "stream": "carillon"}])
    return held


def log(held: Held, *, chunk: int, lines: Sequence[dict[str, Any]]) -> Logged:
    """Append lines, without the secrets that its payload names. The same chunk's number again stores nothing twice."""
    return _append(held, str(chunk), lines)


def progress(held: Held, *, fraction: float, message: str) -> Held:
    """How far it is, as a line of the log."""
    text = f"{min(max(fraction, 0), 1):.0%} {message}".rstrip()
    _append(held, f"progress:{held.claim.last_seq}", [{"message": text, "stream": "progress"}])
    return held


def complete(tenant: Tenant, execution_id: UUID, token: str, *, result: Any) -> Outcome:
    """It succeeded, unless its job refuses the result or it is too large."""
    held = _held_or_ended(tenant, execution_id, token, {AttemptState.SUCCEEDED, AttemptState.FAILED})
    if isinstance(held, Outcome):
        if held.error_code not in _OF_RESULTS:
            raise ClaimOver
        return held
    journal, settling = _settling(held.claim)
    try:
        settling.succeeded(payloads.checked_result(result))
    except HandlerError as error:
        journal.write(str(error), level="error", stream="carillon")
        settling.failed(error)
    return _ended(held.claim)


def fail(tenant: Tenant, execution_id: UUID, token: str, *, error: HandlerError) -> Outcome:
    """It failed; its job's retry policy decides what follows."""
    held = _held_or_ended(tenant, execution_id, token, {AttemptState.FAILED})
    if isinstance(held, Outcome):
        return held
    journal, settling = _settling(held.claim)
    journal.write(str(error), level="error", stream="carillon")
    settling.failed(error)
    return _ended(held.claim)


def cancelled(tenant: Tenant, execution_id: UUID, token: str) -> Outcome:
    """It has stopped because somebody asked for it."""
    held = _held_or_ended(tenant, execution_id, token, {AttemptState.CANCELLED})
    if isinstance(held, Outcome):
        return held
    if not held.cancelled:
        raise errors.ServiceError("nobody has asked for this execution to be cancelled: complete, fail or release it")
    _settling(held.claim)[1].interrupted(Cancelled())
    return _ended(held.claim)


def release(tenant: Tenant, execution_id: UUID, token: str) -> Outcome:
    """Its executor goes: the same attempt runs elsewhere, unpunished."""
    held = _held_or_ended(tenant, execution_id, token, {AttemptState.RELEASED, AttemptState.CANCELLED})
    if isinstance(held, Outcome):
        return held
    _settling(held.claim)[1].interrupted(Released())
    return _ended(held.claim)


def failure(
    message: str, *, code: str, permanent: bool, retry_after: float | None, tags: Collection[str], result: Any
) -> HandlerError:
    """What an executor says went wrong, as a handler would raise it."""
    if permanent:
        return PermanentFailure(message, code=code, tags=tags, result=result)
    if retry_after is not None:
        return RetryLater(message, delay=timedelta(seconds=retry_after), code=code, tags=tags, result=result)
    return HandlerError(message, code=code, tags=tags, result=result)


def _row(tenant: Tenant, execution_id: UUID, token: str) -> tuple[Any, int]:
    row = next(iter(sql.run("hold_claim", id=execution_id, tenant_id=tenant.pk)), None)
    if row is None:
        raise errors.NotFound("there is no such execution here")
    epoch = tokens.epoch_of(execution_id, token)
    if epoch is None:
        raise errors.Invalid.about(
            "token", "is no token of a claim of this execution: send the one that the claim answered"
        )
    return row, epoch


def _held_or_ended(tenant: Tenant, execution_id: UUID, token: str, ends: Collection[AttemptState]) -> Held | Outcome:
    """The claim, or how it ended if that is what is being said of it once more."""
    try:
        return hold(tenant, execution_id, token)
    except ClaimOver:
        _, epoch = _row(tenant, execution_id, token)
        attempt = selectors.attempts(execution_id).filter(epoch=epoch).first()
        if attempt is None or attempt.state not in ends or attempt.error_code in _OF_ENGINE:
            raise
        return _outcome(attempt)


def _ended(claim: Claim) -> Outcome:
    dispatch.ring_after_commit()
    return _outcome(selectors.attempts(claim.id).get(epoch=claim.epoch))


def _outcome(attempt: Attempt) -> Outcome:
    return Outcome(attempt.execution_id, attempt.number, attempt.state, attempt.error_code, attempt.error_message)


def _settling(claim: Claim) -> tuple[Journal, Settling]:
    journal = _journal(claim)
    return journal, Settling(claim, fence(claim), journal)


def _journal(claim: Claim, most: int | None = None) -> Journal:
    """One that hides whatever the payload's secrets are now or were, for the executor was told one of them."""
    journal = Journal(claim.last_seq, most=most)
    if (claim.spec or {}).get("expressions"):
        kept = revealing.claimed(claim.id, claim.epoch).kept
        journal.hide(text for name, value in kept for text in rendering.hidden(name, value))
    return journal


def _lines(claim: Claim, lines: Sequence[dict[str, Any]], most: int | None = None) -> list[Line]:
    journal = _journal(claim, most)
    for line in lines:
        journal.write(line["message"], level=line.get("level", "info"), stream=line.get("stream", "handler"))
    return journal.rest().lines


def _append(held: Held, chunk: str, lines: Sequence[dict[str, Any]]) -> Logged:
    """Whatever is logged of a claim, as far as its quota goes."""
    claim = held.claim
    most = min(LOG_BYTES.limit(claim.max_log_bytes, settings.QUOTAS) or MOST_LOG, MOST_LOG)
    used = sql.run("logged", id=claim.id, epoch=claim.epoch)[0].size
    if used > most:
        return Logged(0, len(lines), held.cancelled)
    kept = _lines(claim, lines, most=most - used)
    if kept:
        size = max(LEAST_CHUNK, sum(len(line[3]) + 64 for line in kept))
        sql.run(
            "append_sent", id=claim.id, tenant_id=claim.tenant_id, attempt=claim.attempt, epoch=claim.epoch, chunk=chunk,
            first_seq=claim.last_seq + 1, lines=sql.json(list(kept)), size=size,
        )  # fmt: skip
    return Logged(min(len(kept), len(lines)), max(len(lines) - len(kept), 0), held.cancelled)
