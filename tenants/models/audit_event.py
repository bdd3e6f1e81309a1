"""Who changed what: one row per change, written in the change's own transaction."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from tenants.fields import new_id
from tenants.models.tenant import Tenant


class AuditEvent(models.Model):
    """Insert-only for every log-in but the owner's. ``tenant`` is empty for changes of the platform itself.

    Every column but ``signature`` is signed and sealed: see :mod:`tenants.rules.audit_chain`.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    # No index on the tenant alone: the planner, who expects few rows behind a wall, would sort all of a tenant's.
    tenant = models.ForeignKey(Tenant, null=True, on_delete=models.PROTECT, related_name="+", db_index=False)
    at = models.DateTimeField(default=timezone.now)
    actor = models.CharField(max_length=254, help_text="key:<id>, user:<e-mail> or system.")
    action = models.CharField(max_length=64, help_text="noun.participle, such as job.created.")
    object_type = models.CharField(max_length=32)
    object_id = models.CharField(max_length=64)
    changes = models.JSONField(default=dict)
    reason = models.CharField(max_length=500, blank=True)
    request_id = models.CharField(max_length=64, blank=True)
    address = models.GenericIPAddressField(null=True)
    signature = models.BinaryField(max_length=32, null=True, help_text="Of whoever wrote it; empty in the oldest rows.")

    class Meta:
        db_table = "audit_event"
        indexes = [
            models.Index(fields=["tenant", "-id"], name="audit_event_recent"),
            models.Index(fields=["object_type", "object_id", "-id"], name="audit_event_of_object"),
            models.Index(fields=["tenant", "object_type", "-id"], name="audit_event_of_type"),
            models.Index(fields=["tenant", "action", "-id"], name="audit_event_of_action"),
            models.Index(fields=["action", "-id"], name="audit_event_of_any_action"),
            models.Index(fields=["actor", "-id"], name="audit_event_by_actor"),
            models.Index(fields=["request_id"], condition=~models.Q(request_id=""), name="audit_event_of_request"),
        ]
