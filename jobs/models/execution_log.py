"""A chunk of an execution's log."""

from __future__ import annotations

from django.db import models

from tenants.models.owned import PartitionedByTime


class ExecutionLog(PartitionedByTime):
    """Up to 64 KiB or 200 ms of lines. ``lines`` is a list of [at, level, stream, message]; the first has ``first_seq``."""

    execution_id = models.UUIDField()
    attempt = models.PositiveIntegerField()
    epoch = models.PositiveIntegerField()
    first_seq = models.PositiveBigIntegerField()
    last_seq = models.PositiveBigIntegerField()
    lines = models.JSONField()
    size = models.PositiveIntegerField(null=True, help_text="What it counts for, of chunks that an executor sent.")

    class Meta:
        db_table = "execution_log"
        indexes = [models.Index(fields=["execution_id", "last_seq"], name="execution_log_order")]
