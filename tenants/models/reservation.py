"""A key that may be used once: idempotency keys and deduplication share one table."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models

from tenants.models.owned import TenantOwned
from tenants.models.tenant import Tenant


class Reservation(TenantOwned):
    """``scope`` says what the key is for; the answer given to its first use is stored in the same transaction.

    Of whom is of the platform ``tenant`` is empty, whichever tenant they name: their rows show to the platform alone.
    """

    tenant = models.ForeignKey(  # type: ignore[assignment]
        Tenant, null=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    scope = models.CharField(max_length=64)
    actor = models.CharField(max_length=260, db_default="", help_text="Whose key it is: key:<id> or user:<e-mail>.")
    key = models.CharField(max_length=255)
    fingerprint = models.CharField(
        max_length=64, blank=True, help_text="Keyed hash of the first request, to refuse another under its key."
    )
    granted = ArrayField(
        models.CharField(max_length=32),
        default=list,
        db_default=models.Value([], output_field=ArrayField(models.CharField(max_length=32))),
        help_text="What its author might do then: whoever may less now is not told the answer.",
    )
    execution_id = models.UUIDField(null=True)
    status = models.PositiveSmallIntegerField(null=True)
    headers = models.JSONField(null=True)
    body = models.BinaryField(null=True)
    expires_at = models.DateTimeField()

    class Meta:
        db_table = "reservation"
        constraints = [
            models.UniqueConstraint(fields=["tenant", "scope", "actor", "key"], name="reservation_once"),
            models.UniqueConstraint(
                fields=["scope", "actor", "key"],
                condition=models.Q(tenant=None),
                name="reservation_once_of_platform",
            ),
        ]
        indexes = [models.Index(fields=["expires_at"], name="reservation_expiry")]
