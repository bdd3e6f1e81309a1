"""A job, a schedule, a dependency and a queue as they are defined, in one value: what entity tags, dry runs and comparisons are made of.

Planning a slot changes none of it. A job's includes its schedules', since they are declared together.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder

from jobs.models import Calendar, Dependency, Job, Queue, Schedule
from jobs.services import calendar_fields, dependency_sets, job_templates, jobs, queues, schedule_fields
from jobs.services.job_templates import Template
from tenants.models.limited import Limited
from tenants.rules import etags

Description = dict[str, Any]


def of_job(job: Job) -> Description:
    """All that clients may say of it, its state, its revision, its upstreams and its schedules, in the API's words."""
    return {
        **jobs.told(job, [row.tag for row in job.tag_rows.all()]),
        "state": str(job.state),
        "revision": job.revision,
        "throttle": throttle(job),
        "depends_on": [dependency_sets.declared(edge) for edge in job.upstream_edges.all()],
        "schedules": [{"id": str(schedule.pk), **of_schedule(schedule)} for schedule in job.schedules.all()],
    }


def of_schedule(schedule: Schedule) -> Description:
    """All that clients may say of it, and its state."""
    return {**schedule_fields.told(schedule), "state": str(schedule.state)}


def of_queue(queue: Queue) -> Description:
    """All that operators may say of it, and whether it is held."""
    return {**queues.told(queue), "paused": queue.paused_at is not None, "throttle": throttle(queue)}


def of_calendar(calendar: Calendar, names: Mapping[UUID, str]) -> Description:
    """All that clients may say of it; ``names`` of the tenant's calendars."""
    return calendar_fields.told(calendar, names)


def of_template(template: Template) -> Description:
    """All that clients may say of it, and its version."""
    return {**job_templates.told(template), "version": template.version}


def throttle(row: Limited) -> Description | None:
    """As it was set, in force or over."""
    if row.throttled_until is None:
        return None
    until = DjangoJSONEncoder().default(row.throttled_until)
    return {"max_running": row.throttle_max_running, "until": until}


def tag_of_job(job: Job) -> str:
    """Its entity tag."""
    return etags.tag(settings.SECRET_KEY, "job", str(job.pk), of_job(job))


def tag_of_schedule(schedule: Schedule) -> str:
    """Its entity tag."""
    return etags.tag(settings.SECRET_KEY, "schedule", str(schedule.pk), str(schedule.job_id), of_schedule(schedule))


def tag_of_queue(queue: Queue) -> str:
    """Its entity tag."""
    return etags.tag(settings.SECRET_KEY, "queue", str(queue.pk), of_queue(queue))


def tag_of_calendar(calendar: Calendar, names: Mapping[UUID, str]) -> str:
    """Its entity tag."""
    return etags.tag(settings.SECRET_KEY, "calendar", str(calendar.pk), of_calendar(calendar, names))


def tag_of_dependency(edge: Dependency) -> str:
    """Its entity tag."""
    return etags.tag(settings.SECRET_KEY, "dependency", str(edge.pk), dependency_sets.told(edge))


def tag_of_template(template: Template) -> str:
    """Its entity tag; of one of the gallery, by its name."""
    return etags.tag(
        settings.SECRET_KEY, "template", str(getattr(template, "pk", template.name)), of_template(template)
    )
