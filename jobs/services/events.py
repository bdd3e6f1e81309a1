"""Events that come in: each starts one run of every schedule that waits for it, and it is kept what became of it.

    event ──► its key, if it has one ──► schedules of its name ──► each: standing, filter, quota
                                                                    ├─► a run made
                                                                    ├─► debounced: the run that waits already, moved
                                                                    └─► left out, with the reason

One transaction: all of it, or nothing. Only schedules that debounce, or count their runs, are locked; events for all
others pass at the same time.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction

from jobs import errors, sql
from jobs.engine import dispatch, quotas, transitions
from jobs.engine.records import NewExecution
from jobs.models import ReceivedEvent, TriggerKind
from jobs.rules import concurrency_keys, event_filters, event_outcomes, identity, retry_fields
from jobs.rules.event_outcomes import LONGEST_DEBOUNCE, MOST_PAYLOAD, MOST_SCHEDULES, LeftOut, Outcome
from jobs.triggers import event as kind
from tenants import actors, requests
from tenants.fields import new_id
from tenants.models import Tenant
from tenants.services import audit

_LONGEST_DETAIL = 300
#: Seconds for which an event waits for those before it. Who would wait longer is told to come again (503).
WAIT_IN_LINE = 10


class TooMany(errors.Conflict):
    """More schedules wait for this event than one may concern: nothing has started. Let them wait for different names."""


@dataclass(frozen=True, slots=True)
class Event:
    """What came in. ``headers`` by their names in filters; ``dedup_key`` is empty for none."""

    name: str
    payload: Mapping[str, Any]
    dedup_key: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    hook_id: UUID | None = None
    id: UUID = field(default_factory=new_id)


@dataclass(slots=True)
class _Fate:
    """What becomes of it."""

    runs: list[tuple[Any, NewExecution]] = field(default_factory=list)
    moved: dict[UUID, UUID] = field(default_factory=dict)
    left_out: list[dict[str, Any]] = field(default_factory=list)

    def leave_out(self, schedule: Any, reason: LeftOut, detail: str = "") -> None:
        self.left_out.append({**_named(schedule), "reason": str(reason), "detail": detail[:_LONGEST_DETAIL]})

    def started(self) -> list[dict[str, Any]]:
        """Each run with the schedule it is of, in the order of these."""
        return [
            {**_named(schedule), "execution": str(self.moved.get(row.id, row.id)), "debounced": row.id in self.moved}
            for schedule, row in self.runs
        ]


def send(*, tenant: Tenant, event: Event) -> ReceivedEvent:
    """Start what waits for it. Returns what became of it."""
    actors.require("executions:run", tenant=tenant)
    _check(event)
    with transaction.atomic():
        now = sql.run("clock")[0].now
        if first := _seen_before(tenant, event):
            return _keep(tenant, event, now, outcome=Outcome.DUPLICATE, duplicate_of=first)
        fate = _judged(tenant, event, now)
        received = _keep(tenant, event, now, outcome=_outcome(fate), started=fate.started(), left_out=fate.left_out)
        if fate.runs:
            _tell(tenant, received)
            dispatch.ring_after_commit()
    return received


def refuse(*, tenant: Tenant, event: Event, problem: str) -> ReceivedEvent:
    """Keep that somebody sent it, and why it was not let in."""
    actors.require("executions:run", tenant=tenant)
    return _keep(tenant, event, sql.run("clock")[0].now, outcome=Outcome.REFUSED, problem=problem[:500])


def _check(event: Event) -> None:
    try:
        kind.check_name(event.name)
    except ValueError as error:
        raise errors.invalid({"name": [str(error)]}) from None
    if len(json.dumps(event.payload)) > MOST_PAYLOAD:
        message = f"must be at most {MOST_PAYLOAD // 1024} KiB as JSON: send where the rest is found"
        raise errors.invalid({"payload": [message]})


def _seen_before(tenant: Tenant, event: Event) -> UUID | None:
    """The event that had its key first, if there is one. Whoever sends it at the same moment waits for this one's end."""
    if not event.dedup_key:
        return None
    # No name has a blank: whoever may send events cannot take the keys of a hook's deliveries.
    of = f"hook {event.hook_id}" if event.hook_id else event.name
    whose = {"tenant_id": tenant.pk, "of": of, "key": event.dedup_key}
    if sql.run("reserve_event", id=event.id, window=event_outcomes.DEDUP_WINDOW, **whose):
        return None
    found = sql.run("first_event", **whose)
    return found[0].id if found else None


def _judged(tenant: Tenant, event: Event, now: datetime) -> _Fate:
    names = kind.awaited(event.name)
    waiting = sql.run("schedules_waiting_for", tenant_id=tenant.pk, names=names, limit=MOST_SCHEDULES + 1)
    if len(waiting) > MOST_SCHEDULES:
        raise TooMany
    fate, told = _Fate(), _told(event, now)
    taking = [schedule for schedule in waiting if _takes(schedule, told, now, fate)]
    taking = _still_taking(taking, now, fate)
    for schedule, id_ in zip(taking, sorted(identity.request_id(now) for _ in taking), strict=True):
        try:
            fate.runs.append((schedule, _row(schedule, id_, told, now)))
        except ValueError as error:
            fate.leave_out(schedule, LeftOut.INVALID, str(error))
    _make(tenant, fate)
    return fate


