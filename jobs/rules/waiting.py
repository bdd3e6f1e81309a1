"""What keeps an execution from starting, from what is known about it and its surroundings.

The order is that of what an operator should lift first: a hold before a missing worker, that before a
cap, and the line only when nothing else is in the way.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from jobs.rules.codes import Wait, wait_of
from jobs.rules.states import State


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """How a tenant, a queue or a job stands to its cap and rate. ``eases_at`` is the end of a throttle that is its cap now."""

    is_full: bool = False
    eases_at: datetime | None = None
    token_at: datetime | None = None


FREE = Limit()


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """About an execution and, for a pending one, its surroundings. ``ahead``: ready ones of its tenant that go before it."""

    state: str
    not_before: datetime
    tries: int = 0
    waiting_on: str = ""
    tenant_suspended: bool = False
    queue_paused: bool = False
    has_worker: bool = True
    tenant: Limit = FREE
    queue: Limit = FREE
    job: Limit = FREE
    ahead: int = 0


@dataclass(frozen=True, slots=True)
class Waiting:
    """Why it has not started; ``until`` when the clock alone ends that."""

    code: Wait
    until: datetime | None = None
    ahead: int | None = None


def waiting_for(facts: Facts) -> Waiting | None:
    """None for an execution that has started, has ended, or waits for a decision."""
    match State(facts.state):
        case State.SCHEDULED:
            return Waiting(Wait.BACK_OFF if facts.tries else Wait.NOT_DUE, until=facts.not_before)
        case State.PENDING:
            return _held(facts) or _parked(facts) or _passed_over(facts) or _in_line(facts)
        case State.QUEUED:
            return Waiting(Wait.FREE_WORKER)
    return None


def _held(facts: Facts) -> Waiting | None:
    if facts.tenant_suspended:
        return Waiting(Wait.TENANT_SUSPENDED)
    if facts.queue_paused:
        return Waiting(Wait.QUEUE_PAUSED)
    return None if facts.has_worker else Waiting(Wait.NO_WORKER)


def _parked(facts: Facts) -> Waiting | None:
    code = wait_of(facts.waiting_on)
    match code:
        case None:
            return None
        case Wait.RATE_LIMIT:
            return Waiting(code, until=facts.job.token_at)
        case Wait.JOB_CAP:
            return Waiting(code, until=facts.job.eases_at)
    return Waiting(code)


def _passed_over(facts: Facts) -> Waiting | None:
    for limit, code in ((facts.tenant, Wait.TENANT_CAP), (facts.queue, Wait.QUEUE_CAP)):
        if limit.is_full:
            return Waiting(code, until=limit.eases_at)
        if limit.token_at:
            return Waiting(Wait.RATE_LIMIT, until=limit.token_at)
    return None


def _in_line(facts: Facts) -> Waiting:
    return Waiting(Wait.BEHIND_OTHERS, ahead=facts.ahead) if facts.ahead else Waiting(Wait.FREE_WORKER)
