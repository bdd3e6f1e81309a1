"""What of a schedule belongs to events: checked when it is stored."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from jobs import errors, triggers
from jobs.models import Schedule
from jobs.rules import event_filters
from jobs.triggers import event

#: What means nothing without a clock, and what it is when nothing is said of it.
OF_CLOCKS: dict[str, Any] = {"calendars": [], "execution_window": None, "jitter_seconds": 0}
#: What means nothing without an event.
OF_EVENTS: dict[str, Any] = {"event_filter": "", "debounce_seconds": 0}


def waits(schedule: Schedule) -> bool:
    """Whether it has no slots by the clock, but waits for events."""
    return schedule.kind == event.KIND


def is_over(schedule: Schedule, now: datetime) -> bool:
    """Whether it waits for events, and none could reach it any more: no planner ends it, as it does others."""
    return waits(schedule) and schedule.end_at is not None and schedule.end_at <= now


def refuse_over(schedule: Schedule, now: datetime, path: str = "") -> None:
    """Refuse one that no event could reach any more."""
    if is_over(schedule, now):
        raise errors.InvalidSchedule.about(
            f"{path}end_at", "this schedule would take no event from now on: name a later time"
        )


def check(schedule: Schedule, path: str = "") -> None:
    """Refuse fields that mean nothing for its kind, and a filter that cannot be asked."""
    for name, message in _problems(schedule):
        raise errors.InvalidSchedule.about(path + name, message)


def check_rule(schedule: Schedule) -> None:
    """The same of a rule that is tried out. Raises :class:`jobs.triggers.InvalidSchedule`."""
    for name, message in _problems(schedule):
        raise triggers.InvalidSchedule(name, message)


def _problems(schedule: Schedule) -> Iterator[tuple[str, str]]:
    foreign = OF_CLOCKS if waits(schedule) else OF_EVENTS
    for name, nothing in foreign.items():
        if getattr(schedule, name) != nothing:
            yield name, f"has no meaning for a schedule of kind {schedule.kind}; leave it out"
    try:
        event_filters.check(schedule.event_filter or "true")
    except event_filters.InvalidFilter as error:
        yield "event_filter", str(error)
