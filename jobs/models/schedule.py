"""A schedule: a recurrence rule of a job, and how far it has been planned."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.timezone import now

from jobs.models.job import Job
from tenants.models.owned import TenantOwned


class ScheduleState(models.TextChoices):
    """Whether a schedule is planned."""

    ACTIVE = "active"
    PAUSED = "paused"  # held; on resume the misfire policy decides
    ENDED = "ended"  # has no further slot
    INVALID = "invalid"  # cannot be planned; `problem` says why
    DELETED = "deleted"


class Misfire(models.TextChoices):
    """What happens to slots seen after their grace."""

    SKIP = "skip"
    LAST = "last"
    ALL = "all"
    AT_MOST = "at_most"


#: What has a next run, unless its job is held.
UPCOMING = Q(next_run_at__isnull=False, state="active")


_NONE = models.Value([], output_field=models.JSONField())


class Schedule(TenantOwned):
    """``planned_until``: every slot up to there is accounted for. ``due_at``: when the planner looks again;
    empty while the schedule, its job or tenant is held, so held ones cost nothing.

    A trigger in the database marks a row for replanning when its rule columns change, whoever changes them. Others keep
    ``holds``: from when until when the schedule itself, its job or its tenant was held.
    """

    job = models.ForeignKey(
        Job, on_delete=models.CASCADE, related_name="schedules", db_constraint=False, db_index=False
    )
    kind = models.CharField(max_length=16, help_text="One of jobs.triggers.kinds().")
    expression = models.CharField(max_length=200, blank=True)
    interval_seconds = models.PositiveIntegerField(null=True, blank=True)
    run_at = models.DateTimeField(null=True, blank=True)
    rrule = models.CharField(max_length=1000, blank=True, default="", db_default="")
    rule = models.JSONField(
        null=True, blank=True, help_text="Of a calendar rule, such as the last business day of a month."
    )
    event = models.CharField(
        max_length=100, blank=True, default="", db_default="", help_text="Name of the event it waits for."
    )
    event_filter = models.CharField(max_length=500, blank=True, default="", db_default="")
    debounce_seconds = models.PositiveIntegerField(default=0, db_default=0)
    timezone = models.CharField(max_length=64, default="UTC")
    start_at = models.DateTimeField(null=True, blank=True)
    end_at = models.DateTimeField(null=True, blank=True)
    dst_gap = models.CharField(max_length=16, default="run_after_gap")
    dst_fold = models.CharField(max_length=16, default="first")
    calendars = models.JSONField(default=list, db_default=_NONE, blank=True)
    execution_window = models.JSONField(
        null=True, blank=True, help_text="Hours of the week in which its runs may start."
    )
    jitter_seconds = models.PositiveIntegerField(default=0, db_default=0)
    max_runs = models.PositiveIntegerField(null=True, blank=True)
    runs = models.PositiveBigIntegerField(default=0, db_default=0, help_text="How many of its slots were made to run.")
    misfire = models.CharField(max_length=16, choices=Misfire, default=Misfire.LAST)
    misfire_max = models.PositiveIntegerField(default=1)
    misfire_grace_seconds = models.FloatField(default=60)
    catch_up_window_seconds = models.FloatField(default=86_400)
    payload = models.JSONField(null=True, blank=True, help_text="Overrides of the job's payload.")
    state = models.CharField(max_length=16, choices=ScheduleState, default=ScheduleState.ACTIVE)
    problem = models.CharField(max_length=500, blank=True)
    planned_until = models.DateTimeField(default=now)
    next_run_at = models.DateTimeField(null=True, blank=True)
    due_at = models.DateTimeField(null=True, blank=True, default=now)
    holds = models.JSONField(
        default=list, db_default=_NONE, blank=True, help_text="Not yet planned past: [from, until or null, why]."
    )
    moved_until = models.DateTimeField(
        null=True, blank=True, help_text="Until when a slot may have run before its day, by calendars that it had."
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        db_table = "schedule"
        constraints = [
            models.UniqueConstraint(fields=["tenant", "id"], name="schedule_tenant_key"),
            models.CheckConstraint(condition=Q(state__in=ScheduleState.values), name="schedule_state_known"),
            models.CheckConstraint(condition=Q(misfire__in=Misfire.values), name="schedule_misfire_known"),
            models.CheckConstraint(
                condition=Q(due_at__isnull=True) | Q(state="active"), name="schedule_due_only_if_active"
            ),
        ]
        indexes = [
            models.Index(fields=["due_at"], condition=Q(due_at__isnull=False), name="schedule_due"),
            models.Index(fields=["job", "id"], name="schedule_of_job"),
            models.Index(fields=["tenant", "-id"], name="schedule_recent"),
            models.Index(fields=["tenant", "next_run_at", "id"], condition=UPCOMING, name="schedule_upcoming"),
            models.Index(fields=["tenant", "state", "-id"], condition=~Q(state="active"), name="schedule_idle"),
            models.Index(fields=["tenant", "id"], condition=~Q(calendars=_NONE), name="schedule_with_calendars"),
            models.Index(fields=["tenant", "event", "id"], condition=~Q(event=""), name="schedule_awaited"),
        ]
