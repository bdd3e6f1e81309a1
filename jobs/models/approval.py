"""A decision that an execution waits for: what is asked, who may decide until when, and what became of it."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils import timezone

from jobs.models.job import Job
from jobs.rules.approvals import LONGEST_QUESTION, Default, Standing
from tenants.models.owned import TenantOwned
from tenants.requests import LONGEST_REASON


class Approval(TenantOwned):
    """One per execution, under an id of when it was asked. Written by jobs.engine.approvals alone.

    ``roles``, ``members`` (e-mail addresses) and ``api_keys`` (ids) are who may decide, of those who may run jobs; all empty: any
    of these.
    """

    job = models.ForeignKey(
        Job, on_delete=models.PROTECT, related_name="approvals", db_constraint=False, db_index=False
    )
    execution_id = models.UUIDField(unique=True)
    question = models.CharField(max_length=LONGEST_QUESTION)
    state = models.CharField(max_length=16, default=Standing.WAITING, choices=[(s.value, s.value) for s in Standing])
    roles = models.JSONField(default=list)
    members = models.JSONField(default=list)
    api_keys = models.JSONField(default=list)
    not_by_requester = models.BooleanField(default=False)
    requested_by = models.CharField(max_length=254, blank=True)
    until = models.DateTimeField()
    by_default = models.CharField(max_length=16, choices=[(d.value, d.value) for d in Default])
    decided_by = models.CharField(max_length=254, blank=True, default="", help_text="Empty where nobody did in time.")
    decided_at = models.DateTimeField(null=True)
    reason = models.CharField(max_length=LONGEST_REASON, blank=True, default="")
    created_at = models.DateTimeField()

    @property
    def is_late(self) -> bool:
        """Whether its time is over."""
        return self.until <= timezone.now()

    class Meta:
        db_table = "approval"
        constraints = [
            models.CheckConstraint(condition=Q(state__in=[s.value for s in Standing]), name="approval_state_known"),
            models.CheckConstraint(
                condition=Q(state=Standing.WAITING.value, decided_at__isnull=True)
                | (~Q(state=Standing.WAITING.value) & Q(decided_at__isnull=False)),
                name="approval_decided_once",
            ),
        ]
        indexes = [
            models.Index(fields=["tenant", "-id"], name="approval_recent"),
            models.Index(fields=["tenant", "state", "-id"], name="approval_by_state"),
            models.Index(fields=["id"], condition=Q(state=Standing.WAITING.value), name="approval_waiting"),
            models.Index(fields=["decided_at"], condition=Q(decided_at__isnull=False), name="approval_ended"),
        ]
