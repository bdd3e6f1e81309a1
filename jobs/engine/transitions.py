"""The only writer of an execution's state: one function per event of :mod:`jobs.rules.states`.

Each passes the sources and the target of its event from the table to a named statement, whose WHERE
clause is the guard. No row back is a lost race, not an error: the function says so with a falsy value
and the loser stops and writes nothing. Whatever belongs to a transition (the attempt's row, the log's
tail, the event, the dead letter) is in the same statement, so it cannot be half done.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from jobs import sql
from jobs.rules.codes import Failure
from jobs.rules.states import TRANSITIONS, Event, State

#: A line of a log: [ISO instant, level, stream, message].
Line = list[Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class NewExecution:
    """A row to be. A ``skipped`` one is a slot that does not run and needs its reason."""

    id: UUID
    tenant_id: UUID
    job_id: UUID
    revision: int
    trigger: str
    not_before: datetime
    queue_id: str
    priority: int
    timeout_seconds: float
    max_attempts: int
    schedule_id: UUID | None = None
    triggered_by: str = ""
    replay_of: UUID | None = None
    state: str = State.SCHEDULED
    reason: str = ""
    scheduled_for: datetime | None = None
    folded_until: datetime | None = None
    folded_count: int | None = None
    payload: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What a claim returned: the right to run one attempt, fenced by ``epoch``."""

    id: UUID
    attempt_id: UUID
    tenant_id: UUID
    tenant: str
    allowed_hosts: Sequence[str]
    allowed_callables: Sequence[str]
    job_id: UUID
    job: str
    spec: Mapping[str, Any] | None
    payload: Mapping[str, Any] | None
    attempt: int
    crashes: int
    epoch: int
    timeout_seconds: float
    last_seq: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Fence:
    """Whose claim a write belongs to."""

    id: UUID
    attempt_id: UUID
    epoch: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Why an attempt did not succeed; empty when nothing went wrong."""

    code: str = ""
    message: str = ""

    def columns(self) -> dict[str, str]:
        return {"error_code": self.code, "error_message": self.message, "error_fingerprint": fingerprint(self)}


NO_PROBLEM = Problem()


@dataclass(frozen=True, slots=True, kw_only=True)
class Tail:
    """The lines of a log that are not stored yet, and the sequence number of the first."""

    first_seq: int = 0
    lines: list[Line] = field(default_factory=list)


NO_TAIL = Tail()


def fingerprint(problem: Problem) -> str:
    """Equal for errors that differ only in numbers, ids and quoted text."""
    if not problem.code:
        return ""
    shape = re.sub(r"'[^']*'|\"[^\"]*\"|0x[0-9a-f]+|[0-9a-f]{8}-[0-9a-f-]{27}|\d+", "?", problem.message)
    return hashlib.sha256(f"{problem.code}\0{shape}".encode()).hexdigest()[:16]


def create(rows: Sequence[NewExecution]) -> list[UUID]:
    """Insert executions; ids that exist are left alone. Returns the ids really made."""
    if not rows:
        return []
    return [row.id for row in sql.run("create", rows=[_jsonable(asdict(row)) for row in rows])]


def unblock(execution_id: UUID) -> bool:
    """Its upstreams allow it."""
    return bool(sql.run("unblock", id=execution_id, **_guard(Event.UNBLOCK)))


def ripen(*, now: datetime, limit: int) -> int:
    """Due ones become pending, or skipped by their job's overlap policy. Returns how many moved."""
    return int(sql.run("ripen", now=now, limit=limit, **_guard(Event.RIPEN))[0].moved)


def admit(*, queue: str, room: int) -> tuple[list[Any], int]:
    """Queue the next ``room`` executions of a queue. Returns (rows with id, attempt, timeout_seconds; how many were parked)."""
    rows = sql.run("admit", queue=queue, room=room, **_guard(Event.ADMIT))
    return [row for row in rows if row.id is not None], int(rows[0].parked)


def claim(execution_id: UUID, *, attempt: int, worker_id: UUID, worker: str, pid: int) -> Claim | None:
    """Take a published execution; None if another worker did, or it is no longer published."""
    parameters = {"id": execution_id, "attempt": attempt, "worker_id": worker_id, "worker": worker, "pid": pid}
    rows = sql.run("claim", **parameters, **_guard(Event.CLAIM))
    return Claim(**rows[0]._asdict()) if rows else None


@dataclass(frozen=True, slots=True)
class Ended:
    """A transition out of running happened; ``frees_somebody`` if a parked one waits for the room it leaves."""

    frees_somebody: bool


def succeed(fence: Fence, *, result: Any = None, tail: Tail = NO_TAIL) -> Ended | None:
    """The attempt did its work."""
    return _end(Event.SUCCEED, fence, "succeeded", result=result, tail=tail)


def exhaust(
    fence: Fence,
    problem: Problem,
    *,
    attempt_state: str = "failed",
    crashes: int = 0,
    result: Any = None,
    tail: Tail = NO_TAIL,
) -> Ended | None:
    """Failed for good: a dead letter."""
    return _end(Event.EXHAUST, fence, attempt_state, problem=problem, crashes=crashes, result=result, tail=tail)


