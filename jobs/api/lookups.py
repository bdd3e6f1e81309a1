"""Finding the job a client names, by id or by name. Names never look like ids."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from uuid import UUID

from jobs import selectors
from jobs.models import Job
from tenants.api import fields
from tenants.api.parameters import texts
from tenants.errors import NotFound
from tenants.models import Tenant

#: For lists; the view narrows its rows by :func:`job_ids`.
JOB = texts("job", "", "Of the job with this id or name.")


def job(tenant: Tenant, name_or_id: str, *, bare: bool = False) -> Job | None:
    """A tenant's job; ``bare``, without its tags and schedules."""
    if "\0" in name_or_id:
        return None
    identifier = fields.id_of(name_or_id)
    wanted = {"pk": identifier} if identifier else {"name": name_or_id}
    jobs = selectors.jobs().prefetch_related(None) if bare else selectors.jobs()
    found = jobs.filter(tenant=tenant, **wanted).first()
    if found is not None:
        found.tenant = tenant  # is at hand, and whoever tells the audit trail would read it again
    return found


def jobs(tenant: Tenant, names_and_ids: Collection[str]) -> dict[str, Job]:
    """The tenant's jobs that a body names, by what it calls them, in one look-up; without tags and schedules."""
    found = selectors.jobs_called(tenant.pk, names_and_ids)
    for row in found.values():
        row.tenant = tenant
    return found


def job_in_body(tenant: Tenant, name_or_id: str) -> Job:
    """The same for a body's field ``job``; bare, since it may have any number of schedules."""
    found = job(tenant, name_or_id, bare=True)
    if found is None:
        raise NotFound.about("job", "there is no such job here")
    return found


def job_ids(tenant: Tenant, names_or_ids: Iterable[str]) -> list[UUID]:
    """What to filter by. An id is taken as it is, so what a deleted job did can still be listed."""
    given = {text: fields.id_of(text) for text in names_or_ids}
    names = [text for text, identifier in given.items() if identifier is None]
    named = selectors.jobs().filter(tenant=tenant, name__in=names).values_list("pk", flat=True) if names else ()
    return [*(identifier for identifier in given.values() if identifier), *named]
