"""Brings one job's schedules to what code declares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast

from jobs import errors
from jobs.callables.registry import Registered
from jobs.models import Job, Schedule
from jobs.services import job_defaults, schedules
from jobs.services.schedules import ScheduleFields
from tenants.models import Tenant

_INSTANTS = ("run_at", "start_at", "end_at")


@dataclass(frozen=True)
class Wanted:
    """A schedule to be: every field of it, but for an interval's anchor where code does not name one."""

    fields: ScheduleFields

    def is_met_by(self, schedule: Schedule) -> bool:
        """Whether a stored one says the same."""
        stored = schedules.told(schedule)
        return all(stored[name] == value for name, value in self._told().items())

    def _told(self) -> dict[str, Any]:
        told = schedules.told(_schedule(self.fields))
        return {name: told[name] for name in self.fields}

    def __str__(self) -> str:
        return shown(_schedule(self.fields))


def wanted(entry: Registered, tenant: Tenant) -> list[Wanted]:
    """What a callable declares; refuses fields that schedules do not have, which only code can name."""
    assert entry.job is not None
    given = job_defaults.of_schedules(tenant)
    return [_wanted({**given, **rule}, f"schedules[{index}].") for index, rule in enumerate(entry.job.schedules)]


def _wanted(rule: dict[str, Any], path: str) -> Wanted:
    known = ScheduleFields.__annotations__
    if unknown := [name for name in rule if name not in known]:
        raise errors.invalid({f"{path}{unknown[0]}": [f"unknown field; known are {', '.join(known)}"]})
    for name in _INSTANTS:
        if rule.get(name) is not None:
            rule[name] = _instant(rule[name], path + name)
    blank = Schedule()
    fields = {name: getattr(blank, name) for name in known} | rule
    if fields["kind"] == "interval" and fields["start_at"] is None:
        del fields["start_at"]  # anchored when it is made, and from then on the stored one's
    return Wanted(cast(ScheduleFields, fields))


def _instant(value: Any, path: str) -> datetime:
    try:
        instant = value if isinstance(value, datetime) else datetime.fromisoformat(value)
    except (TypeError, ValueError):
        instant = None
    if instant is None or instant.tzinfo is None:
        raise errors.invalid({path: ["must be an instant with its offset, such as 2026-01-01T00:00:00Z"]})
    return instant.astimezone(UTC)


def bring(job: Job, declared: Sequence[Wanted]) -> list[str]:
    """Keep those that are as declared, change as many as there are, add and delete the rest. Says what it did."""
    left, missing = list(job.schedules.all()), []
    for each in declared:
        met = next((schedule for schedule in left if each.is_met_by(schedule)), None)
        if met is None:
            missing.append(each)
        else:
            left.remove(met)
    told = []
    while missing and left:
        schedule, each = left.pop(0), missing.pop(0)
        told.append(f"schedule {shown(schedule)} -> {each}")
        schedules.update(schedule=schedule, fields=each.fields)
    for each in missing:
        told.append(f"schedule {each} added")
        schedules.create(job=job, fields=each.fields)
    for schedule in left:
        told.append(f"schedule {shown(schedule)} deleted")
        schedules.delete(schedule=schedule)
    return told


def shown(schedule: Schedule) -> str:
    """A rule in a few words."""
    rules = {
        "cron": f"{schedule.expression!r} {schedule.timezone}",
        "interval": f"every {schedule.interval_seconds} s",
        "once": f"once at {schedule.run_at}",
    }
    return rules.get(schedule.kind, schedule.kind)


def _schedule(fields: ScheduleFields) -> Schedule:
    schedule = Schedule()
    schedules.assign(schedule, fields)
    return schedule
