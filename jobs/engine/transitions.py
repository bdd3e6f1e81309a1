"""The only writer of an execution's state: one function per event of :mod:`jobs.rules.states`.

Each passes the sources and the target of its event from the table to a named statement, whose WHERE
clause is the guard. No row back is a lost race, not an error: the function says so with a falsy value
and the loser stops and writes nothing. Whatever belongs to a transition (the attempt's row, the log's
tail, the event, the dead letter) is in the same statement, so it cannot be half done.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction

from jobs import sql
from jobs.engine import pausing
from jobs.engine.records import NO_PROBLEM, NO_TAIL, Claim, Ended, Ending, Fence, NewExecution, Problem, Skipped, Tail
from jobs.rules.codes import Absence, Failure
from jobs.rules.starts import Start
from jobs.rules.states import TRANSITIONS, Event, State, Transition

OUT_OF_TIME = Problem(code=Failure.TIMEOUT, message="its job's max_total_seconds were over before it was tried again")


def create(rows: Sequence[NewExecution]) -> list[UUID]:
    """Insert executions; ids that exist are left alone. Returns the ids really made."""
    given = [_jsonable(asdict(row)) for row in rows]
    return [row.id for row in sql.run("create", rows=given)] if rows else []


def unblock(execution_id: UUID) -> bool:
    """Its upstreams allow it."""
    return bool(unblock_all([execution_id]))


def unblock_all(execution_ids: Sequence[UUID]) -> set[UUID]:
    """The same for many. Returns those that were blocked."""
    if not execution_ids:
        return set()
    return {row.id for row in sql.run("unblock", ids=list(execution_ids), **_guard(Event.UNBLOCK))}


def settle(rows: Sequence[tuple[NewExecution, timedelta]]) -> dict[UUID, UUID]:
    """Let the executions that wait for events to settle be these instead, and wait until then, each for its cap at most.

    Returns the ids of those that there were, by the ids of those that need not be made any more.
    """
    given = [{**_jsonable(asdict(row)), "cap_seconds": cap.total_seconds()} for row, cap in rows]
    return {row.wanted: row.id for row in sql.run("settle", rows=given, **_guard(Event.SETTLE))} if rows else {}


def return_runs(schedules: Sequence[UUID]) -> None:
    """Runs of these that were planned were left out after all: they do not count, once for each time it is named."""
    if schedules:
        sql.run("return_runs", schedules=list(schedules))


def postpone(starts: Sequence[tuple[UUID, Start]]) -> int:
    """Their execution window closed before they began: they start later. Returns how many."""
    if not starts:
        return 0
    rows = [
        {"id": str(id_), "not_before": start.at.isoformat(), "start_before": start.before and start.before.isoformat()}
        for id_, start in starts
    ]
    return len(sql.run("postpone", rows=rows, **_guard(Event.POSTPONE)))


def ripen(*, now: datetime, limit: int) -> tuple[int, Sequence[UUID]]:
    """Due ones become pending, or skipped by their job's overlap policy.

    Returns how many moved, and those that the policy says are to be cancelled for them: that is the caller's.
    """
    done = sql.run("ripen", now=now, limit=limit, **_guard(Event.RIPEN))[0]
    return_runs(done.left_out or ())
    return int(done.moved), done.superseded


def admit(*, queue: str, room: int, most: int | None = None, lane: int | None = None) -> tuple[list[Any], int]:
    """Queue the next ``room`` executions of a queue, and beyond, up to ``most``, the first of tenants with none in flight.

    Of what goes behind live work ``lane`` at most.

    Returns (rows with id, attempt, timeout_seconds; how many were parked).
    """
    most = room if most is None else most
    lane = most if lane is None else lane
    rows = sql.run("admit", queue=queue, room=room, most=most, lane=lane, **_guard(Event.ADMIT))
    return [row for row in rows if row.id is not None], int(rows[0].parked)


def withdraw(*, limit: int) -> int:
    """What is published while its queue, tenant or job is held is pending again. Returns how many, ``limit`` of each at most."""
    return len(sql.run("withdraw", limit=limit, **_guard(Event.WITHDRAW)))


def expire(*, limit: int) -> int:
    """What has waited too long ends: skipped if it never began, failed if it has used up its time. Returns how many."""
    skip, reject = TRANSITIONS[Event.SKIP], TRANSITIONS[Event.REJECT]
    with transaction.atomic():
        done = _expire(skip, reject, limit)
        pausing.count_failures(done.failed or ())
        return_runs(done.left_out or ())
    return int(done.ended)


def _expire(skip: Transition, reject: Transition, limit: int) -> Any:
    return sql.run(
        "expire", limit=limit, sources=sorted(skip.sources & reject.sources), skipped=str(skip.target),
        failed=str(reject.target), reason=Absence.EXPIRED, **OUT_OF_TIME.columns(),
    )[0]  # fmt: skip


def claim_all(members: Sequence[tuple[UUID, int]], *, worker_id: UUID, worker: str, pid: int) -> list[Claim]:
    """Take what is still to be had of a message's members (execution, attempt), in their order."""
    ids, attempts = [member[0] for member in members], [member[1] for member in members]
    parameters = {"ids": ids, "attempts": attempts, "worker_id": worker_id, "worker": worker, "pid": pid}
    claims = {row.id: Claim(**row._asdict()) for row in sql.run("claim", **parameters, **_guard(Event.CLAIM))}
    return [claims[id_] for id_ in dict.fromkeys(ids) if id_ in claims]


