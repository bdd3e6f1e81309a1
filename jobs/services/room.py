"""Whether a tenant may have one more job or schedule.

Under a small quota they are counted each time. Under a large one a count is kept and drawn from, as it is of executions
(jobs.engine.quotas): those deleted since only make it more, so there is never one too many, and one more costs one row.
"""

from __future__ import annotations

from uuid import UUID, uuid5

from jobs import errors, sql
from jobs.models import Job, Schedule, ScheduleState
from tenants import quotas
from tenants.models import Tenant
from tenants.quotas import QuotaExceeded
from tenants.rules.quotas import JOBS, SCHEDULES, Quota

#: Quotas up to here are counted each time.
SMALL = 1_000
#: A job is told, compared and declared with all of its schedules.
MOST_OF_A_JOB = 1_000


def for_one_more(tenant: Tenant, quota: Quota) -> None:
    """Refuse if there is none. In the caller's transaction: nobody else of the tenant makes one before it ends."""
    most = quotas.limit(tenant, quota)
    if most is None:
        return
    sql.run("lock_quota", quota=quota.name, tenant_id=str(tenant.pk))
    kept = _kept(tenant, quota)
    if most > SMALL and sql.run("take_room", id=kept, most=most):
        return
    used = count(tenant, quota, most=most)
    if used >= most:
        raise QuotaExceeded.of(quota, limit=most, used=used)
    if most > SMALL:
        sql.run("note_room", id=kept, tenant_id=tenant.pk, most=most, room=most - used - 1)


def for_one_more_schedule(job: Job) -> None:
    """The same for a schedule of this job, which the caller holds."""
    if Schedule.objects.filter(job=job).exclude(state=ScheduleState.DELETED)[:MOST_OF_A_JOB].count() >= MOST_OF_A_JOB:
        raise errors.Conflict.about(
            "job",
            f"it has {MOST_OF_A_JOB:,} schedules, which is the most: delete one, or give the others to a second job",
        )
    for_one_more(job.tenant, SCHEDULES)


def _kept(tenant: Tenant, quota: Quota) -> UUID:
    """Which row keeps the count."""
    return uuid5(tenant.pk, quota.name)


def count(tenant: Tenant, quota: Quota, *, most: int) -> int:
    """How many it has, counted up to ``most``."""
    given = {"tenant_id": tenant.pk, "most": most}
    if quota is JOBS:
        found = sql.run("count_jobs", **given)
    elif quota is SCHEDULES:
        found = sql.run("count_schedules", **given)
    else:
        found = sql.run("count_unfinished", **given)
    return int(found[0].used)
