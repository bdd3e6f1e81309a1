"""A job: a tenant's definition of something to run. Its history is in its revisions."""

from __future__ import annotations

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Collate

from jobs.models.queue import Queue
from tenants.models import limited
from tenants.models.owned import TenantOwned


class JobState(models.TextChoices):
    """Whether a job's slots are planned."""

    ACTIVE = "active"
    PAUSED = "paused"  # its schedules are held; on resume their misfire policy decides
    DISABLED = "disabled"  # nothing of it starts; on activation its schedules begin anew
    DELETED = "deleted"  # its name is free again; its executions stay until retention


class Overlap(models.TextChoices):
    """What a due slot does while the job's previous scheduled execution is still active."""

    ALLOW = "allow"
    SKIP = "skip"
    QUEUE_ONE = "queue_one"
    QUEUE_ALL = "queue_all"
    CANCEL_PREVIOUS = "cancel_previous"


class Job(TenantOwned, limited.Limited):
    """The current definition. Everything a run needs is also in the revision its execution names."""

    name = models.CharField(max_length=200)
    type = models.CharField(max_length=64, help_text="A registered job type; see /api/v1/job-types.")
    description = models.TextField(blank=True)
    category = models.CharField(max_length=64, blank=True)
    state = models.CharField(max_length=16, choices=JobState, default=JobState.ACTIVE)
    revision = models.PositiveIntegerField(default=1)
    payload = models.JSONField(default=dict)
    queue = models.ForeignKey(Queue, on_delete=models.PROTECT, related_name="jobs", default="default")
    priority = models.PositiveSmallIntegerField(default=5, validators=[MaxValueValidator(9)])
    timeout_seconds = models.FloatField(default=300, validators=[MinValueValidator(0.1), MaxValueValidator(86_400)])
    max_running = models.PositiveIntegerField(null=True, blank=True, validators=[MinValueValidator(1)])
    concurrency_key = models.CharField(
        max_length=200,
        blank=True,
        default="",
        db_default="",
        help_text="Executions of a tenant with the same key share max_running_per_key; {field} stands for the payload's.",
    )
    max_running_per_key = models.PositiveIntegerField(default=1, db_default=1, validators=[MinValueValidator(1)])
    overlap = models.CharField(max_length=16, choices=Overlap, default=Overlap.QUEUE_ONE)
    retry = models.JSONField(
        default=dict, help_text="The retry policy as the API takes it; empty is the default policy."
    )
    owner = models.CharField(max_length=254, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        db_table = "job"
        constraints = [
            models.UniqueConstraint(fields=["tenant", "id"], name="job_tenant_key"),
            models.UniqueConstraint(fields=["tenant", "name"], condition=~Q(state="deleted"), name="job_name_once"),
            models.CheckConstraint(condition=Q(state__in=JobState.values), name="job_state_known"),
            models.CheckConstraint(condition=Q(overlap__in=Overlap.values), name="job_overlap_known"),
            models.CheckConstraint(condition=Q(priority__lte=9), name="job_priority_in_range"),
            limited.rate_is_known("job"),
        ]
        indexes = [
            models.Index(fields=["tenant", "-id"], name="job_recent"),
            limited.throttle_end("job"),
            models.Index(F("tenant"), Collate("name", "C"), F("id"), condition=~Q(state="deleted"), name="job_by_name"),
            models.Index(fields=["tenant", "updated_at", "id"], name="job_by_change"),
            models.Index(fields=["tenant", "state", "-id"], name="job_by_state"),
            models.Index(fields=["tenant", "type", "-id"], name="job_by_type"),
            models.Index(fields=["tenant", "category", "-id"], name="job_by_category"),
            models.Index(fields=["tenant", "owner", "-id"], name="job_by_owner"),
            models.Index(fields=["tenant", "queue", "-id"], name="job_by_queue"),
        ]

    def __str__(self) -> str:
        return self.name
