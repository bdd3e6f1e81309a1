"""A job like another one."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, cast

from django.db import transaction
from django.utils import timezone

from jobs.models import Job, JobState, Schedule, ScheduleState
from jobs.services import code_jobs, dependency_sets, event_fields, jobs, schedules
from jobs.services.dependency_sets import Wish
from jobs.services.jobs import JobFields
from jobs.services.schedule_fields import ScheduleFields
from tenants import actors

#: Of a schedule that can fire again.
_GOES_ON = (ScheduleState.ACTIVE, ScheduleState.PAUSED)


class Copied(StrEnum):
    """What becomes of its schedules."""

    PAUSED = "paused"  # nothing runs before somebody has looked
    SAME = "same"  # held ones paused, the others active
    NONE = "none"


def duplicate(*, job: Job, name: str, copied: str = Copied.PAUSED) -> Job:
    """A new active job with the same definition, and with copies of its schedules that can still fire.

    What it depends on is copied with SAME. A throttle is not copied, nor is the mark of what code declares: code would not know the copy. Whoever may change
    only their own jobs owns the copy.
    """
    with transaction.atomic():
        tags = [row.tag for row in job.tag_rows.all() if row.tag != code_jobs.TAG]
        owner = actors.current().own_jobs_of or job.owner
        fields = cast(JobFields, {**jobs.told(job, tags), "name": name, "owner": owner})
        origin = {"copy_of": [None, str(job.pk)]}
        copy = jobs.create(
            tenant=job.tenant, fields=fields, depends_on=_upstreams(job, copied), gates_later=True, told_of=origin
        )
        if copied != Copied.NONE:
            for schedule in job.schedules.all():
                if schedule.state in _GOES_ON and not event_fields.is_over(schedule, timezone.now()):
                    _copy(schedule, copy, held=_is_held(job, schedule, copied))
        dependency_sets.check_gates(copy)
    return jobs.get(tenant=job.tenant, job=copy)


def _upstreams(job: Job, copied: str) -> list[Wish]:
    """Otherwise the copy would run with theirs before somebody has looked."""
    edges = dependency_sets.of(job) if copied == Copied.SAME else []
    return [cast(Wish, dependency_sets.declared(edge)) for edge in edges]


def _is_held(job: Job, schedule: Schedule, copied: str) -> bool:
    return copied == Copied.PAUSED or job.state != JobState.ACTIVE or schedule.state == ScheduleState.PAUSED


def _copy(schedule: Schedule, job: Job, *, held: bool) -> None:
    fields: Any = {name: getattr(schedule, name) for name in ScheduleFields.__annotations__}
    copy = schedules.create(job=job, fields=fields | {"expression": schedule.expression or None})
    if held:
        schedules.pause(schedule=copy)
