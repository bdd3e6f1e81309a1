"""An execution: one run for one slot or request, from its creation to its end."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from jobs.models.job import Job
from jobs.models.queue import Queue
from jobs.models.schedule import Schedule
from jobs.rules.states import TERMINAL, State
from tenants.models.owned import PartitionedByTime
from tenants.requests import LONGEST_REASON


class TriggerKind(models.TextChoices):
    """What made an execution."""

    SCHEDULE = "schedule"
    MANUAL = "manual"
    DEPENDENCY = "dependency"
    REPLAY = "replay"
    EVENT = "event"
    BACKFILL = "backfill"


_TERMINAL = sorted(TERMINAL)
#: What somebody looks for in the morning.
TROUBLED = sorted(state.value for state in TERMINAL - {State.SUCCEEDED})


class Execution(PartitionedByTime):
    """Partitioned by id (UUIDv7, so by creation or slot time). Its state is written by jobs.engine.transitions alone.

    No foreign key points here: a partition must be droppable. ``epoch`` rises with every claim and
    fences every later write; ``waiting_on`` names the cap a pending one is parked under.
    """

    job = models.ForeignKey(
        Job, on_delete=models.PROTECT, related_name="executions", db_constraint=False, db_index=False
    )
    schedule = models.ForeignKey(
        Schedule, null=True, on_delete=models.PROTECT, related_name="executions", db_constraint=False, db_index=False
    )
    revision = models.PositiveIntegerField()
    trigger = models.CharField(max_length=16, choices=TriggerKind)
    triggered_by = models.CharField(max_length=254, blank=True)
    replay_of = models.UUIDField(null=True)
    state = models.CharField(max_length=16, default=State.SCHEDULED, choices=[(s.value, s.value) for s in State])
    reason = models.CharField(max_length=32, blank=True, help_text="Why it was skipped.")
    ended_because = models.CharField(
        max_length=LONGEST_REASON,
        blank=True,
        default="",
        db_default="",
        help_text="Why, in the words of who skipped it.",
    )
    scheduled_for = models.DateTimeField(null=True)
    folded_until = models.DateTimeField(null=True, help_text="Last slot of a folded row; scheduled_for is the first.")
    folded_count = models.PositiveBigIntegerField(null=True)
    not_before = models.DateTimeField()
    queue = models.ForeignKey(Queue, on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False)
    priority = models.SmallIntegerField(
        default=5, help_text="Below 0 behind all that is live: see jobs.rules.background."
    )
    base_priority = models.SmallIntegerField(null=True, help_text="What it was made with, if waiting has raised it.")
    operation_id = models.UUIDField(null=True, help_text="Of the operation whose pace it keeps to.")
    start_before = models.DateTimeField(null=True, help_text="When its execution window closes.")
    expires_at = models.DateTimeField(
        null=True, help_text="Until when it must have begun; once it has, until when it must have ended."
    )
    timeout_seconds = models.FloatField(default=300)
    max_attempts = models.PositiveIntegerField(default=1)
    payload = models.JSONField(null=True, help_text="Overrides of the revision's payload.")
    event = models.JSONField(null=True, help_text="The event that started it, for the expressions of its payload.")
    result = models.JSONField(null=True)
    error_code = models.CharField(max_length=32, blank=True)
    error_message = models.TextField(blank=True)
    error_fingerprint = models.CharField(max_length=32, blank=True)
    attempt = models.PositiveIntegerField(default=1)
    crashes = models.PositiveSmallIntegerField(default=0)
    epoch = models.PositiveIntegerField(default=0)
    worker_id = models.UUIDField(null=True)
    worker_pid = models.IntegerField(null=True)
    batch_size = models.PositiveSmallIntegerField(
        default=1, db_default=1, help_text="Members of the message it was last claimed with."
    )
    concurrency_key = models.CharField(
        max_length=200, blank=True, default="", db_default="", help_text="As the job's key read when this was made."
    )
    dedup_key = models.CharField(
        max_length=200,
        blank=True,
        default="",
        db_default="",
        help_text="What its request and others like it are told apart by.",
    )
    #: Of an answer alone: whether the request made it, or found it by its key.
    deduplicated = False
    waiting_on = models.CharField(max_length=255, blank=True)
    workflow_run_id = models.UUIDField(null=True, help_text="Of the workflow run it is a step of.")
    step = models.CharField(
        max_length=200, blank=True, default="", db_default="", help_text="Its name in that run's graph."
    )
    superseded = models.BooleanField(
        default=False, db_default=False, help_text="A rerun of its step has taken its place in the run."
    )
    is_told = models.BooleanField(
        default=False, db_default=False, help_text="Its run has taken note that it has ended."
    )
    decide_at = models.DateTimeField(null=True, help_text="When a blocked one is looked at next.")
    resume_at = models.DateTimeField(
        null=True, help_text="When a suspended one goes on; of one that runs, that it was woken meanwhile."
    )
    cancel_requested_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField()
    ripened_at = models.DateTimeField(null=True)
    queued_at = models.DateTimeField(null=True)
    publish_again_at = models.DateTimeField(null=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "execution"
        constraints = [
            models.CheckConstraint(condition=Q(state__in=[s.value for s in State]), name="execution_state_known"),
            models.CheckConstraint(
                condition=Q(finished_at__isnull=True, state__in=sorted(set(State) - TERMINAL))
                | Q(finished_at__isnull=False, state__in=_TERMINAL),
                name="execution_ended_iff_terminal",
            ),
            models.CheckConstraint(
                condition=~Q(state="running") | Q(epoch__gte=1, started_at__isnull=False),
                name="execution_running_has_claim",
            ),
            models.CheckConstraint(condition=~Q(state="skipped") | ~Q(reason=""), name="execution_skipped_has_reason"),
            models.CheckConstraint(condition=Q(waiting_on="") | Q(state="pending"), name="execution_parked_is_pending"),
        ]
        indexes = [
            models.Index(fields=["not_before", "id"], condition=Q(state="scheduled"), name="execution_ripening"),
            models.Index(
                F("queue_id"),
                F("tenant_id"),
                F("priority").desc(),
                F("not_before"),
                F("id"),
                condition=Q(state="pending", waiting_on=""),
                name="execution_ready",
            ),
            models.Index(
                F("waiting_on"),
                F("priority").desc(),
                F("not_before"),
                F("id"),
                condition=Q(state="pending") & ~Q(waiting_on=""),
                name="execution_parked",
            ),
            models.Index(
                fields=["tenant", "job", "trigger"],
                condition=Q(state__in=["queued", "running"]),
                name="execution_in_flight",
            ),
            models.Index(
                fields=["tenant", "concurrency_key"],
                condition=Q(state__in=["queued", "running"]) & ~Q(concurrency_key=""),
                name="execution_keyed",
            ),
            models.Index(fields=["queue", "publish_again_at"], condition=Q(state="queued"), name="execution_published"),
            models.Index(fields=["worker_id", "id"], condition=Q(state="running"), name="execution_owned"),
            models.Index(
                fields=["job", "state"],
                condition=Q(
                    trigger="schedule",
                    ripened_at__isnull=False,
                    state__in=["scheduled", "blocked", "pending", "queued", "running"],
                ),
                name="execution_overlapping",
            ),
            models.Index(fields=["tenant", "-id"], name="execution_recent"),
            models.Index(fields=["tenant", "state", "-id"], name="execution_by_state"),
            models.Index(fields=["tenant", "job", "-id"], name="execution_by_job"),
            models.Index(
                fields=["tenant", "schedule", "-id"], condition=Q(schedule__isnull=False), name="execution_by_schedule"
            ),
            models.Index(
                fields=["tenant", "schedule", "scheduled_for"],
                condition=Q(trigger="backfill"),
                name="execution_backfilled",
            ),
            models.Index(
                fields=["tenant", "operation_id", "-id"],
                condition=Q(operation_id__isnull=False),
                name="execution_made_by",
            ),
            models.Index(
                fields=["operation_id", "state"], condition=Q(operation_id__isnull=False), name="execution_of_operation"
            ),
            models.Index(
                fields=["operation_id"],
                condition=Q(operation_id__isnull=False, state__in=["pending", "queued", "running"], waiting_on=""),
                name="execution_let_go",
            ),
            models.Index(
                fields=["queue"],
                condition=Q(priority__lt=0, state__in=["queued", "running"]),
                name="execution_in_background",
            ),
            models.Index(
                fields=["start_before"],
                condition=Q(start_before__isnull=False, state__in=["pending", "queued"]),
                name="execution_closing",
            ),
            models.Index(
                fields=["expires_at"],
                condition=Q(expires_at__isnull=False, state__in=["scheduled", "blocked", "pending", "queued"]),
                name="execution_expiring",
            ),
            models.Index(
                fields=["workflow_run_id", "step"], condition=Q(workflow_run_id__isnull=False), name="execution_of_run"
            ),
            models.Index(
                fields=["workflow_run_id"],
                condition=Q(workflow_run_id__isnull=False, is_told=False, state__in=_TERMINAL),
                name="execution_to_tell",
            ),
            models.Index(
                fields=["decide_at"], condition=Q(state="blocked", decide_at__isnull=False), name="execution_to_decide"
            ),
            models.Index(
                fields=["job", "decide_at"],
                condition=Q(state="blocked", decide_at__isnull=False),
                name="execution_gated",
            ),
            models.Index(
                fields=["resume_at"], condition=Q(state="blocked", resume_at__isnull=False), name="execution_suspended"
            ),
            # For lists alone. None but the first holds what succeeded, and that is written to it once, at its end.
            models.Index(
                fields=["tenant", "finished_at", "id"], condition=Q(finished_at__isnull=False), name="execution_ended"
            ),
            models.Index(
                fields=["tenant", "job", "state", "-id"], condition=Q(state__in=TROUBLED), name="execution_troubled"
            ),
            models.Index(fields=["tenant", "reason", "-id"], condition=~Q(reason=""), name="execution_by_reason"),
            models.Index(
                fields=["tenant", "error_code", "-id"], condition=~Q(error_code=""), name="execution_by_error"
            ),
            models.Index(
                fields=["tenant", "error_fingerprint", "-id"],
                condition=~Q(error_fingerprint=""),
                name="execution_by_fingerprint",
            ),
            models.Index(
                fields=["tenant", "replay_of", "-id"], condition=Q(replay_of__isnull=False), name="execution_replays"
            ),
        ]
