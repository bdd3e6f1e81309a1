"""A job's past: what it was at a revision, and making it that again."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from jobs import errors
from jobs.models import Job, JobRevision
from jobs.rules import differences
from jobs.rules.differences import Difference
from jobs.services import jobs
from tenants.errors import NotFound

#: What of a stored spec people declare.
FIELDS = ("type", "payload", "timeout_seconds", "retry")


def find(job: Job, number: int) -> JobRevision:
    """One of its revisions."""
    found = JobRevision.objects.filter(tenant=job.tenant_id, job=job, number=number).first()
    if found is None:
        raise NotFound(f"this job has no revision {number}: its newest is {job.revision}")
    return found


def shown(revision: JobRevision | None) -> dict[str, Any]:
    """What a run of it reads; nothing, of none."""
    return {name: revision.spec[name] for name in FIELDS} if revision else {}


def difference(old: JobRevision | None, new: JobRevision) -> list[Difference]:
    """What changed from one to the other, place by place; from nothing, if there is no older one."""
    return differences.between(shown(old), shown(new))


def rollback(*, job: Job, number: int) -> Job:
    """Make what a run reads be as it was at a revision: a new revision, unless it is so already."""

    def restore(stored: Job, tags: list[str]) -> list[str]:
        for name, value in old.items():
            setattr(stored, name, value)
        return tags

    with transaction.atomic():
        job = jobs.lock(job)
        old = shown(find(job, number))
        told_of = {"as_of_revision": [job.revision, number]}
        try:
            return jobs.change(job=job, assign=restore, action="job.rolled_back", told_of=told_of)
        except errors.Invalid as error:
            message = f"revision {number} is not valid any more: {error}"
            raise errors.RevisionInvalid(message, details=error.details) from None
