"""Whether a failed attempt is tried again, and when.

Failures and crashes are counted apart. A failure uses up one of ``max_attempts``. A crash (the worker
or its child died, ``WORKER_LOST``) is nobody's failure: it raises the attempt number, is tried again
after a second, and the third one of an execution ends it.

Delays: with ``fixed``, always ``delay_seconds``; with ``exponential``, ``delay_seconds`` times
``factor`` for each failure after the first; never above ``max_delay_seconds``. With ``jitter`` a delay
is drawn evenly from its upper half, so attempts that failed together come back apart but never later
than the policy says. The draw depends on execution and attempt alone: asking again changes nothing.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from typing import Literal
from uuid import UUID

from jobs.rules.codes import Failure

MAX_CRASHES = 3
CRASH_DELAY = timedelta(seconds=1)
#: The longest a handler may ask to wait: as long as a policy's own delays may be.
LONGEST_DELAY = timedelta(days=7)


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """A job's ``retry`` object. An empty ``retry_on`` means every failure; ``no_retry_on`` wins."""

    max_attempts: int = 3
    delay_seconds: float = 60
    backoff: Literal["fixed", "exponential"] = "exponential"
    factor: float = 2
    max_delay_seconds: float = 3600
    jitter: bool = True
    retry_on: frozenset[str] = frozenset()
    no_retry_on: frozenset[str] = frozenset()
    on_worker_lost: bool = True

    def delay(self, failures: int) -> float:
        """Seconds to wait after the n-th failure, without jitter."""
        growth = self.factor ** (failures - 1) if self.backoff == "exponential" else 1
        return min(self.delay_seconds * growth, self.max_delay_seconds)


class ExhaustedReason(StrEnum):
    """Why there is no further attempt."""

    NOT_RETRYABLE = "not_retryable"
    ATTEMPTS_USED = "attempts_used"
    CRASHES_USED = "crashes_used"


@dataclass(frozen=True, slots=True)
class RetryAt:
    """The next attempt is due then."""

    at: datetime


@dataclass(frozen=True, slots=True)
class Exhausted:
    """The execution has failed for good."""

    reason: ExhaustedReason


def next_attempt(
    policy: RetryPolicy,
    *,
    attempt: int,
    crashes: int,
    failure_code: str,
    now: datetime,
    seed: UUID,
    tags: Collection[str] = (),
    asked_delay: timedelta | None = None,
) -> RetryAt | Exhausted:
    """What follows a failed attempt.

    ``attempt`` is the one that failed, from 1; ``crashes`` are the execution's so far, this one
    included; ``tags`` are the handler's marks, such as ``http:503`` and ``http:5xx``; ``asked_delay``
    is when the other side said to come back, and goes before the policy's own delay; ``seed`` is the
    execution's id.
    """
    marks = {str(failure_code), *tags}
    if marks & policy.no_retry_on:
        return Exhausted(ExhaustedReason.NOT_RETRYABLE)
    if failure_code == Failure.WORKER_LOST:
        return _after_crash(policy, crashes, now)
    if policy.retry_on and not marks & policy.retry_on:
        return Exhausted(ExhaustedReason.NOT_RETRYABLE)
    failures = attempt - crashes
    if failures >= policy.max_attempts:
        return Exhausted(ExhaustedReason.ATTEMPTS_USED)
    if asked_delay is not None:
        return RetryAt(now + min(max(asked_delay, timedelta()), LONGEST_DELAY))
    share = _share(seed, attempt) if policy.jitter else 1.0
    return RetryAt(now + timedelta(seconds=policy.delay(failures) * share))


def _after_crash(policy: RetryPolicy, crashes: int, now: datetime) -> RetryAt | Exhausted:
    if not policy.on_worker_lost:
        return Exhausted(ExhaustedReason.NOT_RETRYABLE)
    if crashes >= MAX_CRASHES:
        return Exhausted(ExhaustedReason.CRASHES_USED)
    return RetryAt(now + CRASH_DELAY)


def _share(seed: UUID, attempt: int) -> float:
    """A number from 0.5 to 1 that looks random and is always the same for one attempt."""
    digest = sha256(seed.bytes + attempt.to_bytes(4)).digest()
    return 0.5 + int.from_bytes(digest[:4]) / 2**33
