"""A job: a tenant's definition of something to run. Its history is in its revisions."""

from __future__ import annotations

from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Collate

from jobs.models.queue import Queue
from jobs.rules import pausing
from tenants.models import limited
from tenants.models.owned import TenantOwned
from tenants.rules import rates


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


class Duplicate(models.TextChoices):
    """What becomes of a request whose deduplication key is taken."""

    REJECT = "reject"
    RETURN_EXISTING = "return_existing"
    REPLACE = "replace"


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
    soft_timeout_seconds = models.FloatField(
        null=True,
        blank=True,
        validators=[MinValueValidator(0.1), MaxValueValidator(86_400)],
        help_text="When an attempt is asked to come to an end by itself; timeout_seconds ends it.",
    )
    max_wait_seconds = models.FloatField(
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(30 * 86_400)],
        help_text="Longest wait from when it is due to its first start; then it does not run any more.",
    )
    max_total_seconds = models.FloatField(
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(30 * 86_400)],
        help_text="Longest time from its first start to its end, over all attempts and the pauses between them.",
    )
    pause_after_failures = models.PositiveSmallIntegerField(
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(1000)],
        help_text="Executions that fail one after another before the job is paused by itself.",
    )
    failed_in_a_row = models.PositiveIntegerField(
        default=0, db_default=0, help_text="Kept while pause_after_failures is set."
    )
    failures_at_pause = models.PositiveIntegerField(
        null=True, blank=True, help_text="How many there were when it was paused by itself."
    )
    on_failure = models.JSONField(
        default=list,
        blank=True,
        db_default=models.Value([], models.JSONField()),
        help_text="Channels that are told when an execution has failed for good: names of secrets.",
    )
    on_success = models.JSONField(
        default=list,
        blank=True,
        db_default=models.Value([], models.JSONField()),
        help_text="Channels that are told when an execution has succeeded.",
    )
    max_running = models.PositiveIntegerField(null=True, blank=True, validators=[MinValueValidator(1)])
    concurrency_key = models.CharField(
        max_length=200,
        blank=True,
        default="",
        db_default="",
        help_text="Executions of a tenant with the same key share max_running_per_key; {field} stands for the payload's.",
    )
    max_running_per_key = models.PositiveIntegerField(default=1, db_default=1, validators=[MinValueValidator(1)])
    key_rate_limit = models.CharField(
        max_length=16,
        blank=True,
        default="",
        db_default="",
        validators=[RegexValidator(rates.PATTERN, rates.MESSAGE)],
        help_text="Most starts in a time of executions with the same concurrency key, such as 100/m.",
    )
    key_rate_burst = models.PositiveIntegerField(
        null=True, blank=True, validators=[MinValueValidator(1), MaxValueValidator(rates.MOST)]
    )
    dedup_key = models.CharField(
        max_length=200,
        blank=True,
        default="",
        db_default="",
        help_text="Requests with the same key make one execution; {field} stands for the payload's.",
    )
    dedup_seconds = models.FloatField(
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(30 * 86_400)],
        help_text="How long a key is taken from its request on; empty: while its execution has not ended.",
    )
    dedup_conflict = models.CharField(
        max_length=16, choices=Duplicate, default=Duplicate.RETURN_EXISTING, db_default=Duplicate.RETURN_EXISTING
    )
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
            models.CheckConstraint(
                condition=Q(key_rate_limit="") | Q(key_rate_limit__regex=rates.PATTERN), name="job_key_rate_known"
            ),
            models.CheckConstraint(condition=Q(dedup_conflict__in=Duplicate.values), name="job_dedup_conflict_known"),
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

    @property
    def paused_because(self) -> str | None:
        """Why, if it was paused by itself."""
        if self.state != JobState.PAUSED or self.failures_at_pause is None:
            return None
        return pausing.because(self.failures_at_pause)
