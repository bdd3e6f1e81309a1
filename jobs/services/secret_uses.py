"""Keeps which secrets a job names, whenever its payload or a schedule's is stored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db.models import QuerySet

from jobs import handlers, selectors, sql
from jobs.models import Job, JobSecret, ScheduleState
from jobs.rules import secret_names
from jobs.services import named_jobs
from tenants.models import Secret


def note(job: Job) -> None:
    """Store the names in the job's payload, its channels and its schedules' payloads, and in what these give the jobs that they
    have run, in the transaction that stores them."""
    sql.run("hold_secret_names", job=str(job.pk))
    job_type, payload, *told = Job.objects.values_list("type", "payload", "on_failure", "on_success").get(pk=job.pk)
    stored = job.schedules.exclude(state=ScheduleState.DELETED).exclude(payload=None).values_list("payload", flat=True)
    handler = handlers.get(job_type)
    payloads: list[dict[str, Any]] = [payload, *({**payload, **each} for each in stored if each)]
    names = {name for each in payloads for name in secret_names.of(handler.params, each)}
    names |= _given(job, [given for each in payloads for given in handler.given(each).values()])
    names |= {name for channels in told for name in channels}
    rows = JobSecret.objects.filter(job=job)
    known = set(rows.values_list("name", flat=True))
    if gone := known - names:
        rows.filter(name__in=gone).delete()
    JobSecret.objects.bulk_create(
        [JobSecret(tenant_id=job.tenant_id, job=job, name=name) for name in sorted(names - known)],
        ignore_conflicts=True,
    )


def _given(job: Job, given: list[tuple[str, Mapping[str, Any]]]) -> set[str]:
    """Connections of the jobs that it has run, where it says which."""
    known = named_jobs.known(job, {name for name, overrides in given if overrides}) if given else {}
    types = handlers.registered()
    return {
        found
        for name, overrides in given
        if name in known and known[name].type in types
        for found in secret_names.of(types[known[name].type].params, overrides)
    }


def users_of(secret: Secret) -> QuerySet[Job]:
    """The jobs that name it, deleted ones left out."""
    return selectors.jobs().filter(tenant_id=secret.tenant_id, secret_rows__name=secret.name)
