"""What users ask of schedules. When a changed one is looked at next is kept by the database itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction

from jobs import coming, errors, selectors, sql, triggers
from jobs.engine import dispatch, planner, spreads, transitions
from jobs.engine.records import NewExecution
from jobs.models import Job, JobState, Schedule, ScheduleState
from jobs.rules import calendar_names, identity, retry_fields
from jobs.rules.codes import Absence
from jobs.rules.states import State
from jobs.services import changes, definitions, event_fields, room, schedule_fields, secret_uses
from jobs.services.schedule_fields import ScheduleFields
from jobs.triggers import contract
from tenants import actors
from tenants.errors import NotFound
from tenants.models import Tenant
from tenants.refused_items import RefusedItems
from tenants.rules.quotas import kept_for
from tenants.services import audit


def create(*, job: Job, fields: ScheduleFields, path: str = "") -> Schedule:
    """Add a schedule to a job. ``path`` goes before field names in messages, such as ``schedules[0].``."""
    actors.require("jobs:write", tenant=job.tenant_id, owner=job.owner)
    with transaction.atomic():
        _hold(job)
        now = sql.run("clock")[0].now  # the planner's: on another, slots would be left out or made up
        schedule = Schedule(tenant_id=job.tenant_id, job=job, planned_until=now)
        schedule_fields.assign_anchored(schedule, schedule_fields.whole(fields, job.tenant), now)
        _check(schedule, path)
        schedule.next_run_at = _next_run(schedule, now, path)
        room.for_one_more_schedule(job)
        schedule.save(force_insert=True)
        if schedule.payload is not None:
            secret_uses.note(schedule.job)
        _record("schedule.created", schedule, changes.between({}, schedule_fields.told(schedule)))
        dispatch.ring_after_commit()
    return schedule


@dataclass(frozen=True, slots=True)
class Wanted:
    """A schedule to be, of a job, or of one that is not there."""

    job: Job | None
    fields: ScheduleFields


def create_all(*, tenant: Tenant, wanted: Sequence[Wanted]) -> list[Schedule]:
    """Each of them as :func:`create` does, in their order; all or none. Whatever is refused is named by its place."""
    actors.require("jobs:write", tenant=tenant)
    refusals, made = RefusedItems("schedules"), []
    with transaction.atomic():
        _hold_all(tenant, {each.job.pk: each.job.name for each in wanted if each.job})
        for place, each in enumerate(wanted):
            with refusals.of(place):
                if each.job is None:
                    raise NotFound.about("job", "there is no such job here")
                made.append(create(job=each.job, fields=each.fields))
        refusals.raise_any()
    return made


def update(*, schedule: Schedule, fields: ScheduleFields) -> Schedule:
    """Merge changes. What was due by the old rule stays due; the new one fires after now, and after what is planned."""
    return _change(schedule, lambda stored, _: schedule_fields.merged(stored, fields), "")


def replace(*, schedule: Schedule, fields: ScheduleFields, path: str = "") -> Schedule:
    """The same, but whatever is left out takes its default. An interval keeps its anchor, unless that is still to come."""
    return _change(schedule, lambda stored, now: schedule_fields.renewed(stored, fields, now), path)


def _change(schedule: Schedule, wish: Callable[[Schedule, datetime], ScheduleFields], path: str) -> Schedule:
    with transaction.atomic():
        _require(schedule)
        _hold(schedule.job)
        planner.plan_what_is_due_of(schedule.pk)
        schedule = _lock(schedule)
        before, now = schedule_fields.told(schedule), sql.run("clock")[0].now
        schedule_fields.assign_anchored(schedule, wish(schedule, now), now)
        changed = changes.between(before, schedule_fields.told(schedule))
        if not changed:
            check_payload(schedule, path)
            return schedule
        _check(schedule, path)
        if is_new := contract.RULE & set(changed):
            planner.leave_out_missed_of(_lock(schedule))
        schedule.save(update_fields=[*ScheduleFields.__annotations__, "updated_at"])
        schedule.refresh_from_db(fields=["state", "problem", "planned_until"])
        next_run = _next_run(schedule, max(now, schedule.planned_until) if is_new else now, path)
        if "payload" in changed:
            secret_uses.note(schedule.job)
        if {"execution_window", "timezone"} & set(changed):
            _let_wait_anew(schedule)
        _record("schedule.updated", schedule, changed)
        dispatch.ring_after_commit()
        # The database has emptied it with the change of the rule; the planner comes to it in a moment.
        schedule.next_run_at = next_run if schedule.state == ScheduleState.ACTIVE else None
        Schedule.objects.filter(pk=schedule.pk).update(next_run_at=schedule.next_run_at)
    return schedule


def pause(*, schedule: Schedule) -> Schedule:
    """Hold it. On resume its misfire policy decides about the slots missed meanwhile."""
    return _become(schedule, source=ScheduleState.ACTIVE, target=ScheduleState.PAUSED, action="schedule.paused")


def resume(*, schedule: Schedule) -> Schedule:
    """Go on."""
    return _become(schedule, source=ScheduleState.PAUSED, target=ScheduleState.ACTIVE, action="schedule.resumed")


def delete(*, schedule: Schedule) -> None:
    """End it; its executions stay until retention."""
    with transaction.atomic():
        schedule = lock(schedule)
        changed = {"state": [schedule.state, ScheduleState.DELETED]}
        schedule.state = ScheduleState.DELETED
        schedule.save(update_fields=["state", "updated_at"])
        if schedule.payload is not None:
            secret_uses.note(schedule.job)
        _record("schedule.deleted", schedule, changed)


def begin_anew(*, job: Job, now: datetime) -> None:
    """Forget what was due while the job was disabled: one row for each schedule says how much that was.

    A schedule that is paused itself keeps its place: its own resume decides, by its misfire policy.
    """
    forgotten = []
    behind = job.schedules.filter(state=ScheduleState.ACTIVE, planned_until__lt=now)
    for schedule in behind:
        try:
            forgotten += _forgotten(schedule, job, now)
        except triggers.InvalidSchedule:
            continue  # its rule is no longer understood: the planner marks it and says why
    transitions.create(forgotten)
    behind.update(planned_until=now)


def allowed_actions(state: str) -> list[str]:
    """What a client may ask of a schedule in ``state``, beside changing and deleting it."""
    return {"active": ["pause"], "paused": ["resume"]}.get(state, [])


def _become(schedule: Schedule, *, source: ScheduleState, target: ScheduleState, action: str) -> Schedule:
    with transaction.atomic():
        schedule = lock(schedule)
        if schedule.state != source:
            message = f"this schedule is {schedule.state}, and only one that is {source} can become {target}"
            raise errors.InvalidState(message, state=schedule.state, allowed_actions=allowed_actions(schedule.state))
        schedule.state = target
        schedule.save(update_fields=["state", "updated_at"])
        _record(action, schedule, {"state": [source, target]})
        dispatch.ring_after_commit()
    return schedule


def lock(schedule: Schedule) -> Schedule:
    """The schedule as it is stored now, for whoever may change it, and with its job; nobody else changes them before
    this transaction ends: a job is declared together with its schedules."""
    _require(schedule)
    _hold(schedule.job)
    return _lock(schedule)


def _hold_all(tenant: Tenant, names: Mapping[UUID, str]) -> None:
    """In one order, or two batches could each wait for what the other holds."""
    sql.run("let_calendars_be", tenant_id=str(tenant.pk))
    for key in sorted(names):
        with errors.locking(names[key]):
            Job.objects.select_for_update(no_key=True).filter(pk=key).values_list("pk").first()


def _hold(job: Job) -> None:
    rows = Job.objects.select_for_update(no_key=True).filter(pk=job.pk).exclude(state=JobState.DELETED)
    with errors.locking(job.name):
        sql.run("let_calendars_be", tenant_id=str(job.tenant_id))
        held = rows.values_list("pk").first()
    if not held:
        raise NotFound("this schedule's job was deleted meanwhile")


def _lock(schedule: Schedule) -> Schedule:
    with errors.locking(schedule.job.name):
        found = selectors.schedules().select_for_update(of=("self",), no_key=True).filter(pk=schedule.pk).first()
    if found is None:
        raise NotFound("this schedule was deleted meanwhile")
    _require(found)
    return found


def _require(schedule: Schedule) -> None:
    actors.require("jobs:write", tenant=schedule.tenant_id, owner=schedule.job.owner)


def _check(schedule: Schedule, path: str) -> None:
    definitions.check_columns(schedule, exclude={"tenant", "job", "payload"}, path=path)
    event_fields.check(schedule, path)
    _hold_calendars(schedule)
    try:
        planner.trigger_of(schedule)
        spreads.of_schedule(schedule)
    except triggers.InvalidSchedule as error:
        raise errors.InvalidSchedule.about(path + error.field, error.message) from None
    kept = kept_for(schedule.job.tenant.retention_days, settings.RETENTION)
    if timedelta(seconds=schedule.catch_up_window_seconds) > kept:
        message = f"must be at most {kept.total_seconds():g}, as long as executions are kept"
        raise errors.invalid({f"{path}catch_up_window_seconds": [message]})
    check_payload(schedule, path)


def _hold_calendars(schedule: Schedule) -> None:
    """None of them is deleted or renamed before this schedule is stored."""
    if named := calendar_names.names(schedule.calendars if isinstance(schedule.calendars, list) else []):
        sql.run("hold_calendars", tenant_id=schedule.tenant_id, names=named)


def check_payload(schedule: Schedule, path: str = "") -> None:
    """Refuse overrides that its job, as it is now, does not take."""
    if schedule.payload is not None:
        job = schedule.job
        merged = {**job.payload, **schedule.payload}
        own, kept = schedule.payload, job.payload.keys() - schedule.payload.keys()
        definitions.check_payload(job, merged, f"{path}payload", overridden=own, kept=kept)


def _let_wait_anew(schedule: Schedule) -> None:
    """What waits for its hours to open waits for those that it has now."""
    rows = sql.run("waiting_for_hours", tenant_id=schedule.tenant_id, schedule_id=schedule.pk)
    spreads.judge_again(rows)


def _next_run(schedule: Schedule, now: datetime, path: str) -> datetime | None:
    if event_fields.waits(schedule):
        event_fields.refuse_over(schedule, now, path)
        return None
    run = next(coming.runs(schedule, now), None)
    if run is None:
        if schedule.max_runs is not None and schedule.max_runs <= schedule.runs:
            message = f"must be more than {schedule.runs}, the runs that this schedule has made"
            raise errors.InvalidSchedule.about(f"{path}max_runs", message)
        if schedule.execution_window is not None and next(planner.trigger_of(schedule).after(now), None) is not None:
            message = "leaves out every slot of this schedule: name hours that have some, or let them wait"
            raise errors.InvalidSchedule.about(f"{path}execution_window", message)
        field = {"once": "run_at", "interval": "end_at"}.get(
            schedule.kind, "end_at" if schedule.end_at else triggers.needs(schedule.kind) or "kind"
        )
        raise errors.InvalidSchedule.about(
            path + field, "this schedule would never fire from now on: name a later time"
        )
    return run.slot.at


def _forgotten(schedule: Schedule, job: Job, now: datetime) -> list[NewExecution]:
    trigger = planner.trigger_of(schedule)
    count = trigger.count(schedule.planned_until, now)
    if not count:
        return []
    first = next(iter(trigger.after(schedule.planned_until)))
    last = next(iter(trigger.before(now, schedule.planned_until)))
    return [
        NewExecution(
            id=identity.slot_id(schedule.id, identity.FOLDED, last.nominal, max(last.at, now - planner.OLDEST_ID)),
            tenant_id=job.tenant_id,
            job_id=job.id,
            schedule_id=schedule.id,
            revision=job.revision,
            trigger="schedule",
            state=State.SKIPPED,
            reason=Absence.DISABLED,
            scheduled_for=first.at,
            folded_until=last.at,
            folded_count=count,
            not_before=last.at,
            queue_id=str(job.queue_id),
            priority=job.priority,
            timeout_seconds=job.timeout_seconds,
            max_attempts=retry_fields.parse(job.retry).max_attempts,
        )
    ]


def _record(action: str, schedule: Schedule, changed: dict[str, Any]) -> None:
    audit.record(
        action=action, object_type="schedule", object_id=schedule.pk, tenant=schedule.job.tenant, changes=changed
    )