def succeed_all(endings: Sequence[Ending]) -> dict[UUID, Ended]:
    """Those attempts did their work. Returns what happened, without those whose claim was over."""
    counted = {ending.fence.id: ending.counted_job for ending in endings if ending.counted_job}
    if not counted:
        return _end(Event.SUCCEED, endings, "succeeded")
    with transaction.atomic():
        ended = _end(Event.SUCCEED, endings, "succeeded")
        pausing.forget_failures({job for id_, job in counted.items() if id_ in ended})
    return ended


def exhaust(
    fence: Fence, problem: Problem, *, attempt_state: str = "failed", crashes: int = 0, result: Any = None,
    tail: Tail = NO_TAIL,
) -> Ended | None:  # fmt: skip
    """Failed for good: a dead letter. Its job may be paused for it."""
    ending = Ending(fence=fence, result=result, tail=tail)
    with transaction.atomic():
        ended = _end(Event.EXHAUST, [ending], attempt_state, problem=problem, crashes=crashes).get(fence.id)
        if ended is not None and ended.counted_job is not None:
            pausing.count_failures([ended.counted_job])
    return ended


def acknowledge_cancel(fence: Fence, *, attempt_state: str = "cancelled", tail: Tail = NO_TAIL) -> Ended | None:
    """The handler has stopped because somebody asked for it."""
    return _end(Event.ACKNOWLEDGE_CANCEL, [Ending(fence=fence, tail=tail)], attempt_state).get(fence.id)


def retry(
    fence: Fence, problem: Problem, *, delay: timedelta, attempt_state: str = "failed", crashes: int = 0,
    result: Any = None, tail: Tail = NO_TAIL,
) -> Ended | None:  # fmt: skip
    """Failed, and the next attempt is due after ``delay``; cancelled instead if somebody has asked for that."""
    ending = Ending(fence=fence, result=result, tail=tail)
    return _put_back(
        Event.RETRY, [ending], attempt_state, problem=problem, delay=delay, step=1, crashes=crashes
    ).get(fence.id)  # fmt: skip


def release(fence: Fence, *, attempt_state: str = "released", tail: Tail = NO_TAIL) -> Ended | None:
    """The worker goes; the same attempt runs elsewhere, or not if a cancel was asked for."""
    return _put_back(Event.RELEASE, [Ending(fence=fence, tail=tail)], attempt_state).get(fence.id)


def release_all(fences: Sequence[Fence]) -> dict[UUID, Ended]:
    """Their turn in a batch did not come. Returns what happened, without those whose claim was over."""
    return _put_back(Event.RELEASE, [Ending(fence=fence) for fence in fences], "released")


def defer(fence: Fence, *, delay: timedelta, keep: Any = None, tail: Tail = NO_TAIL) -> Ended | None:
    """The handler looks again later, and then knows what it is to keep; not if a cancel was asked for."""
    ending = Ending(fence=fence, result=keep, tail=tail)
    return _put_back(Event.DEFER, [ending], "deferred", delay=delay).get(fence.id)


def suspend(fence: Fence, *, at_most: timedelta, tail: Tail = NO_TAIL) -> Ended | None:
    """The handler waits for what somebody else ends; the same attempt goes on then, or not if a cancel was asked for."""
    return _put_back(Event.SUSPEND, [Ending(fence=fence, tail=tail)], "suspended", at_most=at_most).get(fence.id)


def resume(*, limit: int) -> int:
    """What is suspended goes on, if its time has come or it was woken. Returns how many."""
    return len(sql.run("resume", limit=limit, **_guard(Event.UNBLOCK)))


