"""What a job was at each of its revisions."""

from __future__ import annotations

from django.db import models

from jobs.models.job import Job
from tenants.models.owned import TenantOwned


class JobRevision(TenantOwned):
    """Insert-only. ``spec`` holds all that an attempt reads: type, payload, timeout_seconds, retry, and ``expressions`` if there are any."""

    job = models.ForeignKey(
        Job, on_delete=models.CASCADE, related_name="revisions", db_constraint=False, db_index=False
    )
    number = models.PositiveIntegerField()
    spec = models.JSONField()
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.CharField(max_length=254, blank=True)

    class Meta:
        db_table = "job_revision"
        constraints = [models.UniqueConstraint(fields=["job", "number"], name="job_revision_once")]
