"""What RedBeat rings: a handful of static entries. No user's schedule lives in Redis."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

HOURLY = timedelta(hours=1)
ENTRIES: dict[str, dict[str, Any]] = {
    "dispatch": {
        "task": "tasks.dispatch.tick",
        "schedule": timedelta(seconds=1),
        "args": ["beat"],
        "options": {"queue": "engine", "expires": 15, "ignore_result": True},
    },
    "usage": {
        "task": "tasks.maintenance.count_usage",
        "schedule": timedelta(minutes=1),
        "options": {"queue": "engine", "expires": 60, "ignore_result": True},
    },
    "maintenance": {
        "task": "tasks.maintenance.maintain",
        "schedule": HOURLY,
        "options": {"queue": "engine", "expires": 3600},
    },
}


def entries(*, maintenance_every: timedelta = HOURLY) -> dict[str, dict[str, Any]]:
    """The entries, with housekeeping as often as wanted: one that comes too late is not done twice."""
    maintenance = ENTRIES["maintenance"]
    options = {**maintenance["options"], "expires": int(maintenance_every.total_seconds())}
    return {**ENTRIES, "maintenance": {**maintenance, "schedule": maintenance_every, "options": options}}
