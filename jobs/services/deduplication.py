"""Requests with the same key make one execution: a key is taken in the transaction that makes it.

    key ──► free ──► the new execution has it
       └──► taken ──► reject ──► refused, naming the one that has it
                  ├─► return_existing ──► that one is the answer
                  └─► replace ──► no worker holds it ──► it is skipped, and the new one has its key
                              └─► it runs, or has run ──► that one is the answer

It is taken for its window, or while its execution has not ended. That is read from the execution, so no end of one costs
anything here. Of any number at once the unique key lets one make it; the others wait for that one's commit. Who takes a key
over locks it first; whoever finds then that another one has taken it lets it go at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any
from uuid import UUID

from django.db import transaction

from jobs import errors, sql
from jobs.engine import transitions
from jobs.engine.records import NewExecution
from jobs.models import Duplicate, Job
from jobs.rules import concurrency_keys
from jobs.rules.codes import Absence
from jobs.rules.states import TERMINAL, WAITING, State
from tenants.fields import new_id
from tenants.refused_items import RefusedItems

#: Each time a key was pruned, or an execution claimed, at that very moment. Whoever has that so often is told to come again.
_MOST_TRIES = 10


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of a key: the execution that has it already, if any; the one that was skipped for the new one, if any."""

    existing: UUID | None = None
    replaced: UUID | None = None


FREE = Taken()


def key_of(job: Job, overrides: Mapping[str, Any] | None, given: str | None) -> str:
    """The key of a request: its own, or the job's as it reads for the payload; empty for none."""
    if given and (len(given) > concurrency_keys.LONGEST or not given.isprintable()):
        message = f"must have at most {concurrency_keys.LONGEST} characters, and no control characters"
        raise errors.invalid({"dedup_key": [message]})
    return given or concurrency_keys.render(job.dedup_key, {**job.payload, **(overrides or {})})


def take(job: Job, row: NewExecution) -> Taken:
    """Take the key of an execution to be, or hear which one has it; in the transaction that makes it, before it is made.

    Raises:
        Conflict: one has it, and the job says ``reject``.
        TaskLocked: another request has held it for too long.
    """
    if not row.dedup_key:
        return FREE
    with errors.locking(job.name):
        for _ in range(_MOST_TRIES):
            if sql.run("take_key", id=new_id(), **_key(row), **_new_holder(job, row)):
                return FREE
            if taken := _found(job, row) or _taken_over(job, row):
                return taken
    raise errors.TaskLocked(job.name)


def take_all(asked: Sequence[tuple[NewExecution, Job]], refusals: RefusedItems) -> list[Taken]:
    """The same for many, in their order. Of those with one key one is made: the first, or with ``replace`` the last."""
    settled = [FREE] * len(asked)
    keyed = [place for place, (row, _) in enumerate(asked) if row.dedup_key]
    # In one order, so that no two batches wait for each other.
    for _, group in groupby(sorted(keyed, key=lambda place: _order(asked[place])), lambda place: _order(asked[place])):
        places = list(group)
        job = asked[places[0]][1]
        chosen = places[-1 if job.dedup_conflict == Duplicate.REPLACE else 0]
        row = asked[chosen][0]
        with refusals.of(chosen), transaction.atomic():
            settled[chosen] = take(job, row)
        for place in set(places) - {chosen}:
            with refusals.of(place):
                settled[place] = _another(job, settled[chosen].existing or row.id)
    return settled


def _order(asked: tuple[NewExecution, Job]) -> tuple[UUID, str]:
    return asked[0].job_id, asked[0].dedup_key


def _found(job: Job, row: NewExecution) -> Taken | None:
    """The execution that has the key, as the answer; None if the new one may have it. Waits for nobody."""
    holders = sql.run("holder_of_key", **_key(row))
    return _answer(job, holders[0]) if holders else None


def _taken_over(job: Job, row: NewExecution) -> Taken | None:
    """The key, from an execution that has it no more or is to be replaced; None if that has changed meanwhile."""
    before = transaction.savepoint()
    if not sql.run("lock_key", **_key(row)):
        return None
    (holder,) = sql.run("holder_of_key", **_key(row))
    if taken := _answer(job, holder):
        # Nothing was written, and the others wait for it: they must not do so until this whole request has ended.
        transaction.savepoint_rollback(before)
        return taken
    replaced = holder.execution_id if _is_held(job, holder) else None
    if replaced and not transitions.skip(replaced, Absence.REPLACED):
        return None  # it was claimed, or has ended
    sql.run("take_key_over", id=holder.id, **_new_holder(job, row))
    return Taken(replaced=replaced)


def _answer(job: Job, holder: Any) -> Taken | None:
    if not _is_held(job, holder) or (job.dedup_conflict == Duplicate.REPLACE and holder.state in WAITING):
        return None
    if holder.state is None:
        raise _refusal(holder.execution_id, "which is not kept any more")
    return _another(job, holder.execution_id)


def _is_held(job: Job, holder: Any) -> bool:
    is_active = holder.state is not None and State(holder.state) not in TERMINAL
    return bool(holder.is_within or (job.dedup_seconds is None and is_active))


def _another(job: Job, existing: UUID) -> Taken:
    if job.dedup_conflict == Duplicate.REJECT:
        raise _refusal(existing, "and the job rejects another one")
    return Taken(existing=existing)


def _refusal(existing: UUID, why: str) -> errors.Conflict:
    message = f"the execution {existing} has this deduplication key, {why}"
    return errors.Conflict(message, details={"execution": str(existing)})


def _key(row: NewExecution) -> dict[str, Any]:
    return {"tenant_id": row.tenant_id, "scope": f"dedup:{row.job_id}", "key": row.dedup_key}


def _new_holder(job: Job, row: NewExecution) -> dict[str, Any]:
    return {"execution_id": row.id, "seconds": float(job.dedup_seconds or 0)}
