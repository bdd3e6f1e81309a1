"""What users ask of executions: run a job now or later, cancel, run again."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction

from jobs import errors, handlers, selectors, sql
from jobs.engine import dispatch, quotas, transitions
from jobs.engine.records import NewExecution
from jobs.models import Execution, Job, TriggerKind
from jobs.rules import identity, states
from jobs.rules.codes import Absence
from jobs.services import changes, deduplication, new_executions, reasons
from jobs.services.deduplication import Taken
from tenants import actors
from tenants.errors import NotFound
from tenants.models import Tenant
from tenants.refused_items import RefusedItems
from tenants.services import audit

#: Further ahead an id would lie beyond the partitions; a schedule of kind once waits longer.
LONGEST_AHEAD = timedelta(days=90)
#: Of the payloads of a batch, in characters: each is told in full, and the answer may be kept for repetitions.
MOST_TOLD = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Wish:
    """To run a job now, or at ``run_at``; without a job, one that is not there. ``payload`` overrides the job's."""

    job: Job | None
    payload: Mapping[str, Any] | None = None
    run_at: datetime | None = None
    dedup_key: str | None = None


def trigger(
    *,
    job: Job,
    payload: Mapping[str, Any] | None = None,
    run_at: datetime | None = None,
    dedup_key: str | None = None,
) -> Execution:
    """Run a job now, or at ``run_at``. ``payload`` overrides the job's, key by key.

    What comes back is ``deduplicated`` if another request with this ``dedup_key``, or the job's, has made it already.
    """
    require_run(job, payload)
    key = deduplication.key_of(job, payload, dedup_key)
    return _create(job, TriggerKind.MANUAL, overrides=payload, run_at=run_at, dedup_key=key)


def trigger_all(*, tenant: Tenant, wishes: Sequence[Wish]) -> list[Execution]:
    """Each of them as :func:`trigger` does, in their order; all or none. Whatever is refused is named by its place."""
    actors.require("executions:run", tenant=tenant)
    now, refusals = _now(), RefusedItems("executions")
    made: list[tuple[NewExecution, Job]] = []
    # In the order of their ids, by which they are listed.
    for place, (wish, id_) in enumerate(zip(wishes, sorted(identity.request_id(now) for _ in wishes), strict=True)):
        with refusals.of(place):
            job = _there(wish.job)
            require_run(job, wish.payload)
            key = deduplication.key_of(job, wish.payload, wish.dedup_key)
            row = _row(
                job, TriggerKind.MANUAL, run_at=wish.run_at, now=now, dedup_key=key, about={"overrides": wish.payload}
            )
            made.append((replace(row, id=id_), job))
    refusals.raise_any()
    _refuse_too_large(made)
    with transaction.atomic():
        taken = deduplication.take_all(made, refusals)
        refusals.raise_any()
        _create_all(tenant, [(*asked, each) for asked, each in zip(made, taken, strict=True) if not each.existing])
    ids = [each.existing or row.id for (row, _), each in zip(made, taken, strict=True)]
    stored = selectors.executions().in_bulk(ids)
    return [_told(stored[id_], each) for id_, each in zip(ids, taken, strict=True)]


def replay(
    *, execution: Execution, payload: Mapping[str, Any] | None = None, with_downstream: bool = False
) -> Execution:
    """Run an ended execution again, as a new one of the job's newest revision.

    Its payload overrides are kept; ``payload`` goes over them, key by key. Jobs that depend on its job are started with it only
    ``with_downstream``.
    """
    require_run(execution.job, payload)
    state = states.State(execution.state)
    if state not in states.TERMINAL:
        message = f"only an execution that has ended can be run again; this one is {state}"
        raise errors.InvalidState(message, state=state, allowed_actions=states.allowed_actions(state))
    overrides = {**(execution.payload or {}), **(payload or {})}
    with transaction.atomic():
        # So that an operation, which replays nothing twice, either sees this replay or is seen by nobody before it.
        Execution.objects.select_for_update(no_key=True).filter(pk=execution.pk).first()
        return _create(
            execution.job,
            TriggerKind.REPLAY,
            overrides=overrides,
            replay_of=execution.pk,
            event=execution.event,
            with_downstream=with_downstream,
        )


def cancel(*, execution: Execution) -> Execution:
    """Cancelled at once while it waits; a running one is asked to stop and says so when it has."""
    actors.require("executions:run", tenant=execution.tenant_id)
    with transaction.atomic():
        if transitions.cancel(execution.pk) is None:
            state = states.State(_current(execution.pk).state)
            message = f"this execution has ended already: it is {state}"
            raise errors.InvalidState(message, state=state, allowed_actions=states.allowed_actions(state))
        _record("execution.cancel_requested", execution, execution.job, {"cancel_requested": [False, True]})
        dispatch.ring_after_commit()  # the room it leaves may be waited for
    return _current(execution.pk)


