"""Whether a tenant may have one more job or schedule."""

from __future__ import annotations

from jobs import sql
from tenants import quotas
from tenants.models import Tenant
from tenants.quotas import QuotaExceeded
from tenants.rules.quotas import JOBS, SCHEDULES, Quota


def for_one_more(tenant: Tenant, quota: Quota) -> None:
    """Refuse if there is none. In the caller's transaction: nobody else of the tenant makes one before it ends."""
    most = quotas.limit(tenant, quota)
    if most is None:
        return
    sql.run("lock_quota", quota=quota.name, tenant_id=str(tenant.pk))
    used = count(tenant, quota, most=most)
    if used >= most:
        raise QuotaExceeded.of(quota, limit=most, used=used)


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
