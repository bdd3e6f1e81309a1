"""What keeps an execution from starting, from what is known about it and its surroundings.

The order is that of what an operator should lift first: a hold before a missing worker, that before a
cap, and the line only when nothing else is in the way.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from jobs.rules.codes import Wait, is_of_key, wait_of
from jobs.rules.states import State


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """How a tenant, a queue, a job or a key stands to its cap and rate. ``eases_at`` is the end of a throttle that is its cap now.

    ``most`` and ``used`` are the cap and what is in flight under it, as far as whoever asks may know.
    """

    is_full: bool = False
    most: int | None = None
    used: int | None = None
    rate: str = ""
    eases_at: datetime | None = None
    token_at: datetime | None = None


FREE = Limit()


@dataclass(frozen=True, slots=True)
class Maintenance:
    """A window that holds it: until then, and why."""

    until: datetime
    why: str = ""


@dataclass(frozen=True, slots=True)
class TagPause:
    """A paused tag that holds it: until then if that is known, and why."""

    until: datetime | None
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """About an execution and, for a pending one, its surroundings. ``ahead``: ready ones of its tenant that go before it."""

    state: str
    not_before: datetime
    tries: int = 0
    waiting_on: str = ""
    tenant_suspended: bool = False
    queue_paused: bool = False
    maintenance: Maintenance | None = None
    tag_pause: TagPause | None = None
    outside_window: bool = False
    #: Of one that is due: since when no engine has been heard of, in words; empty while one is.
    engine_silent: str = ""
    has_worker: bool = True
    tenant: Limit = FREE
    queue: Limit = FREE
    job: Limit = FREE
    key: Limit = FREE
    #: Of its operation, and of all that goes behind live work in its queue.
    pace: Limit = FREE
    lane: Limit = FREE
    operation_paused: bool = False
    ahead: int = 0
    #: Of one that executors claim: what it waits for, in words.
    executors: str = ""
    #: Of a blocked one: what it waits for, in words, and until when at most. One that has been tried is suspended.
    upstreams: str = ""
    gives_up_at: datetime | None = None
    #: Whose decision it waits for, in words.
    deciders: str = ""


@dataclass(frozen=True, slots=True)
class Waiting:
    """Why it has not started; ``until`` when the clock alone ends that. ``limit`` and ``used`` are of the cap it waits for."""

    code: Wait
    until: datetime | None = None
    ahead: int | None = None
    limit: int | None = None
    used: int | None = None
    rate: str = ""
    why: str = ""


def waiting_for(facts: Facts) -> Waiting | None:
    """None for an execution that runs, or has ended."""
    match State(facts.state):
        case State.SCHEDULED:
            return _silent(facts) or _not_due(facts)
        case State.PENDING:
            return (
                _silent(facts)
                or _held(facts)
                or _unclaimed(facts)
                or _parked(facts)
                or _passed_over(facts)
                or _in_line(facts)
            )
        case State.QUEUED:
            return Waiting(Wait.AWAITING_EXECUTOR if facts.executors else Wait.FREE_WORKER, why=facts.executors)
        case State.BLOCKED:
            return _blocked(facts)
    return None


def _silent(facts: Facts) -> Waiting | None:
    return Waiting(Wait.NO_ENGINE, why=facts.engine_silent) if facts.engine_silent else None


def _not_due(facts: Facts) -> Waiting:
    if facts.outside_window:
        return Waiting(Wait.OUTSIDE_WINDOW, until=facts.not_before)
    return Waiting(Wait.BACK_OFF if facts.tries else Wait.NOT_DUE, until=facts.not_before)


def _blocked(facts: Facts) -> Waiting | None:
    if facts.deciders:
        return Waiting(Wait.AWAITING_APPROVAL, until=facts.gives_up_at, why=facts.deciders)
    if facts.tries or facts.upstreams:
        code = Wait.SUSPENDED if facts.tries else Wait.AWAITING_UPSTREAM
        return Waiting(code, until=facts.gives_up_at, why=facts.upstreams)
    return None


def _held(facts: Facts) -> Waiting | None:
    if facts.tenant_suspended:
        return Waiting(Wait.TENANT_SUSPENDED)
    if facts.queue_paused:
        return Waiting(Wait.QUEUE_PAUSED)
    if facts.maintenance:
        return Waiting(Wait.MAINTENANCE, until=facts.maintenance.until, why=facts.maintenance.why)
    if facts.tag_pause:
        return Waiting(Wait.TAG_PAUSED, until=facts.tag_pause.until, why=facts.tag_pause.why)
    return None if facts.has_worker else Waiting(Wait.NO_WORKER)


def _unclaimed(facts: Facts) -> Waiting | None:
    """It is parked for want of an executor, or nothing else is in its way."""
    if facts.executors and wait_of(facts.waiting_on) is Wait.AWAITING_EXECUTOR:
        return Waiting(Wait.AWAITING_EXECUTOR, why=facts.executors)
    return None


def _parked(facts: Facts) -> Waiting | None:
    code = wait_of(facts.waiting_on)
    match code:
        case None:
            return None
        case Wait.RATE_LIMIT:
            metered = facts.key if is_of_key(facts.waiting_on) else facts.job
            return Waiting(code, until=metered.token_at, rate=metered.rate)
        case Wait.JOB_CAP:
            return _full(code, facts.job)
        case Wait.KEY_CAP:
            return _full(code, facts.key)
        case Wait.PACE:
            return Waiting(Wait.OPERATION_PAUSED) if facts.operation_paused else _full(code, facts.pace)
    return Waiting(code)


def _passed_over(facts: Facts) -> Waiting | None:
    for limit, code in (
        (facts.tenant, Wait.TENANT_CAP),
        (facts.queue, Wait.QUEUE_CAP),
        (facts.lane, Wait.PACE),
    ):
        if limit.is_full:
            return _full(code, limit)
        if limit.token_at:
            return Waiting(Wait.RATE_LIMIT, until=limit.token_at, rate=limit.rate)
    return None


def _full(code: Wait, limit: Limit) -> Waiting:
    return Waiting(code, until=limit.eases_at, limit=limit.most, used=limit.used)


def _in_line(facts: Facts) -> Waiting:
    return Waiting(Wait.BEHIND_OTHERS, ahead=facts.ahead) if facts.ahead else Waiting(Wait.FREE_WORKER)


#: What ends as room is left by others, so that the pace of the last minutes says how long it takes.
_DRAINING = frozenset({Wait.TENANT_CAP, Wait.QUEUE_CAP, Wait.JOB_CAP, Wait.OVERLAP, Wait.BEHIND_OTHERS})


def seconds_left(found: Waiting, *, position: int | None, per_second: float | None, now: datetime) -> float | None:
    """About how long until it starts; None where nobody can know.

    ``position`` is its place in the line, from 1; ``per_second`` how many ended there lately, None if too few.
    """
    if found.until is not None and (found.limit == 0 or found.code not in _DRAINING):
        return max((found.until - now).total_seconds(), 0.0)
    if found.code not in _DRAINING or found.limit == 0 or not position or not per_second:
        return None
    return position / per_second
