"""An attempt: one claim of an execution by one worker, and how it ended."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from tenants.models.owned import PartitionedByTime


class AttemptState(models.TextChoices):
    """How an attempt stands. Released, deferred and suspended ones keep their number: nothing was used up."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    RELEASED = "released"
    DEFERRED = "deferred"
    SUSPENDED = "suspended"
    LOST = "lost"


class Attempt(PartitionedByTime):
    """Partitioned by id, which carries its execution's time bits and is derived from (execution, epoch)."""

    execution_id = models.UUIDField()
    number = models.PositiveIntegerField()
    epoch = models.PositiveIntegerField()
    state = models.CharField(max_length=16, choices=AttemptState, default=AttemptState.RUNNING)
    worker_id = models.UUIDField()
    worker_pid = models.IntegerField()
    worker = models.CharField(max_length=200, blank=True)
    queued_at = models.DateTimeField(null=True)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    result = models.JSONField(null=True)
    error_code = models.CharField(max_length=32, blank=True)
    error_message = models.TextField(blank=True)

    class Meta:
        db_table = "attempt"
        constraints = [models.CheckConstraint(condition=Q(state__in=AttemptState.values), name="attempt_state_known")]
        indexes = [models.Index(fields=["execution_id", "epoch"], name="attempt_of_execution")]
