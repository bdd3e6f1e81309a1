"""Tags as rows: a filter by tag is an equality, which row-level security lets use an index."""

from __future__ import annotations

from django.db import models

from jobs.models.job import Job
from tenants.models.owned import TenantOwned


class JobTag(TenantOwned):
    """One tag of one job."""

    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="tag_rows", db_constraint=False, db_index=False)
    tag = models.CharField(max_length=64)

    class Meta:
        db_table = "job_tag"
        constraints = [models.UniqueConstraint(fields=["job", "tag"], name="job_tag_once")]
        indexes = [models.Index(fields=["tenant", "tag", "job"], name="job_tag_lookup")]
