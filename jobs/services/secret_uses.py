"""Keeps which secrets a job names, whenever its payload or a schedule's is stored."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet

from jobs import handlers, selectors, sql
from jobs.models import Job, JobSecret, ScheduleState
from jobs.rules import secret_names
from tenants.models import Secret


def note(job: Job) -> None:
    """Store the names in the job's payload, its channels and its schedules' payloads, in the transaction that stores those."""
    sql.run("hold_secret_names", job=str(job.pk))
    job_type, payload, *told = Job.objects.values_list("type", "payload", "on_failure", "on_success").get(pk=job.pk)
    stored = job.schedules.exclude(state=ScheduleState.DELETED).exclude(payload=None).values_list("payload", flat=True)
    params = handlers.get(job_type).params
    overrides: list[dict[str, Any]] = [{}, *(each for each in stored if each)]
    names = {name for each in overrides for name in secret_names.of(params, {**payload, **each})}
    names |= {name for channels in told for name in channels}
    rows = JobSecret.objects.filter(job=job)
    known = set(rows.values_list("name", flat=True))
    if gone := known - names:
        rows.filter(name__in=gone).delete()
    JobSecret.objects.bulk_create(
        [JobSecret(tenant_id=job.tenant_id, job=job, name=name) for name in sorted(names - known)],
        ignore_conflicts=True,
    )


def users_of(secret: Secret) -> QuerySet[Job]:
    """The jobs that name it, deleted ones left out."""
    return selectors.jobs().filter(tenant_id=secret.tenant_id, secret_rows__name=secret.name)
