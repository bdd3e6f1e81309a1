"""An exhausted execution, kept until somebody decides."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from jobs.models.job import Job
from tenants.models.owned import TenantOwned
from tenants.requests import LONGEST_REASON


class DeadLetterState(models.TextChoices):
    """What became of it."""

    OPEN = "open"
    REDRIVEN = "redriven"
    DISCARDED = "discarded"


class DeadLetter(TenantOwned):
    """One per failed execution."""

    job = models.ForeignKey(
        Job, on_delete=models.PROTECT, related_name="dead_letters", db_constraint=False, db_index=False
    )
    execution_id = models.UUIDField(unique=True)
    error_code = models.CharField(max_length=32)
    error_message = models.TextField(blank=True)
    error_fingerprint = models.CharField(max_length=32, blank=True)
    state = models.CharField(max_length=16, choices=DeadLetterState, default=DeadLetterState.OPEN)
    redriven_as = models.UUIDField(null=True)
    closed_by = models.CharField(max_length=254, blank=True)
    note = models.CharField(
        max_length=LONGEST_REASON,
        blank=True,
        default="",
        db_default="",
        help_text="Why, in the words of who closed it.",
    )
    closed_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField()

    class Meta:
        db_table = "dead_letter"
        constraints = [
            models.CheckConstraint(condition=Q(state__in=DeadLetterState.values), name="dead_letter_state_known")
        ]
        indexes = [
            models.Index(fields=["tenant", "state", "-id"], name="dead_letter_triage"),
            models.Index(fields=["tenant", "job", "-id"], name="dead_letter_by_job"),
            models.Index(fields=["tenant", "error_code", "-id"], name="dead_letter_by_error"),
            models.Index(fields=["tenant", "error_fingerprint", "-id"], name="dead_letter_by_fingerprint"),
            models.Index(fields=["tenant", "-id"], name="dead_letter_recent"),
        ]
