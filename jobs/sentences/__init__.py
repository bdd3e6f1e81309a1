"""A schedule in plain English. Pure: the words come from what the schedule's own trigger was built from.

    sentences.of(fields)    At 02:30 every Monday through Friday, Europe/Berlin

What is said first (times, days, months, zone) is tested against fire times by a reader that knows nothing else. Then come,
after semicolons, the bounds and whatever else holds runs back.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, cast

from jobs import triggers
from jobs.rules.slots import Trigger
from jobs.sentences import calendar_rules, days, limits, recurrences, times
from jobs.triggers import cron_spread, zones
from jobs.triggers.wall_times import WallTimes

Fields = Mapping[str, Any]


def of(fields: Fields, trigger: Trigger) -> str:
    """A schedule whose fields made ``trigger``, in a sentence without its full stop."""
    told = _KINDS.get(fields["kind"], _unknown)(fields, trigger)
    said = "; ".join([told, *limits.words(fields)])
    return said[:1].upper() + said[1:]


def walls_of(trigger: Trigger) -> WallTimes | None:
    """What a cron trigger names, also behind calendars; None of another kind."""
    walls = getattr(getattr(trigger, "inner", trigger), "walls", None)
    return walls if isinstance(walls, WallTimes) else None


def _cron(fields: Fields, trigger: Trigger) -> str:
    walls = walls_of(trigger)
    if walls is None:
        return _unknown(fields, trigger)
    named = walls.named
    at = times.words(named.seconds, named.minutes, named.hours)
    on = days.words(named.days) or ("every day" if at.startswith("at ") and len(named.hours) < 24 else "")
    on = f"on {on}" if on.startswith("every") and at.startswith("every") else on
    told = [" ".join(filter(None, (at, on))), days.months(named.months), _zone(fields), _spread(fields)]
    return ", ".join(filter(None, told))


def _spread(fields: Fields) -> str:
    """H is a value that the schedule's id chose: another schedule has another one."""
    return "where H stands for values of this schedule's own" if cron_spread.is_asked_for(fields["expression"]) else ""


def _interval(fields: Fields, trigger: Trigger) -> str:  # noqa: ARG001 - as all kinds
    every, start = limits.length(fields["interval_seconds"]), fields.get("start_at")
    every = every if " and " in every else every.removeprefix("1 ")
    since = f", counted from {limits.instant(start, fields.get('timezone') or 'UTC')}" if start else ""
    return f"every {every}{since}"


def _once(fields: Fields, trigger: Trigger) -> str:  # noqa: ARG001
    return f"once, at {limits.instant(fields['run_at'], fields.get('timezone') or 'UTC')}"


def _rrule(fields: Fields, trigger: Trigger) -> str:  # noqa: ARG001
    zone = fields.get("timezone") or "UTC"
    start = cast(datetime | None, fields.get("start_at"))
    local = start.astimezone(zones.zone(zone)) if start else None
    return f"{recurrences.words(fields['rrule'], local)}, {zone}"


def _calendar(fields: Fields, trigger: Trigger) -> str:  # noqa: ARG001
    return f"{calendar_rules.words(fields.get('rule') or {})}, {_zone(fields)}"


def _event(fields: Fields, trigger: Trigger) -> str:  # noqa: ARG001
    told = f"whenever the event {fields['event']} comes"
    if condition := fields.get("event_filter"):
        told += f" and {condition}"
    if quiet := fields.get("debounce_seconds"):
        told += f", once it has not come again for {limits.length(quiet)}"
    return told


def _unknown(fields: Fields, trigger: Trigger) -> str:  # noqa: ARG001
    field = triggers.needs(fields["kind"])
    value = fields.get(field) if field else None
    return f"by its {fields['kind']} rule{f' {value}' if value else ''}, {_zone(fields)}"


def _zone(fields: Fields) -> str:
    return fields.get("timezone") or "UTC"


_KINDS: Mapping[str, Callable[[Fields, Trigger], str]] = {
    "cron": _cron, "interval": _interval, "once": _once, "rrule": _rrule, "calendar": _calendar, "event": _event,
}  # fmt: skip
