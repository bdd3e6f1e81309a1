"""What users ask of maintenance windows. Whether one is open is told by its row and the clock: see jobs.engine.maintenance."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, TypedDict

from django.core.serializers.json import DjangoJSONEncoder
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from jobs import errors, sql, triggers
from jobs.engine import dispatch, maintenance, planner
from jobs.models import Job, MaintenanceWindow, Queue, Scope
from jobs.rules.maintenance import Occurrence, overlapping
from jobs.services import changes, definitions
from tenants import actors, context
from tenants.errors import NotFound
from tenants.models import Tenant
from tenants.rules import permissions
from tenants.services import audit

#: How long one may be open.
SHORTEST, LONGEST_AGAIN, LONGEST_ONCE = timedelta(minutes=1), timedelta(days=7), timedelta(days=366)
#: Windows of a tenant that are not over, at most; the platform has as many.
MOST = 200
#: And with those that were open lately: the planner asks of them as well, whoever's schedules it plans.
MOST_LATELY = 1000
#: From one opening to the next: the planner goes through them, as far back as a schedule was planned last.
CLOSEST = timedelta(minutes=30)
_OWN = ("action", "silence_alerts", "reason", "starts_at", "ends_at", "expression", "timezone", "duration_seconds")
_TIMES = frozenset({"starts_at", "ends_at", "expression", "timezone", "duration_seconds"})


class WindowFields(TypedDict, total=False):
    """What may be said of a window; its scope is for ever."""

    action: str
    silence_alerts: bool
    reason: str
    starts_at: datetime | None
    ends_at: datetime | None
    expression: str | None
    timezone: str
    duration_seconds: int | None


def create(
    *, tenant: Tenant | None, fields: WindowFields, queue: Queue | None = None, job: Job | None = None
) -> MaintenanceWindow:
    """A new window: of a tenant, of its work in a queue, or of a job; without a tenant the platform's."""
    window = MaintenanceWindow(tenant=tenant, queue=queue, job=job, created_by=actors.current().name)
    _require(window)
    with _changing(window):
        now = sql.run("clock")[0].now
        _assign(window, fields, now)
        _check(window, now)
        _check_room(tenant, now)
        _open_next(window, now)
        window.save(force_insert=True)
        _record("created", window, changes.between({}, told(window)))
    return window


def update(*, window: MaintenanceWindow, fields: WindowFields) -> MaintenanceWindow:
    """Merge changes. Other times are in force at once, also while it is open."""
    _require(window)
    with _changing(window):
        window = _lock(window)
        before, now = told(window), sql.run("clock")[0].now
        _assign(window, fields, now)
        changed = changes.between(before, told(window))
        if not changed:
            return window
        if _TIMES & set(changed):
            _check(window, now)
            _close(window, now)
            window.ruled_at = now
            _open_next(window, now)
        definitions.check_columns(window, exclude={"tenant", "queue", "job"})
        window.save()
        _record("updated", window, changed)
    return window


def end(*, window: MaintenanceWindow) -> MaintenanceWindow:
    """Close it before its time. One that comes again opens when it is next due."""
    _require(window)
    with _changing(window):
        window = _lock(window)
        now = sql.run("clock")[0].now
        if state_of(window, now) != "open":
            message = "this maintenance window is not open, so it cannot be ended: delete it if it is not wanted"
            raise errors.InvalidState(message, state=state_of(window, now), allowed_actions=allowed_actions(window))
        before = told(window)
        _close(window, now)
        if window.starts_at is not None:
            window.ends_at = now
        _open_next(window, now, later=True)
        window.save()
        closed = {"closed_at": [None, DjangoJSONEncoder().default(now)]}
        _record("ended", window, changes.between(before, told(window)) | closed)
    return window


def delete(*, window: MaintenanceWindow) -> None:
    """It opens no more; one that is open closes."""
    _require(window)
    with _changing(window):
        window = _lock(window)
        now = sql.run("clock")[0].now
        _close(window, now)
        window.deleted_at = now
        window.save()
        _record("deleted", window, {name: [value, None] for name, value in told(window).items()})


def told(window: MaintenanceWindow) -> dict[str, Any]:
    """All that may be said of it, as it is now and as JSON."""
    encoder = DjangoJSONEncoder()
    values = {name: getattr(window, name) for name in _OWN}
    return {name: encoder.default(value) if isinstance(value, datetime) else value for name, value in values.items()}


def state_of(window: MaintenanceWindow, now: datetime) -> str:
    """open, coming or over."""
    if window.opens_at is None or window.closes_at is None:
        return "over"
    if window.opens_at > now:
        return "coming"
    return "open" if now < window.closes_at else "coming" if window.expression else "over"


def allowed_actions(window: MaintenanceWindow) -> list[str]:
    """What may be asked of it, beside changing and deleting it."""
    return ["end"] if state_of(window, timezone.now()) == "open" else []


def upcoming(window: MaintenanceWindow, now: datetime) -> Iterator[Occurrence]:
    """When it is open from now on."""
    if window.opens_at is None or window.closes_at is None:
        return
    if window.closes_at > now:
        yield Occurrence(window.opens_at, window.closes_at)
    later = window.closes_at
    yield from (one for one in maintenance.upcoming(window, now) if one.opens_at >= later)


def _require(window: MaintenanceWindow) -> None:
    if window.tenant is None:
        actors.require(permissions.PLATFORM)
    else:
        if window.job is None:
            actors.require(permissions.ADMIN, tenant=window.tenant)  # it holds everybody's work
            return
        # Who may change own jobs alone may hold nobody else's.
        actors.require("jobs:write", tenant=window.tenant, owner=window.job.owner)


