"""An event that came in: from whom, and what became of it. Its payload is with the executions that it started."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from jobs.rules.event_outcomes import Outcome
from tenants.models.owned import TenantOwned


class ReceivedEvent(TenantOwned):
    """``started`` and ``left_out`` name schedules and jobs as they were called then; kept for days, see jobs.engine.retention."""

    name = models.CharField(max_length=100)
    sender = models.CharField(max_length=254, help_text="key:<id>, user:<e-mail> or hook:<name>.")
    hook_id = models.UUIDField(null=True, help_text="That it came through; it may be deleted since.")
    dedup_key = models.CharField(max_length=255, blank=True)
    outcome = models.CharField(max_length=16, choices=[(each.value, each.value) for each in Outcome])
    problem = models.CharField(max_length=500, blank=True, help_text="Why it was refused.")
    duplicate_of = models.UUIDField(null=True)
    started = models.JSONField(default=list, help_text="schedule, job, execution and whether that had waited already.")
    left_out = models.JSONField(default=list, help_text="schedule, job, reason and detail.")
    payload_size = models.PositiveIntegerField(default=0, help_text="Characters of its payload.")
    request_id = models.CharField(max_length=64, blank=True)
    received_at = models.DateTimeField()

    class Meta:
        db_table = "received_event"
        indexes = [
            models.Index(fields=["tenant", "-id"], name="received_event_recent"),
            models.Index(fields=["tenant", "name", "-id"], name="received_event_by_name"),
            models.Index(
                fields=["tenant", "hook_id", "-id"], condition=Q(hook_id__isnull=False), name="received_event_by_hook"
            ),
            models.Index(fields=["received_at"], name="received_event_age"),
        ]
