"""Long work over many executions: what it is about, how far it has come, and on whose behalf."""

from __future__ import annotations

from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.timezone import now

from jobs.rules.operations import RECOVERY, TERMINAL, State
from tenants.models.owned import TenantOwned
from tenants.models.tenant import TenantState
from tenants.requests import LONGEST_REASON

_TERMINAL = sorted(TERMINAL)


class Operation(TenantOwned):
    """Moved on by jobs.engine.operations, a step at a time: each step's transaction moves rows and cursor together.

    ``conditions`` are frozen when it is made, relative instants made absolute; executions made later are never
    touched. ``kind`` names a file of jobs.services.operation_kinds.
    """

    kind = models.CharField(max_length=16)
    state = models.CharField(max_length=16, default=State.RUNNING, choices=[(s.value, s.value) for s in State])
    filter = models.JSONField(null=True, encoder=DjangoJSONEncoder, help_text="As it was asked for.")
    conditions = models.JSONField(default=dict, encoder=DjangoJSONEncoder)
    ids = models.JSONField(null=True, encoder=DjangoJSONEncoder, help_text="In their order, where no filter was given.")
    payload = models.JSONField(null=True, help_text="Goes over the overrides of what is replayed.")
    with_downstream = models.BooleanField(
        default=False, db_default=False, help_text="What it runs starts the jobs that depend on it, too."
    )
    reason = models.CharField(max_length=LONGEST_REASON)
    rate_per_second = models.FloatField()
    max_active = models.PositiveIntegerField(
        null=True, help_text="Most executions of it in flight, where it makes some."
    )
    paced_at = models.DateTimeField(
        default=now, db_default=Now(), help_text="When something was last added to it, or its pace changed."
    )
    clearing = models.BooleanField(
        default=False, db_default=False, help_text="Executions of it that are no longer wanted are being skipped."
    )
    canary = models.JSONField(
        null=True, help_text="The first few that run again and decide on the rest: as jobs.rules.canaries has it."
    )
    matched = models.PositiveIntegerField(help_text="How many there were when it was made.")
    matched_is_capped = models.BooleanField(default=False)
    made = models.PositiveIntegerField(default=0, db_default=0, help_text="Executions, where it makes some.")
    done = models.PositiveIntegerField(default=0)
    failed = models.PositiveIntegerField(default=0)
    left_out = models.JSONField(default=dict, help_text="How many, by reason.")
    failures = models.JSONField(default=list, help_text="The first ones: execution, code, message.")
    cursor = models.UUIDField(null=True, help_text="The last execution that was looked at.")
    reached_at = models.DateTimeField(null=True, help_text="The last slot that a backfill has looked at.")
    next_step_at = models.DateTimeField()
    waiting_on = models.CharField(max_length=32, blank=True)
    ended_because = models.CharField(
        max_length=500, blank=True, help_text="Where it neither succeeded nor was cancelled."
    )
    created_by = models.CharField(max_length=254)
    granted = models.JSONField(default=list, help_text="What its author might do when it was made.")
    request_id = models.CharField(max_length=64, blank=True)
    created_at = models.DateTimeField()
    paused_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "operation"
        constraints = [
            models.CheckConstraint(condition=Q(state__in=[s.value for s in State]), name="operation_state_known"),
            models.UniqueConstraint(
                fields=["tenant"], condition=Q(kind=RECOVERY, finished_at__isnull=True), name="operation_one_recovery"
            ),
            models.CheckConstraint(
                condition=Q(finished_at__isnull=True, state__in=sorted(set(State) - TERMINAL))
                | Q(finished_at__isnull=False, state__in=_TERMINAL),
                name="operation_ended_iff_terminal",
            ),
        ]
        indexes = [
            models.Index(fields=["tenant", "-id"], name="operation_recent"),
            models.Index(
                fields=["next_step_at"], condition=Q(state="running") | Q(clearing=True), name="operation_to_step"
            ),
            models.Index(
                fields=["paced_at"], condition=Q(state="running", max_active__isnull=False), name="operation_pacing"
            ),
            models.Index(fields=["finished_at"], condition=Q(finished_at__isnull=False), name="operation_ended"),
        ]

    @property
    def waits_for(self) -> str:
        """What one that is running waits for, other than its rate; empty for nothing."""
        if self.state != State.RUNNING:
            return ""
        return "TENANT_SUSPENDED" if self.tenant.state != TenantState.ACTIVE else self.waiting_on
