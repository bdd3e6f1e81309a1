"""What each tenant has used, by day."""

from __future__ import annotations

from django.db import models
from django.db.models.expressions import RawSQL

from jobs.models.event import TransactionIdField
from tenants.models.owned import TenantOwned


class UsageDay(TenantOwned):
    """Of executions that ended on a day in UTC. Kept when they are gone."""

    day = models.DateField()
    succeeded = models.PositiveBigIntegerField(default=0)
    failed = models.PositiveBigIntegerField(default=0)
    cancelled = models.PositiveBigIntegerField(default=0)
    skipped = models.PositiveBigIntegerField(
        default=0, help_text="Slots; a folded row counts as many as it stands for."
    )
    run_seconds = models.FloatField(default=0, help_text="Of all attempts, from claim to end.")
    log_bytes = models.PositiveBigIntegerField(default=0, help_text="As stored, compressed.")

    class Meta:
        db_table = "usage_day"
        constraints = [models.UniqueConstraint(fields=["tenant", "day"], name="usage_day_once")]


class UsageCursor(models.Model):
    """Up to which event usage has been counted: one row."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    xid = TransactionIdField(db_default=RawSQL("'0'::xid8", ()))
    event_id = models.UUIDField()

    class Meta:
        db_table = "usage_cursor"
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="usage_cursor_once")]
