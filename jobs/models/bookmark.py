"""How far a job has got, kept from one run to the next."""

from __future__ import annotations

from django.db import models

from jobs.models.job import Job
from tenants.models.owned import TenantOwned


class Bookmark(TenantOwned):
    """One place of a job, under a name that its payload chooses. Only an attempt whose claim holds moves it."""

    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="+", db_constraint=False, db_index=False)
    name = models.CharField(max_length=100)
    value = models.JSONField()
    moved_at = models.DateTimeField()
    execution_id = models.UUIDField(help_text="Which moved it last.")

    class Meta:
        db_table = "bookmark"
        constraints = [models.UniqueConstraint(fields=["job", "name"], name="bookmark_once")]