def reject(execution_id: UUID, message: str) -> bool:
    """It cannot be run as it is stored: failed, and a dead letter."""
    return _end_waiting(Event.REJECT, execution_id, problem=Problem(code=Failure.CONFIG_INVALID, message=message))


def skip(execution_id: UUID, reason: str) -> bool:
    """It will not run, and ``reason`` says why."""
    return _end_waiting(Event.SKIP, execution_id, reason=reason)


def skip_all(execution_ids: Sequence[UUID], reason: str, *, because: str = "") -> set[UUID]:
    """They will not run; ``because`` says why in a person's words. Returns those that were still waiting."""
    if not execution_ids:
        return set()
    rows = sql.run("skip_all", ids=list(execution_ids), reason=reason, because=because, **_guard(Event.SKIP))
    return_runs([row.schedule_id for row in rows if row.schedule_id is not None])
    return {row.id for row in rows}


def skip_of_operation(
    operation_id: UUID, *, limit: int, before: datetime | None = None, cuts: Mapping[str, str] | None = None
) -> Skipped:
    """What of an operation no worker holds, published or not, will not run: older than ``before``, or than its schedule's
    in ``cuts``; all of it if neither is given."""
    everything = before is None and cuts is None
    found = sql.run(
        "skip_of_operation", operation_id=operation_id, limit=limit, everything=everything, before=before,
        cuts=sql.json(dict(cuts or {})), reason=Absence.NO_LONGER_NEEDED, **_guard(Event.SKIP),
    )[0]  # fmt: skip
    return_runs(found.left_out)
    return Skipped(found.skipped, found.unwanted)


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


def cancel_all(execution_ids: Sequence[UUID]) -> set[UUID]:
    """The same for many, whose rows the caller has locked. Returns those that had not ended."""
    return {row.id for row in sql.run("cancel_all", ids=list(execution_ids), **_guard(Event.CANCEL))}


#: Kinds of the events that tell of an execution which goes on later.
_PAST = {Event.RETRY: "retried", Event.RELEASE: "released", Event.DEFER: "deferred", Event.SUSPEND: "suspended"}


@transaction.atomic
def cancel_waiting_of(*, tenant_id: UUID, job_id: UUID) -> int:
    """Cancel every execution of a job that nobody holds. Returns how many."""
    rows = sql.run("end_waiting_of_job", tenant_id=tenant_id, job_id=job_id, **_guard(Event.CANCEL))
    return int(rows[0].ended)


def _guard(event: Event) -> dict[str, Any]:
    transition = TRANSITIONS[event]
    return {"sources": sorted(transition.sources), "target": str(transition.target)}


def _end(
    event: Event, endings: Sequence[Ending], attempt_state: str, *, problem: Problem = NO_PROBLEM, crashes: int = 0
) -> dict[UUID, Ended]:
    parameters = {**problem.columns(), "attempt_state": attempt_state, "crashes": crashes}
    rows = sql.run("end_running", rows=[ending.row() for ending in endings], **parameters, **_guard(event))
    return {row.id: Ended(row.frees_somebody, row.counted_job) for row in rows}


def _put_back(
    event: Event,
    endings: Sequence[Ending],
    attempt_state: str,
    *,
    problem: Problem = NO_PROBLEM,
    delay: timedelta = timedelta(),
    at_most: timedelta | None = None,
    step: int = 0,
    crashes: int = 0,
) -> dict[UUID, Ended]:
    parameters = {**problem.columns(), "attempt_state": attempt_state, "crashes": crashes}
    again = {"kind": f"execution.{_PAST[event]}", "delay": delay, "at_most": at_most, "step": step}
    rows = sql.run("put_back", rows=[ending.row() for ending in endings], **again, **parameters, **_guard(event))
    moved = {row.id: Ended(row.frees_somebody) for row in rows}
    if refused := [ending for ending in endings if ending.fence.id not in moved]:
        # Because the claim is over, or because of a wish to cancel: it must not go on, nor start again.
        moved |= _end(Event.ACKNOWLEDGE_CANCEL, refused, attempt_state, problem=problem, crashes=crashes)
    return moved


def _end_waiting(event: Event, execution_id: UUID, *, reason: str = "", problem: Problem = NO_PROBLEM) -> bool:
    with transaction.atomic():
        rows = sql.run("end_waiting", id=execution_id, reason=reason, **problem.columns(), **_guard(event))
        pausing.count_failures([row.failed_job for row in rows if row.failed_job])
    return bool(rows)


def _jsonable(row: dict[str, Any]) -> dict[str, Any]:
    return {key: str(value) if isinstance(value, UUID | datetime) else value for key, value in row.items()}
