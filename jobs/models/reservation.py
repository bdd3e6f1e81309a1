"""A key that may be used once: idempotency keys and deduplication share one table."""

from __future__ import annotations

from django.db import models

from tenants.models.owned import TenantOwned


class Reservation(TenantOwned):
    """``scope`` says what the key is for; the answer given to its first use is stored in the same transaction."""

    scope = models.CharField(max_length=64)
    key = models.CharField(max_length=255)
    fingerprint = models.CharField(
        max_length=64, blank=True, help_text="Hash of the first request, to refuse another under its key."
    )
    execution_id = models.UUIDField(null=True)
    status = models.PositiveSmallIntegerField(null=True)
    body = models.JSONField(null=True)
    expires_at = models.DateTimeField()

    class Meta:
        db_table = "reservation"
        constraints = [models.UniqueConstraint(fields=["tenant", "scope", "key"], name="reservation_once")]
        indexes = [models.Index(fields=["expires_at"], name="reservation_expiry")]
