"""A worker process that renews one lease for all it runs."""

from __future__ import annotations

from datetime import datetime

from django.contrib.postgres.fields import ArrayField
from django.db import models


class Worker(models.Model):
    """One boot of one worker: the id is its incarnation, so a restarted worker never speaks for its former self."""

    id = models.UUIDField(primary_key=True, editable=False)
    name = models.CharField(max_length=200)
    queues = ArrayField(models.CharField(max_length=63))
    pool = models.CharField(max_length=16)
    concurrency = models.PositiveIntegerField()
    pid = models.IntegerField()
    pids = ArrayField(models.IntegerField())
    #: Why it refuses jobs of some types, by the type.
    refuses = models.JSONField(default=dict, db_default=models.Value({}, output_field=models.JSONField()))
    draining = models.BooleanField(default=False)
    started_at = models.DateTimeField()
    renewed_at = models.DateTimeField()
    lease_expires_at = models.DateTimeField()

    class Meta:
        db_table = "worker"
        # No index beyond the primary key: a few rows, and renewals stay heap-only.

    def __str__(self) -> str:
        return self.name

    def is_live(self, now: datetime) -> bool:
        """Whether its lease holds."""
        return self.lease_expires_at > now
