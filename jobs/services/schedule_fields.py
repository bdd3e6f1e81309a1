"""What may be said of a schedule: its fields, their defaults, and how some of them become all of them."""

from __future__ import annotations

from datetime import datetime
from typing import Any, TypedDict, cast

from django.core.serializers.json import DjangoJSONEncoder

from jobs import triggers
from jobs.models import Schedule
from jobs.rules import calendar_names
from jobs.services import changes, job_defaults
from tenants.models import Tenant

_TEXTS = frozenset({"expression", "rrule", "event", "event_filter"})


class ScheduleFields(TypedDict, total=False):
    """What a client may say of a schedule; what is left out has its default, or stays. None is the default."""

    kind: str
    expression: str | None
    interval_seconds: int | None
    run_at: datetime | None
    rrule: str | None
    rule: dict[str, Any] | None
    event: str | None
    event_filter: str | None
    debounce_seconds: int
    timezone: str
    start_at: datetime | None
    end_at: datetime | None
    dst_gap: str
    dst_fold: str
    calendars: list[dict[str, Any]]
    execution_window: dict[str, Any] | None
    jitter_seconds: int
    max_runs: int | None
    misfire: str
    misfire_max: int
    misfire_grace_seconds: float
    catch_up_window_seconds: float
    payload: dict[str, Any] | None


def assign(schedule: Schedule, fields: ScheduleFields) -> None:
    """Put the fields into a schedule."""
    for name, value in fields.items():
        # No text is an empty text in the database.
        setattr(schedule, name, value or "" if name in _TEXTS else value)
    if "calendars" in fields:
        schedule.calendars = _with_defaults(fields["calendars"])


def _with_defaults(calendars: Any) -> Any:
    """Every field of each; what is not understood stays as it is, to be refused by whoever checks the rule."""
    try:
        return [named.told() for named in calendar_names.parse(calendars)]
    except calendar_names.InvalidUse:
        return calendars


def whole(fields: ScheduleFields, tenant: Tenant) -> ScheduleFields:
    """Every field: those given, and defaults for all others; but what counts from an anchor has the one it has or gets."""
    every: dict[str, Any] = _defaults(tenant) | {name: value for name, value in fields.items() if value is not None}
    if triggers.is_anchored(every["kind"]) and every["start_at"] is None:
        del every["start_at"]
    return cast(ScheduleFields, every)


def _defaults(tenant: Tenant) -> dict[str, Any]:
    blank = Schedule(**job_defaults.of_schedules(tenant))
    return {name: getattr(blank, name) for name in ScheduleFields.__annotations__}


def renewed(schedule: Schedule, fields: ScheduleFields, now: datetime) -> ScheduleFields:
    """Every field, for a schedule that keeps the anchor it has, unless that is still to come or was another kind's."""
    every = whole(fields, schedule.job.tenant)
    has_anchor = schedule.kind == every["kind"] and schedule.start_at is not None and schedule.start_at <= now
    return every if "start_at" in every or has_anchor else {**every, "start_at": None}


def merged(schedule: Schedule, fields: ScheduleFields) -> ScheduleFields:
    """What changes once these are merged into what is stored."""
    default = _defaults(schedule.job.tenant)
    given: dict[str, Any] = {name: default[name] if value is None else value for name, value in fields.items()}
    for name in ("payload", "rule"):
        if given.get(name) is not None:
            given[name] = changes.merge_patch(getattr(schedule, name), given[name])
    return cast(ScheduleFields, given)


def assign_anchored(schedule: Schedule, fields: ScheduleFields, now: datetime) -> None:
    """Put the fields into a schedule that is to be stored."""
    assign(schedule, fields)
    if triggers.is_anchored(schedule.kind) and schedule.start_at is None:
        schedule.start_at = now  # the anchor it is counted from


def told(schedule: Schedule) -> dict[str, Any]:
    """All that a client may say of a schedule, as it is now and as JSON."""
    encoder = DjangoJSONEncoder()
    values = {name: getattr(schedule, name) for name in ScheduleFields.__annotations__}
    unset = {name: None for name in _TEXTS if not values[name]}
    return {
        name: encoder.default(value) if isinstance(value, datetime) else value for name, value in values.items()
    } | unset
