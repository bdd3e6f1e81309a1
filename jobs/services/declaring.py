"""Definitions as code: a job by its name, whole, however often and by however many at once.

Two who declare a name that is not there both try to make it; the database lets one, and the other finds it made and
goes on as if it had been there. Whatever exists is compared and changed under its lock.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.db import transaction

from jobs import errors
from jobs.models import Job, Schedule
from jobs.services import changes, definitions, dependency_sets, descriptions, jobs, schedule_sets, schedules
from jobs.services.dependency_sets import Wish
from jobs.services.descriptions import Description
from jobs.services.jobs import JobFields
from jobs.services.schedule_fields import ScheduleFields
from tenants import actors
from tenants.errors import EtagMismatch
from tenants.models import Tenant
from tenants.quotas import QuotaExceeded
from tenants.rules.etags import ANYWAY, Precondition

_NOTHING: Description = {}
_ABSENT = {"etag": None, "revision": None, "updated_at": None}


@dataclass(frozen=True, slots=True)
class Declared:
    """The row as it is now, and what it was before; empty if it was not there."""

    row: Any
    before: Description
    after: Description

    @property
    def outcome(self) -> str:
        """What became of it."""
        if not self.before:
            return "created"
        return "unchanged" if changes.same(self.before, self.after) else "updated"


def put_job(
    *,
    tenant: Tenant,
    name: str,
    fields: JobFields,
    given: Sequence[ScheduleFields] | None,
    depends_on: Sequence[Wish] | None = None,
    expecting: Precondition = ANYWAY,
) -> Declared:
    """Make the job of that name be as declared. What is left out has its default; without schedules, those it has stay,
    and so do its upstreams."""
    actors.require("jobs:write", tenant=tenant)
    definitions.check_name(name)  # before it is looked for
    fields = {**fields, "name": name}
    job = jobs.named(tenant=tenant, name=name)
    if job is None and not expecting.holds(None):
        raise EtagMismatch(f"there is no job named {name!r}", details=_ABSENT)
    if job is None:
        try:
            with transaction.atomic():
                made = jobs.create(tenant=tenant, fields=fields, schedules=given or (), depends_on=depends_on or ())
                return Declared(made, _NOTHING, descriptions.of_job(made))
        except (errors.Conflict, QuotaExceeded):
            # Somebody else has made it meanwhile, perhaps in the last place that there was.
            job = jobs.named(tenant=tenant, name=name)
            if job is None:
                raise
    return _bring(job, fields, given, depends_on, expecting)


def _bring(
    job: Job,
    fields: JobFields,
    given: Sequence[ScheduleFields] | None,
    depends_on: Sequence[Wish] | None,
    expecting: Precondition,
) -> Declared:
    with transaction.atomic():
        job = hold_job(job, expecting)
        before = descriptions.of_job(job)
        job = jobs.replace(job=job, fields=fields, depends_on=depends_on)
        if given is not None and schedule_sets.bring(job, schedule_sets.wanted(given, job.tenant)):
            job = jobs.get(tenant=job.tenant, job=job)
        if depends_on is not None:
            dependency_sets.check_gates(job, wanted=depends_on)
    return Declared(job, before, descriptions.of_job(job))


def put_schedule(*, schedule: Schedule, fields: ScheduleFields) -> Declared:
    """Make a schedule be as declared. What is left out has its default."""
    with transaction.atomic():
        before = descriptions.of_schedule(schedules.lock(schedule))
        schedule = schedules.replace(schedule=schedule, fields=fields)
    return Declared(schedule, before, descriptions.of_schedule(schedule))


def hold_job(job: Job, expecting: Precondition) -> Job:
    """The job as it is stored now, locked, if it is as whoever asks says."""
    job = jobs.lock(job)
    tag = descriptions.tag_of_job(job)
    if not expecting.holds(tag):
        exists = f"a job named {job.name!r} exists already" if expecting.if_none_match else ""
        raise EtagMismatch(exists, details={"etag": tag, **facts_of(job)})
    return job


def facts_of(job: Job) -> Mapping[str, Any]:
    """What a refused editor is told of a job beside its tag."""
    return {"revision": job.revision, "updated_at": instant(job.updated_at)}


def instant(value: datetime) -> str:
    """As the API writes it."""
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