def acknowledge_cancel(fence: Fence, *, attempt_state: str = "cancelled", tail: Tail = NO_TAIL) -> Ended | None:
    """The handler has stopped because somebody asked for it."""
    return _end(Event.ACKNOWLEDGE_CANCEL, fence, attempt_state, tail=tail)


def retry(
    fence: Fence,
    problem: Problem,
    *,
    delay: timedelta,
    attempt_state: str = "failed",
    crashes: int = 0,
    result: Any = None,
    tail: Tail = NO_TAIL,
) -> Ended | None:
    """Failed, and the next attempt is due after ``delay``; cancelled instead if somebody has asked for that."""
    return _put_back(
        Event.RETRY,
        fence,
        attempt_state,
        problem=problem,
        delay=delay,
        step=1,
        crashes=crashes,
        result=result,
        tail=tail,
    )


def release(fence: Fence, *, tail: Tail = NO_TAIL) -> Ended | None:
    """The worker goes; the same attempt runs elsewhere, or not if a cancel was asked for."""
    return _put_back(Event.RELEASE, fence, "released", tail=tail)


def defer(fence: Fence, *, delay: timedelta, tail: Tail = NO_TAIL) -> Ended | None:
    """The handler asked to look again later; the same attempt goes on, or not if a cancel was asked for."""
    return _put_back(Event.DEFER, fence, "deferred", delay=delay, tail=tail)


def reject(execution_id: UUID, message: str) -> bool:
    """It cannot be run as it is stored: failed, and a dead letter."""
    return _end_waiting(Event.REJECT, execution_id, problem=Problem(code=Failure.CONFIG_INVALID, message=message))


def skip(execution_id: UUID, reason: str) -> bool:
    """It will not run, and ``reason`` says why."""
    return _end_waiting(Event.SKIP, execution_id, reason=reason)


def cancel(execution_id: UUID) -> State | None:
    """Cancel a waiting one at once, ask for it if running; None if it has ended already.

    Both are tried twice: between the two statements it may have been claimed, or given back.
    """
    for _ in range(2):
        if _end_waiting(Event.CANCEL, execution_id):
            return State.CANCELLED
        if sql.run("request_cancel", id=execution_id):
            return State.RUNNING
    return None


#: Kinds of the events that tell of an execution which goes on later.
_PAST = {Event.RETRY: "retried", Event.RELEASE: "released", Event.DEFER: "deferred"}


def cancel_waiting_of(*, tenant_id: UUID, job_id: UUID) -> int:
    """Cancel every execution of a job that no worker holds. Returns how many."""
    rows = sql.run("end_waiting_of_job", tenant_id=tenant_id, job_id=job_id, **_guard(Event.CANCEL))
    return int(rows[0].ended)


def _guard(event: Event) -> dict[str, Any]:
    transition = TRANSITIONS[event]
    return {"sources": sorted(transition.sources), "target": str(transition.target)}


def _end(
    event: Event,
    fence: Fence,
    attempt_state: str,
    *,
    problem: Problem = NO_PROBLEM,
    crashes: int = 0,
    result: Any = None,
    tail: Tail,
) -> Ended | None:
    parameters = {**asdict(fence), **problem.columns(), "attempt_state": attempt_state, "crashes": crashes}
    rows = sql.run("end_running", **parameters, **_guard(event), **_stored(result, tail))
    return Ended(rows[0].frees_somebody) if rows else None


def _put_back(
    event: Event,
    fence: Fence,
    attempt_state: str,
    *,
    problem: Problem = NO_PROBLEM,
    delay: timedelta = timedelta(),
    step: int = 0,
    crashes: int = 0,
    result: Any = None,
    tail: Tail,
) -> Ended | None:
    parameters = {**asdict(fence), **problem.columns(), "attempt_state": attempt_state, "crashes": crashes}
    kind = f"execution.{_PAST[event]}"
    rows = sql.run(
        "put_back", kind=kind, delay=delay, step=step, **parameters, **_guard(event), **_stored(result, tail)
    )
    if rows:
        return Ended(rows[0].frees_somebody)
    # Refused because the claim is over, or because of a wish to cancel: it must not go on, nor start again.
    outcome = {"problem": problem, "crashes": crashes, "result": result, "tail": tail}
    return _end(Event.ACKNOWLEDGE_CANCEL, fence, attempt_state, **outcome)


def _end_waiting(event: Event, execution_id: UUID, *, reason: str = "", problem: Problem = NO_PROBLEM) -> bool:
    return bool(sql.run("end_waiting", id=execution_id, reason=reason, **problem.columns(), **_guard(event)))


def _stored(result: Any, tail: Tail) -> dict[str, Any]:
    return {"result": sql.json(result), "lines": sql.json(tail.lines), "first_seq": tail.first_seq}


def _jsonable(row: dict[str, Any]) -> dict[str, Any]:
    return {key: str(value) if isinstance(value, UUID | datetime) else value for key, value in row.items()}
