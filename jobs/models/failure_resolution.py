"""That somebody took failures of one kind for mended: if such a failure comes after that, it came back."""

from __future__ import annotations

from django.db import models

from jobs.models.job import Job
from tenants.models.owned import TenantOwned
from tenants.requests import LONGEST_REASON


class FailureResolution(TenantOwned):
    """The last one of a fingerprint, of all jobs or of one."""

    fingerprint = models.CharField(max_length=32)
    job = models.ForeignKey(
        Job, null=True, on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    note = models.CharField(max_length=LONGEST_REASON)
    resolved_by = models.CharField(max_length=254)
    resolved_at = models.DateTimeField()
    operation_id = models.UUIDField(help_text="Which closes the dead letters.")

    class Meta:
        db_table = "failure_resolution"
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "fingerprint", "job"], name="failure_resolution_last", nulls_distinct=False
            )
        ]
