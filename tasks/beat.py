"""What RedBeat rings: a handful of static entries. No user's schedule lives in Redis."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

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
        "schedule": timedelta(hours=1),
        "options": {"queue": "engine", "expires": 3600},
    },
}
