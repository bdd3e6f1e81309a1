"""Which secrets a job names, as rows: who uses one is an equality, which row-level security lets use an index."""

from __future__ import annotations

from django.db import models

from jobs.models.job import Job
from tenants.models.owned import TenantOwned


class JobSecret(TenantOwned):
    """A name in a job's payload or in one of its schedules', whether or not there is such a secret."""

    job = models.ForeignKey(
        Job, on_delete=models.CASCADE, related_name="secret_rows", db_constraint=False, db_index=False
    )
    name = models.CharField(max_length=64)

    class Meta:
        db_table = "job_secret"
        constraints = [models.UniqueConstraint(fields=["job", "name"], name="job_secret_once")]
        indexes = [models.Index(fields=["tenant", "name", "job"], name="job_secret_lookup")]
