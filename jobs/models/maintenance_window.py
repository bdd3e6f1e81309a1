"""A maintenance window: a time in which nothing of its scope starts, or its slots are left out."""

from __future__ import annotations

from datetime import timedelta

from django.db import models
from django.db.models import Q

from jobs.models.job import Job
from jobs.models.queue import Queue
from tenants.fields import new_id
from tenants.models.tenant import Tenant


class Action(models.TextChoices):
    """What it does while it is open."""

    HOLD = "hold"  # nothing starts; at its end the schedules' misfire policy decides about the slots it covered
    SKIP = "skip"  # slots are left out; what people ask for runs


class Scope(models.TextChoices):
    """What it covers."""

    TENANT = "tenant"
    QUEUE = "queue"  # a tenant's work in one queue
    JOB = "job"
    PLATFORM = "platform"  # everything, or all that is in one queue, of every tenant


class MaintenanceWindow(models.Model):
    """Without a tenant it is the platform's, and every tenant sees it. Once, or again and again by ``expression``.

    ``opens_at`` and ``closes_at`` are of the occurrence that is open, or else comes next: admission compares them with the
    clock, and the engine moves them on when it is over. Both are empty when none is to come.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    tenant = models.ForeignKey(Tenant, null=True, on_delete=models.PROTECT, related_name="+", db_index=False)
    queue = models.ForeignKey(
        Queue, null=True, on_delete=models.DO_NOTHING, related_name="+", db_constraint=False, db_index=False
    )
    job = models.ForeignKey(
        Job, null=True, on_delete=models.CASCADE, related_name="+", db_constraint=False, db_index=False
    )
    action = models.CharField(max_length=16, choices=Action, default=Action.HOLD)
    silence_alerts = models.BooleanField(default=False, db_default=False)
    reason = models.CharField(max_length=500)
    starts_at = models.DateTimeField(null=True, blank=True)
    ends_at = models.DateTimeField(null=True, blank=True)
    expression = models.CharField(max_length=200, blank=True, default="", db_default="")
    timezone = models.CharField(max_length=64, default="UTC")
    duration_seconds = models.PositiveIntegerField(null=True, blank=True)
    opens_at = models.DateTimeField(null=True, editable=False)
    closes_at = models.DateTimeField(null=True, editable=False)
    last_opened_at = models.DateTimeField(null=True, editable=False)
    last_closed_at = models.DateTimeField(null=True, editable=False)
    ruled_at = models.DateTimeField(editable=False, help_text="Since when its times are as they are.")
    deleted_at = models.DateTimeField(null=True, editable=False)
    created_by = models.CharField(max_length=254, blank=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        db_table = "maintenance_window"
        constraints = [
            models.CheckConstraint(condition=Q(action__in=Action.values), name="maintenance_action_known"),
            models.CheckConstraint(
                condition=Q(starts_at__isnull=False, ends_at__gt=models.F("starts_at"), expression="")
                | Q(starts_at__isnull=True, ends_at__isnull=True, duration_seconds__gt=0) & ~Q(expression=""),
                name="maintenance_once_or_again",
            ),
            models.CheckConstraint(
                condition=Q(opens_at__isnull=True, closes_at__isnull=True) | Q(closes_at__gt=models.F("opens_at")),
                name="maintenance_closes_later",
            ),
            models.CheckConstraint(
                condition=Q(job__isnull=True) | Q(queue__isnull=True, tenant__isnull=False),
                name="maintenance_one_scope",
            ),
        ]
        indexes = [
            models.Index(fields=["opens_at"], condition=Q(opens_at__isnull=False), name="maintenance_open"),
            models.Index(fields=["closes_at"], condition=Q(closes_at__isnull=False), name="maintenance_over"),
            models.Index(fields=["last_closed_at"], name="maintenance_lately"),
            models.Index(fields=["tenant", "-id"], name="maintenance_recent"),
        ]

    @property
    def scope(self) -> Scope:
        """What it covers."""
        if self.tenant_id is None:
            return Scope.PLATFORM
        if self.job_id is not None:
            return Scope.JOB
        return Scope.QUEUE if self.queue_id is not None else Scope.TENANT

    @property
    def length(self) -> timedelta:
        """How long it is open each time."""
        if self.starts_at is not None and self.ends_at is not None:
            return self.ends_at - self.starts_at
        return timedelta(seconds=self.duration_seconds or 0)
