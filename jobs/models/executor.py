"""An executor: a process of a tenant's own that claims executions over HTTP and runs them wherever it is."""

from __future__ import annotations

from datetime import datetime

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from tenants.models.owned import TenantOwned


class ExecutorState(models.TextChoices):
    """Whether it is given anything new."""

    ACTIVE = "active"
    INACTIVE = "inactive"


class Executor(TenantOwned):
    """Known by its name. ``lease_id`` is the process that speaks for it now, and the worker of what that claims."""

    name = models.CharField(max_length=100)
    description = models.CharField(max_length=500, blank=True)
    capabilities = ArrayField(models.CharField(max_length=64), default=list)
    queues = ArrayField(models.CharField(max_length=63))
    max_concurrent = models.PositiveSmallIntegerField(default=1)
    state = models.CharField(max_length=16, choices=ExecutorState, default=ExecutorState.ACTIVE)
    lease_id = models.UUIDField(null=True)
    draining = models.BooleanField(default=False, help_text="Its process wants nothing more.")
    started_at = models.DateTimeField(null=True, help_text="When the process that speaks for it registered.")
    renewed_at = models.DateTimeField(null=True)
    lease_expires_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.CharField(max_length=254, blank=True)

    class Meta:
        db_table = "executor"
        constraints = [
            models.UniqueConstraint(fields=["tenant", "name"], name="executor_name_once"),
            models.UniqueConstraint(fields=["lease_id"], name="executor_lease_once"),
            models.CheckConstraint(condition=Q(state__in=ExecutorState.values), name="executor_state_known"),
        ]
        indexes = [models.Index(fields=["tenant", "-id"], name="executor_recent")]

    def __str__(self) -> str:
        return self.name

    def is_live(self, now: datetime) -> bool:
        """Whether its process has been heard of within its lease."""
        return self.lease_expires_at is not None and self.lease_expires_at > now

    def takes_work(self, now: datetime) -> bool:
        """Whether it is given something new."""
        return self.is_live(now) and self.state == ExecutorState.ACTIVE and not self.draining
