"""Finding the job a client names."""

from __future__ import annotations

from jobs import selectors
from jobs.models import Job
from tenants.api import fields
from tenants.errors import NotFound
from tenants.models import Tenant


def job(tenant: Tenant, name_or_id: str) -> Job | None:
    """A tenant's job by id or name; names never look like ids."""
    if "\0" in name_or_id:
        return None
    job_id = fields.id_of(name_or_id)
    wanted = {"pk": job_id} if job_id else {"name": name_or_id}
    return selectors.jobs().filter(tenant=tenant, **wanted).first()


def job_in_body(tenant: Tenant, name_or_id: str) -> Job:
    """The same for a body's field ``job``."""
    found = job(tenant, name_or_id)
    if found is None:
        raise NotFound("job: there is no such job here", details={"job": ["there is no such job here"]})
    return found