def _takes(schedule: Any, told: Mapping[str, Any], now: datetime, fate: _Fate) -> bool:
    if reason := _standing(schedule, schedule.state, schedule.runs, now):
        fate.leave_out(schedule, reason)
        return False
    verdict = event_filters.judge(schedule.event_filter, told)
    if not verdict.matches:
        reason = LeftOut.FILTER_FAILED if verdict.problem else LeftOut.FILTER
        fate.leave_out(schedule, reason, verdict.problem or schedule.event_filter)
    return verdict.matches


def _standing(schedule: Any, state: str, runs: int, now: datetime) -> LeftOut | None:
    return event_outcomes.standing(
        state=state,
        job_state=schedule.job_state,
        start_at=schedule.start_at,
        end_at=schedule.end_at,
        max_runs=schedule.max_runs,
        runs=runs,
        now=now,
    )


def _still_taking(taking: Sequence[Any], now: datetime, fate: _Fate) -> list[Any]:
    """Locks those that let one event pass at a time, and leaves out what has changed until then."""
    counted = [schedule.id for schedule in taking if schedule.debounce_seconds or schedule.max_runs is not None]
    current = _locked(counted) if counted else {}
    still = []
    for schedule in taking:
        row = current.get(schedule.id, schedule)
        if reason := _standing(schedule, row.state, row.runs, now):
            fate.leave_out(schedule, reason)
        else:
            still.append(schedule)
    return still


def _locked(ids: Sequence[UUID]) -> dict[UUID, Any]:
    sql.run("wait_in_line", wait=f"{WAIT_IN_LINE}s", longer=f"{WAIT_IN_LINE + 1}s")
    return {row.id: row for row in sql.run("lock_counted_schedules", ids=ids)}


def _row(schedule: Any, id_: UUID, told: Mapping[str, Any], now: datetime) -> NewExecution:
    payload = {**(schedule.job_payload or {}), **(schedule.payload or {})}
    return NewExecution(
        id=id_,
        tenant_id=schedule.tenant_id,
        job_id=schedule.job_id,
        schedule_id=schedule.id,
        revision=schedule.revision,
        trigger=TriggerKind.EVENT,
        triggered_by=f"event:{told['name']} by {told['sender']}"[:254],
        not_before=now + timedelta(seconds=schedule.debounce_seconds),
        queue_id=schedule.queue_id,
        priority=schedule.priority,
        timeout_seconds=schedule.timeout_seconds,
        max_attempts=retry_fields.parse(schedule.retry).max_attempts,
        payload=schedule.payload,
        concurrency_key=concurrency_keys.render(schedule.concurrency_key, payload),
        event=told,
    )


def _make(tenant: Tenant, fate: _Fate) -> None:
    """Moves the runs that wait already, and makes the others, as far as there is room."""
    caps = {schedule.id: timedelta(seconds=LONGEST_DEBOUNCE * schedule.debounce_seconds) for schedule, _ in fate.runs}
    debounced = [(row, caps[schedule.id]) for schedule, row in fate.runs if schedule.debounce_seconds]
    fate.moved = transitions.settle(debounced)
    wanted = [(schedule, row) for schedule, row in fate.runs if row.id not in fate.moved]
    room = quotas.draw_up_to(tenant, len(wanted))
    for schedule, _ in wanted[room:]:
        fate.leave_out(schedule, LeftOut.QUOTA)
    made = {row.id for _, row in wanted[:room]}
    fate.runs = [(schedule, row) for schedule, row in fate.runs if row.id in made or row.id in fate.moved]
    transitions.create([row for _, row in wanted[:room]])
    if counted := [schedule.id for schedule, _ in wanted[:room] if schedule.max_runs is not None]:
        sql.run("count_runs", ids=counted)


def _told(event: Event, now: datetime) -> dict[str, Any]:
    """The event as filters and payloads read it."""
    return {
        "id": str(event.id),
        "name": event.name,
        "sender": requests.current().actor.name,
        "received_at": now.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "payload": event.payload,
        "headers": dict(event.headers),
    }


def _named(schedule: Any) -> dict[str, str]:
    return {"schedule": str(schedule.id), "job": str(schedule.job_id), "job_name": schedule.job}


def _outcome(fate: _Fate) -> Outcome:
    if fate.runs:
        return Outcome.STARTED
    return Outcome.LEFT_OUT if fate.left_out else Outcome.UNMATCHED


def _keep(tenant: Tenant, event: Event, now: datetime, **became: Any) -> ReceivedEvent:
    request = requests.current()
    return ReceivedEvent.objects.create(
        id=event.id,
        tenant=tenant,
        name=event.name,
        sender=request.actor.name,
        hook_id=event.hook_id,
        dedup_key=event.dedup_key,
        payload_size=len(json.dumps(event.payload)),
        request_id=request.request_id,
        received_at=now,
        **became,
    )


def _tell(tenant: Tenant, received: ReceivedEvent) -> None:
    """One line of the trail for all that an event has started."""
    runs = [started["execution"] for started in received.started]
    changes = {"name": [None, received.name], "executions": [None, runs]}
    audit.record(action="event.received", object_type="event", object_id=received.pk, tenant=tenant, changes=changes)
