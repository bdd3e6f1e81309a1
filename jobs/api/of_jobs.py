"""The base of views whose rows belong to jobs and can be listed by job."""

from __future__ import annotations

from typing import Any

from jobs.api import lookups
from tenants.api.views import TenantViewSet


class OfJobsViewSet(TenantViewSet):
    """Understands :data:`jobs.api.lookups.JOB` among an action's parameters."""

    def conditions(self) -> dict[str, Any]:
        conditions = super().conditions()
        if "job" in self.query:
            conditions["job_id"] = lookups.job_id(self.tenant, self.query["job"])
        return conditions
