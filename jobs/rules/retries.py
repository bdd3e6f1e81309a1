"""Whether a failed attempt is tried again, and when.

Failures and crashes are counted apart. A failure uses up one of ``max_attempts``. A crash (the worker
or its child died, ``WORKER_LOST``) is nobody's failure: it raises the attempt number, is tried again
after a second, and the third one of an execution ends it.

Delays: with ``fixed``, always ``delay_seconds``; with ``exponential``, ``delay_seconds`` times
``factor`` for each failure after the first; with ``fibonacci``, ``delay_seconds`` times 1, 1, 2, 3, 5, 8 …;
never above ``max_delay_seconds``. With ``jitter`` a delay is drawn evenly from its upper half, so attempts that failed together come back apart but never later
than the policy says. The draw depends on execution and attempt alone: asking again changes nothing.

What is asked first goes first: ``no_retry_on``; for a crash, ``on_worker_lost``; the first of ``rules`` that names the
failure, in place of the policy's own ``retry_on``, ``max_attempts``, ``delay_seconds`` and ``backoff``; then those.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from math import inf
from typing import Literal
from uuid import UUID

from jobs.rules.codes import Failure

MAX_CRASHES = 3
CRASH_DELAY = timedelta(seconds=1)
#: The longest a handler may ask to wait: as long as a policy's own delays may be.
LONGEST_DELAY = timedelta(days=7)


Backoff = Literal["fixed", "exponential", "fibonacci"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryRule:
    """What goes before the policy's own fields where a failure has one of the marks ``on``; None is the policy's."""

    on: frozenset[str]
    delay_seconds: float | None = None
    backoff: Backoff | None = None
    max_attempts: int | None = None
    retry: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """A job's ``retry`` object. An empty ``retry_on`` means every failure; ``no_retry_on`` wins.

    ``retry_if`` is an expression over a result: where it is true, an attempt that succeeded has failed after all.
    """

    max_attempts: int = 3
    delay_seconds: float = 60
    backoff: Backoff = "exponential"
    factor: float = 2
    max_delay_seconds: float = 3600
    jitter: bool = True
    retry_on: frozenset[str] = frozenset()
    no_retry_on: frozenset[str] = frozenset()
    on_worker_lost: bool = True
    rules: tuple[RetryRule, ...] = ()
    retry_if: str = ""

    def rule(self, marks: Collection[str]) -> RetryRule | None:
        """The first one that names one of these."""
        return next((rule for rule in self.rules if rule.on.intersection(marks)), None)

    def under(self, rule: RetryRule) -> RetryPolicy:
        """The policy as it is for what a rule names. A delay of its own raises a lower cap with it."""
        delay = self.delay_seconds if rule.delay_seconds is None else rule.delay_seconds
        return replace(
            self,
            delay_seconds=delay,
            max_delay_seconds=max(self.max_delay_seconds, delay),
            backoff=rule.backoff or self.backoff,
            max_attempts=rule.max_attempts or self.max_attempts,
            retry_on=frozenset(),
        )

    def delay(self, failures: int) -> float:
        """Seconds to wait after the n-th failure, without jitter."""
        if not self.delay_seconds:
            return 0
        return min(self.delay_seconds * self._growth(failures), self.max_delay_seconds)

    def _growth(self, failures: int) -> float:
        match self.backoff:
            case "fixed":
                return 1
            case "fibonacci":
                return _fibonacci(failures, most=self.max_delay_seconds / self.delay_seconds)
        try:
            return float(self.factor) ** (failures - 1)
        except OverflowError:
            return inf


def _fibonacci(place: int, *, most: float) -> float:
    """The number at that place, from 1; the first above ``most`` if it comes before."""
    number, following = 1.0, 1.0
    while place > 1 and number <= most:
        number, following, place = following, number + following, place - 1
    return number


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
    rule = policy.rule(marks)
    policy = policy.under(rule) if rule else policy
    if (rule and not rule.retry) or (policy.retry_on and not marks & policy.retry_on):
        return Exhausted(ExhaustedReason.NOT_RETRYABLE)
    failures = attempt - crashes
    if failures >= policy.max_attempts:
        return Exhausted(ExhaustedReason.ATTEMPTS_USED)
    if asked_delay is not None:
        return RetryAt(now + min(max(asked_delay, timedelta()), LONGEST_DELAY))
    share = _share(seed, attempt) if policy.jitter else 1.0
    return RetryAt(now + timedelta(seconds=policy.delay(failures) * share))


def _after_crash(policy: RetryPolicy, crashes: int, now: datetime) -> RetryAt | Exhausted:
    rule = policy.rule({Failure.WORKER_LOST})
    if not policy.on_worker_lost or (rule is not None and not rule.retry):
        return Exhausted(ExhaustedReason.NOT_RETRYABLE)
    if crashes >= MAX_CRASHES:
        return Exhausted(ExhaustedReason.CRASHES_USED)
    return RetryAt(now + CRASH_DELAY)


def _share(seed: UUID, attempt: int) -> float:
    """A number from 0.5 to 1 that looks random and is always the same for one attempt."""
    digest = sha256(seed.bytes + (attempt % 2**32).to_bytes(4)).digest()
    return 0.5 + int.from_bytes(digest[:4]) / 2**33
