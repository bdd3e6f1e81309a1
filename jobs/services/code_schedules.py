"""The schedules that code declares for a job, read into what services take."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, cast

from jobs import errors
from jobs.callables.registry import Registered
from jobs.services import schedule_sets
from jobs.services.schedule_fields import ScheduleFields
from jobs.services.schedule_sets import Wanted
from tenants.models import Tenant

_INSTANTS = ("run_at", "start_at", "end_at")


def wanted(entry: Registered, tenant: Tenant) -> list[Wanted]:
    """What a callable declares; refuses fields that schedules do not have, which only code can name."""
    assert entry.job is not None
    rules = [_read({**rule}, f"schedules[{index}].") for index, rule in enumerate(entry.job.schedules)]
    return schedule_sets.wanted(rules, tenant)


def _read(rule: dict[str, Any], path: str) -> ScheduleFields:
    known = ScheduleFields.__annotations__
    if unknown := [name for name in rule if name not in known]:
        raise errors.invalid({f"{path}{unknown[0]}": [f"unknown field; known are {', '.join(known)}"]})
    for name in _INSTANTS:
        if rule.get(name) is not None:
            rule[name] = _instant(rule[name], path + name)
    return cast(ScheduleFields, rule)


def _instant(value: Any, path: str) -> datetime:
    try:
        instant = value if isinstance(value, datetime) else datetime.fromisoformat(value)
    except (TypeError, ValueError):
        instant = None
    if instant is None or instant.tzinfo is None:
        raise errors.invalid({path: ["must be an instant with its offset, such as 2026-01-01T00:00:00Z"]})
    return instant.astimezone(UTC)
