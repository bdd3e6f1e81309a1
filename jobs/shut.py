"""What is shut just now: by maintenance windows, and by the execution window of its own schedule."""

from __future__ import annotations

from datetime import datetime

from django.db.models import Q, QuerySet

from jobs import triggers
from jobs.engine import maintenance, spreads
from jobs.models import Action, Execution, Job, MaintenanceWindow
from jobs.rules.waiting import Maintenance

#: Windows of one job that are looked through for the one that tells.
LOOKED_THROUGH = 100


def windows_of(job: Job) -> QuerySet[MaintenanceWindow]:
    """Windows that cover a job, the platform's too."""
    return _covering(job).filter(deleted_at__isnull=True)


def _covering(job: Job) -> QuerySet[MaintenanceWindow]:
    alone = Q(tenant=job.tenant_id, job=job.pk)
    with_others = Q(job=None) & (Q(queue=None) | Q(queue=job.queue_id))
    everybodys = with_others & (Q(tenant=job.tenant_id) | Q(tenant=None))
    return MaintenanceWindow.objects.filter(alone | everybodys)


def over(job: Job, at: datetime) -> MaintenanceWindow | None:
    """The window that was open over a job at an instant, also if it was deleted since; None if none tells any more."""
    rows = _covering(job).filter(created_at__lte=at).order_by("-created_at")[:LOOKED_THROUGH]
    return next((window for window in rows if maintenance.was_open(window, at)), None)


def open_now(windows: QuerySet[MaintenanceWindow], now: datetime) -> QuerySet[MaintenanceWindow]:
    """Those that are open."""
    return windows.filter(opens_at__lte=now, closes_at__gt=now)


def by_maintenance(job: Job, now: datetime) -> Maintenance | None:
    """The window that holds a job longest."""
    found = open_now(windows_of(job), now).filter(action=Action.HOLD).order_by("-closes_at").first()
    return None if found is None else Maintenance(until=found.closes_at or now, why=found.reason)


def is_outside(execution: Execution, now: datetime) -> bool:
    """Whether one that is not due waits for the hours of its schedule."""
    schedule = execution.schedule
    if execution.start_before is None or execution.not_before <= now or schedule is None:
        return False
    try:
        opens_at = spreads.of_schedule(schedule).opens_at(now)
    except triggers.InvalidSchedule:
        return False
    return opens_at is not None and opens_at > now
