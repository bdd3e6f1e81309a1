"""The seals of the audit trail: see :mod:`tenants.rules.audit_chain`."""

from __future__ import annotations

from django.db import models

from tenants.models.tenant import Tenant


class AuditSeal(models.Model):
    """One for each audit row, in the order of sealing. Insert-only for the engine, and only read by the app.

    A link in two chains: ``link`` in the installation's, by ``number``; ``seal`` in its tenant's, by ``position``.
    ``event_id`` is no foreign key: a row that was deleted must not take its seal along.
    """

    number = models.BigIntegerField(primary_key=True)
    event_id = models.UUIDField(unique=True)
    tenant = models.ForeignKey(Tenant, null=True, on_delete=models.PROTECT, related_name="+", db_index=False)
    position = models.BigIntegerField()
    previous_seal = models.BinaryField(max_length=32)
    seal = models.BinaryField(max_length=32)
    previous_link = models.BinaryField(max_length=32)
    link = models.BinaryField(max_length=32)
    key_id = models.CharField(max_length=8)
    sealed_at = models.DateTimeField()

    class Meta:
        db_table = "audit_seal"
        constraints = [
            models.UniqueConstraint(fields=["tenant", "position"], name="audit_seal_of_tenant", nulls_distinct=False)
        ]


class UnsealedEvent(models.Model):
    """An audit row that waits for its seal. A trigger puts it here, whoever wrote the row; the sealer takes it away.

    So the sealer knows what is new without a search, in whatever order transactions commit.
    """

    event_id = models.UUIDField(primary_key=True)

    class Meta:
        db_table = "audit_unsealed"
