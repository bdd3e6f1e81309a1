"""Writes how an attempt ended: the one place that turns an outcome into a transition.

Every function may be called from the runner or, for a handler that does not stop, from the attendant;
the epoch lets only the first one through. While the database is away the runner tries again and again:
were an outcome given up, its row would stay running for as long as the process lives. If the lease is
over meanwhile, the warden ends the process; one that the attendant settles is killed right after, so it
tries no longer than a lease.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from django.conf import settings
from django.db import DatabaseError

from jobs.engine import dispatch, transitions
from jobs.engine.leases import boot_time
from jobs.engine.records import Claim, Ended, Ending, Fence, Problem
from jobs.handlers import Cancelled, HandlerError, Interrupted, PermanentFailure, Released, RetryLater, TimedOut
from jobs.rules import result_conditions, retries, retry_fields
from jobs.rules.codes import Failure
from tasks import foreign, payloads
from tasks.journal import Journal
from tasks.patience import patiently

MAX_MESSAGE = 4000
#: Keeps a success to be stored with others.
Keep = Callable[["Settling", Ending], None]

log = structlog.get_logger(__name__)


def longest(claim: Claim) -> float:
    """Seconds that an attempt may take: its own limit, or what its execution has left of the time for all of them."""
    left = claim.timeout_seconds if claim.seconds_left is None else claim.seconds_left
    return min(claim.timeout_seconds, max(left, 0.0))


class Settling:
    """Of one attempt."""

    def __init__(self, claim: Claim, fence: Fence, journal: Journal, keep: Keep | None = None) -> None:
        self._claim = claim
        self._fence = fence
        self._journal = journal
        self._keep = keep
        self._patience = float("inf")
        self._all_until = float("inf") if claim.seconds_left is None else boot_time() + claim.seconds_left

    def succeeded(self, result: Any) -> None:
        """The work is done. Stored now, or kept with those of other members of its batch; failed if its job refuses it."""
        if refusal := self._refusal(result):
            self._journal.write(str(refusal), level="error", stream="carillon")
            self.failed(refusal)
            return
        ending = Ending(
            fence=self._fence,
            result=self._journal.masker.value(result),
            tail=self._journal.rest(),
            counted_job=self._claim.job_id if self._claim.is_counted else None,
        )
        if self._keep is not None:
            self._keep(self, ending)
        else:
            self.store(ending)

    def store(self, ending: Ending) -> None:
        """Store a success by itself."""
        self._write("execution.succeeded", lambda: transitions.succeed_all([ending]).get(ending.fence.id))

    def deferred(self, delay: timedelta, keep: Any = None) -> None:
        """Look again later, and then know what is to be kept; failed if that cannot be stored."""
        try:
            kept = self._journal.masker.value(payloads.checked_result(keep))
        except HandlerError as refusal:
            self.failed(refusal)
            return
        tail = self._journal.rest()
        self._write("execution.deferred", lambda: transitions.defer(self._fence, delay=delay, keep=kept, tail=tail))

    def suspended(self, at_most: timedelta) -> None:
        """Go on when what it waits for has ended."""
        tail = self._journal.rest()
        self._write("execution.suspended", lambda: transitions.suspend(self._fence, at_most=at_most, tail=tail))

    def interrupted(self, interruption: Interrupted) -> None:
        """It was stopped: cancelled, out of time, or given back. After a lost lease nothing is written."""
        match interruption:
            case Cancelled():
                self._journal.write("cancelled on request", level="warning", stream="carillon")
                tail = self._journal.rest()
                self._write("execution.cancelled", lambda: transitions.acknowledge_cancel(self._fence, tail=tail))
            case TimedOut():
                limit = "timeout_seconds" if self._has_time() else "max_total_seconds"
                after = f"{longest(self._claim):g} s"
                message = f"still running after {after}: raise {limit}, or make it faster"
                self._journal.write(message, level="error", stream="carillon")
                self.failed(HandlerError(message, code=Failure.TIMEOUT))
            case Released():
                tail = self._journal.rest()
                self._write("execution.released", lambda: transitions.release(self._fence, tail=tail))
            case _:
                log.warning("execution.abandoned", why="the claim is no longer ours")

    def last_word(self, interruption: Interrupted) -> None:
        """The same of one that does not stop, and is killed next."""
        self._patience = settings.LEASE.total_seconds()
        self.interrupted(interruption)

    def failed(self, error: HandlerError) -> None:
        """The policy decides: a further attempt, or the end."""
        masker = self._journal.masker
        message = foreign.storable(masker.head(str(error), MAX_MESSAGE))
        problem = Problem(code=masker.text(error.code), message=message)
        result = self._checked(error)
        delay = self._next_delay(error)
        if delay is not None and not self._has_time(delay):
            delay = None
            said = f"{transitions.OUT_OF_TIME.message}; the last one: {problem.message}"
            problem = replace(transitions.OUT_OF_TIME, message=said[:MAX_MESSAGE])
        tail = self._journal.rest()
        if delay is None:
            self._write("execution.failed", lambda: transitions.exhaust(self._fence, problem, result=result, tail=tail))
        else:
            self._write(
                "execution.retried",
                lambda: transitions.retry(self._fence, problem, delay=delay, result=result, tail=tail),
            )

    def _has_time(self, delay: timedelta = timedelta()) -> bool:
        """Whether another attempt may begin after that delay."""
        return boot_time() + delay.total_seconds() < self._all_until

    def _refusal(self, result: Any) -> HandlerError | None:
        """What its policy's ``retry_if`` has against a result."""
        condition = ((self._claim.spec or {}).get("retry") or {}).get("retry_if", "")
        verdict = result_conditions.judge(condition, result)
        if verdict.problem:
            message = f"retry_if cannot be computed of the result: {verdict.problem}"
            return PermanentFailure(message, code=Failure.RESULT_REFUSED, result=result)
        if verdict.is_true:
            return HandlerError(f"retry_if refuses the result: {condition}", code=Failure.RESULT_REFUSED, result=result)
        return None

    def _checked(self, error: HandlerError) -> Any:
        """The failure's own result, unless it cannot be kept."""
        try:
            return self._journal.masker.value(payloads.checked_result(error.result))
        except HandlerError as refusal:
            self._journal.write(str(refusal), level="warning", stream="carillon")
            return None

    def _next_delay(self, error: HandlerError) -> timedelta | None:
        if isinstance(error, PermanentFailure):
            return None
        try:
            policy = retry_fields.parse((self._claim.spec or {}).get("retry", {}))
        except retry_fields.InvalidRetry as problem:
            self._journal.write(f"no retry, its policy cannot be followed: {problem}", level="error", stream="carillon")
            return None
        now = datetime.now(UTC)
        answer = retries.next_attempt(
            policy,
            attempt=self._claim.attempt,
            crashes=self._claim.crashes,
            failure_code=error.code,
            tags=error.tags,
            now=now,
            seed=self._claim.id,
            asked_delay=error.delay if isinstance(error, RetryLater) else None,
        )
        return answer.at - now if isinstance(answer, retries.RetryAt) else None

    def _write(self, event: str, transition: Callable[[], Ended | None]) -> None:
        try:
            ended = self._patiently(transition)
        except DatabaseError as error:
            # Refused for what it holds. Left running it would stay so for as long as this process lives.
            log.exception("execution.outcome_refused", wanted=event)
            problem = Problem(
                code=Failure.EXECUTION_FAILED, message=f"its outcome cannot be stored: {error}"[:MAX_MESSAGE]
            )
            ended = self._patiently(lambda: transitions.exhaust(self._fence, problem))
        self.stored(event, ended)

    def _patiently(self, transition: Callable[[], Ended | None]) -> Ended | None:
        return patiently(transition, until=boot_time() + self._patience)

    @staticmethod
    def stored(event: str, ended: Ended | None) -> None:
        """Tell of it, and ring if somebody waits for the room it leaves."""
        if ended is None:
            log.warning("execution.settled_elsewhere", wanted=event)
            return
        log.debug(event)
        if ended.frees_somebody:
            dispatch.ring()