def skip(*, execution: Execution, reason: str) -> Execution:
    """It will not run, for this ``reason``; only what waits can be skipped."""
    actors.require("executions:run", tenant=execution.tenant_id)
    because = reasons.required(reason)
    with transaction.atomic():
        before = Execution.objects.select_for_update(no_key=True).get(pk=execution.pk).state
        if not transitions.skip_all([execution.pk], Absence.SKIPPED_BY_HAND, because=because):
            state = states.State(before)
            ways = ": it has started, so cancel it instead" if state is states.State.RUNNING else ""
            message = f"only what waits can be skipped; this execution is {state}{ways}"
            raise errors.InvalidState(message, state=state, allowed_actions=states.allowed_actions(state))
        changed = {"state": [before, states.State.SKIPPED], "reason": ["", Absence.SKIPPED_BY_HAND]}
        _record("execution.skipped", execution, execution.job, changed, reason=because)
        dispatch.ring_after_commit()  # what it kept waiting may go on
    return _current(execution.pk)


def _create(
    job: Job,
    kind: TriggerKind,
    *,
    overrides: Mapping[str, Any] | None,
    run_at: datetime | None = None,
    replay_of: UUID | None = None,
    event: Mapping[str, Any] | None = None,
    dedup_key: str = "",
    with_downstream: bool | None = None,
) -> Execution:
    about = {"overrides": overrides, "replay_of": replay_of, "event": event}
    row = replace(
        _row(job, kind, run_at=run_at, now=_now(), dedup_key=dedup_key, about=about), with_downstream=with_downstream
    )
    with transaction.atomic():
        taken = deduplication.take(job, row)
        if taken.existing:
            return _told(_current(taken.existing), taken)
        quotas.draw(job.tenant)
        transitions.create([row])
        execution = _current(row.id)
        action = "execution.triggered" if replay_of is None else "execution.replayed"
        _record(action, execution, job, _asked(row, job, taken))
        dispatch.ring_after_commit()
    return execution


def _create_all(tenant: Tenant, made: Sequence[tuple[NewExecution, Job, Taken]]) -> None:
    if not made:
        return
    quotas.draw(tenant, len(made))
    transitions.create([row for row, _, _ in made])
    changed = {row.id: _asked(row, job, taken) for row, job, taken in made}
    audit.record_all(action="execution.triggered", object_type="execution", tenant=tenant, changes=changed)
    dispatch.ring_after_commit()


def _told(execution: Execution, taken: Taken) -> Execution:
    """As the request hears of it: several of a batch may hear of the same."""
    told = copy(execution)
    told.deduplicated = taken.existing is not None
    return told


def _row(
    job: Job, kind: TriggerKind, *, run_at: datetime | None, now: datetime, dedup_key: str, about: Mapping[str, Any]
) -> NewExecution:
    if run_at is not None and run_at > now + LONGEST_AHEAD:
        message = f"must be at most {LONGEST_AHEAD.days} days ahead: use a schedule of kind once"
        raise errors.invalid({"run_at": [message]})
    row = new_executions.prepare(job, kind, now=now, run_at=run_at, **about)
    return replace(row, dedup_key=dedup_key)


def _refuse_too_large(made: Sequence[tuple[NewExecution, Job]]) -> None:
    """A few names in a request may stand for large payloads of jobs."""
    of_jobs = {job.pk: len(json.dumps(job.payload)) for _, job in made}
    if sum(of_jobs[job.pk] + len(json.dumps(row.payload)) for row, job in made) > MOST_TOLD:
        message = f"have payloads of more than {MOST_TOLD // 1024**2} MiB together: ask for fewer at once"
        raise errors.invalid({"executions": [message]})


def _now() -> datetime:
    """The engine's: on another clock, it would be due too early or too late."""
    now: datetime = sql.run("clock")[0].now
    return now


def _there(job: Job | None) -> Job:
    if job is None:
        raise NotFound.about("job", "there is no such job here")
    return job


def require_run(job: Job, payload: Mapping[str, Any] | None) -> None:
    """To run it, and to change the job itself for whoever gives more than what it works on."""
    actors.require("executions:run", tenant=job.tenant_id)
    known = handlers.registered().get(job.type)
    instructions = sorted(set(payload or {}) - (known.inputs if known else frozenset()))
    if instructions and not actors.current().may("jobs:write"):
        raise actors.MissingPermission(
            f"payload.{instructions[0]} says what a {job.type} job does: to override it takes jobs:write",
            details={"required": "jobs:write", "fields": instructions},
        )
    if instructions:
        actors.require("jobs:write", tenant=job.tenant_id, owner=job.owner)


def _current(execution_id: UUID) -> Execution:
    return selectors.executions().get(pk=execution_id)


def _asked(row: NewExecution, job: Job, taken: Taken = deduplication.FREE) -> dict[str, Any]:
    asked = {
        "job": job.name,
        "run_at": row.scheduled_for.isoformat() if row.scheduled_for else None,
        "replay_of": str(row.replay_of) if row.replay_of else None,
        "with_downstream": row.with_downstream or None,
        "replaces": str(taken.replaced) if taken.replaced else None,
        "payload": row.payload,
    }
    return changes.between({}, asked)


def _record(action: str, execution: Execution, job: Job, changed: dict[str, Any], reason: str = "") -> None:
    audit.record(
        action=action,
        object_type="execution",
        object_id=execution.pk,
        tenant=job.tenant,
        changes=changed,
        reason=reason,
    )