@contextmanager
def _changing(window: MaintenanceWindow) -> Iterator[None]:
    """In a transaction of whoever may write it; the engine looks at once."""
    if window.tenant_id is not None:
        with transaction.atomic():
            yield
            dispatch.ring_after_commit()
        return
    with context.within(context.PLATFORM), transaction.atomic():
        yield
        dispatch.ring_after_commit()


def _lock(window: MaintenanceWindow) -> MaintenanceWindow:
    rows = MaintenanceWindow.objects.select_for_update(no_key=True).filter(pk=window.pk, deleted_at__isnull=True)
    found = rows.first()
    if found is None:
        raise NotFound("this maintenance window was deleted meanwhile")
    return found


def _assign(window: MaintenanceWindow, fields: WindowFields, now: datetime) -> None:
    for name, value in fields.items():
        setattr(window, name, "" if name == "expression" and value is None else value)
    if not window.expression and window.ends_at is not None and window.starts_at is None:
        window.starts_at = now
    window.ruled_at = window.ruled_at or now


def _check(window: MaintenanceWindow, now: datetime) -> None:
    if not window.reason.strip():
        raise errors.invalid({"reason": ["must say what it is for: everybody whose work waits reads it"]})
    if window.expression:
        _check_again(window, now)
    else:
        _check_once(window, now)
    definitions.check_columns(window, exclude={"tenant", "queue", "job"})


def _check_once(window: MaintenanceWindow, now: datetime) -> None:
    if window.duration_seconds is not None:
        raise errors.invalid({"duration_seconds": ["belongs to an expression: leave it out, or say ends_at alone"]})
    if window.starts_at is None or window.ends_at is None:
        raise errors.invalid({"ends_at": ["is required, or an expression with duration_seconds"]})
    if window.ends_at <= max(window.starts_at, now):
        raise errors.invalid({"ends_at": ["must be later than starts_at and than now"]})
    if window.ends_at - window.starts_at > LONGEST_ONCE:
        raise errors.invalid({"ends_at": [f"must be at most {LONGEST_ONCE.days} days after starts_at"]})


def _check_again(window: MaintenanceWindow, now: datetime) -> None:
    if window.starts_at is not None or window.ends_at is not None:
        field = "starts_at" if window.starts_at is not None else "ends_at"
        raise errors.invalid({field: ["has no meaning beside an expression: leave it out"]})
    length = timedelta(seconds=window.duration_seconds or 0)
    if not SHORTEST <= length <= LONGEST_AGAIN:
        least, most = int(SHORTEST.total_seconds()), int(LONGEST_AGAIN.total_seconds())
        raise errors.invalid({"duration_seconds": [f"must be from {least} to {most}"]})
    try:
        trigger = maintenance.trigger_of(window)
    except triggers.InvalidSchedule as error:
        raise errors.InvalidSchedule.about(error.field, error.message) from None
    if next(maintenance.upcoming(window, now), None) is None:
        raise errors.InvalidSchedule.about("expression", "never opens from now on: name times that come")
    if (found := overlapping(trigger, length, since=now)) is not None:
        text = f"is longer than the time between two openings, such as {found[0].opens_at} and {found[1].opens_at}"
        raise errors.invalid({"duration_seconds": [text]})
    if overlapping(trigger, CLOSEST, since=now) is not None:
        least = int(CLOSEST.total_seconds() // 60)
        text = f"opens again within {least} minutes: let it be open for longer, and less often"
        raise errors.InvalidSchedule.about("expression", text)


def _check_room(tenant: Tenant | None, now: datetime) -> None:
    own = MaintenanceWindow.objects.filter(tenant=tenant)
    to_come = Q(opens_at__isnull=False)
    if own.filter(to_come).count() >= MOST:
        raise errors.Conflict(f"there are {MOST} maintenance windows already: end or delete some")
    if own.filter(to_come | Q(last_closed_at__gt=now - maintenance.LOOK_BACK)).count() >= MOST_LATELY:
        days = maintenance.LOOK_BACK.days
        raise errors.Conflict(
            f"{MOST_LATELY} maintenance windows were open in the last {days} days: change one instead"
        )


def _close(window: MaintenanceWindow, now: datetime) -> None:
    """Whatever it holds now goes on, and schedules that wait for its end are looked at again."""
    closes_at, opens_at = window.closes_at, window.opens_at
    window.opens_at = window.closes_at = None
    if opens_at is None or closes_at is None or opens_at >= now:
        return
    if closes_at > now:
        sql.run("look_again", closes_at=closes_at + planner.AHEAD)
    window.last_opened_at, window.last_closed_at = opens_at, min(closes_at, now)
    if window.job_id is not None:
        sql.run("tell_ended", job_id=window.job_id)


def _open_next(window: MaintenanceWindow, now: datetime, *, later: bool = False) -> None:
    found = (one for one in maintenance.upcoming(window, now) if not later or one.opens_at > now)
    if (one := next(found, None)) is not None:
        window.opens_at, window.closes_at = max(one.opens_at, now), one.closes_at


def _record(verb: str, window: MaintenanceWindow, changed: dict[str, Any]) -> None:
    audit.record(
        action=f"maintenance_window.{verb}",
        object_type="maintenance_window",
        object_id=window.pk,
        tenant=window.tenant,
        changes=changed | ({"scope": [None, _scope(window)]} if verb == "created" else {}),
    )


def _scope(window: MaintenanceWindow) -> str:
    names = {Scope.QUEUE: window.queue_id, Scope.JOB: str(window.job_id), Scope.PLATFORM: window.queue_id}
    return " ".join(part for part in (window.scope, names.get(window.scope)) if part)
