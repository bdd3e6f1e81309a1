"""Explanations, statistics and forecasts as JSON."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from jobs.api.shapes.executions import STATES, JobReference
from jobs.api.shapes.schedules import UpcomingShape
from jobs.api.shapes.tenants import UsageDayShape
from jobs.job_stats import JobStats, Spread
from jobs.outlooks import Last, Told
from jobs.rules.explaining import Explanation, Reason
from jobs.rules.neighbours import Neighbours, Share
from jobs.waits import MOST_AHEAD
from tenants.api.fields import Instant


class ReasonShape(serializers.Serializer[Reason]):
    """One reason; the first of a list decides."""

    code = serializers.CharField(help_text="Stable; what each means is in docs/codes.md.")
    message = serializers.CharField(help_text="In a sentence, with what to do.")
    limit = serializers.IntegerField(allow_null=True, help_text="Of the cap, the quota or the attempts it is about.")
    used = serializers.IntegerField(allow_null=True, help_text="Null where that is not the tenant's alone.")
    until = Instant(allow_null=True, help_text="When the clock alone ends it, or, of a next run, brings it.")
    execution = serializers.UUIDField(allow_null=True, help_text="The other execution that it is about.")


class ShareShape(serializers.Serializer[Share]):
    """One tenant's part of the time that executions ran in a queue."""

    tenant = serializers.CharField(help_text="Empty: all other tenants, who are named to the platform's people alone.")
    share = serializers.FloatField(help_text="From 0 to 1.")


class NeighboursShape(serializers.Serializer[Neighbours]):
    """Who used its queue while it waited."""

    queue = serializers.CharField()
    waited_seconds = serializers.FloatField()
    shares = ShareShape(many=True, help_text="The largest first.")
    message = serializers.CharField(help_text="In a sentence.")
    capped = serializers.BooleanField(help_text="Only the newest executions were looked at.")


class ExplanationShape(serializers.Serializer[Explanation]):
    """Why an execution stands where it stands."""

    state = serializers.ChoiceField(STATES)
    summary = serializers.CharField(help_text="In one line.")
    reasons = ReasonShape(many=True)
    position = serializers.IntegerField(
        allow_null=True,
        help_text=f"In the tenant's line, from 1, counted up to {MOST_AHEAD}; null if it stands in none.",
    )
    estimate_seconds = serializers.FloatField(
        allow_null=True, help_text="Until it starts, by the pace of the last minutes; null where nobody can know."
    )
    neighbours = NeighboursShape(allow_null=True, help_text="Null if it has not waited for a second.")


class LastShape(serializers.Serializer[Last]):
    """The newest execution that has ended."""

    id = serializers.UUIDField(source="execution.pk")
    state = serializers.ChoiceField(STATES, source="execution.state")
    scheduled_for = Instant(source="execution.scheduled_for", allow_null=True)
    created_at = Instant(source="execution.created_at")
    finished_at = Instant(source="execution.finished_at", allow_null=True)
    reason = ReasonShape()


class OutlookShape(serializers.Serializer[Told]):
    """Why a job or a schedule starts nothing, or when it will, and how it went last."""

    state = serializers.CharField(source="explanation.state")
    summary = serializers.CharField(help_text="In one line.")
    reasons = ReasonShape(source="explanation.reasons", many=True)
    next_run_at = Instant(allow_null=True)
    last = LastShape(allow_null=True, help_text="Null without executions:read, too.")


class SpreadShape(serializers.Serializer[Spread]):
    """Of lengths of time, in seconds."""

    p50 = serializers.FloatField()
    p95 = serializers.FloatField()
    max = serializers.FloatField()


class StatsDayShape(serializers.Serializer[Any]):
    """One day in UTC on which there was something."""

    day = serializers.DateField()
    by_state = serializers.DictField(child=serializers.IntegerField())


class JobStatsShape(serializers.Serializer[JobStats]):
    """How a job has done. A folded row counts as the slots it stands for; lengths of time are of the last attempt."""

    since = Instant()
    until = Instant()
    counted_from = Instant(help_text="Later than `since` where only the newest were counted.")
    counted = serializers.IntegerField(help_text="Rows.")
    capped = serializers.BooleanField(help_text="There are more in the window: only the newest were counted.")
    by_state = serializers.DictField(child=serializers.IntegerField())
    success_rate = serializers.FloatField(allow_null=True, help_text="Of what succeeded or failed, from 0 to 1.")
    duration_seconds = SpreadShape(allow_null=True)
    wait_seconds = SpreadShape(allow_null=True, help_text="From when it was due until it started.")
    attempts_per_execution = serializers.FloatField(allow_null=True)
    crashes = serializers.IntegerField()
    last_success_at = Instant(allow_null=True, help_text="Of those counted.")
    last_failure_at = Instant(allow_null=True, help_text="Of those counted.")
    days = StatsDayShape(many=True)


class StatsShape(serializers.Serializer[Any]):
    """How a tenant has done, by days in UTC on which executions ended, up to a minute ago."""

    since = serializers.DateField()
    until = serializers.DateField()
    by_state = serializers.DictField(child=serializers.IntegerField(), help_text="Ended: in the days. Others: now.")
    counted_up_to = serializers.IntegerField(help_text="Where counting of what has not ended stops.")
    success_rate = serializers.FloatField(allow_null=True, help_text="Of what succeeded or failed, from 0 to 1.")
    run_seconds = serializers.FloatField(help_text="Of all attempts.")
    days = UsageDayShape(many=True)


class ForecastSlotShape(UpcomingShape):
    """One slot that will run."""

    job = JobReference()
    queue = serializers.CharField()


class ForecastGroupShape(serializers.Serializer[Any]):
    """The work of one hour, queue, job or tenant. What nobody knows is null, not nothing."""

    key = serializers.CharField(
        help_text="The hour's beginning in UTC, the queue's name, the job's or the tenant's id."
    )
    name = serializers.CharField(help_text="Of the queue, the job or the tenant; empty for an hour.")
    slots = serializers.IntegerField(
        help_text="One that a clock change leaves out is counted too, one that a calendar leaves out is not."
    )
    worker_minutes = serializers.FloatField(
        allow_null=True, help_text="If each run takes what half of its job's last ones took at most."
    )
    worker_minutes_p95 = serializers.FloatField(allow_null=True, help_text="What 95 of 100 took at most.")
    jobs_unknown = serializers.IntegerField(help_text="Jobs that have ended too rarely: their slots are in no minutes.")
    capacity_worker_minutes = serializers.FloatField(
        allow_null=True,
        help_text="What the workers that live now can do in that hour, or for that queue in the window; else null.",
    )


class ForecastShape(serializers.Serializer[Any]):
    """What will run when, by the schedules' rules. Requests for a later instant are no schedule's, and not in it."""

    since = Instant()
    until = Instant()
    schedules = serializers.IntegerField(help_text="How many were looked at.")
    held = serializers.IntegerField(
        help_text="Paused ones, and those of paused or disabled jobs: left out. Over all tenants: paused and invalid ones."
    )
    on_events = serializers.IntegerField(help_text="They start whenever their event comes: left out.")
    unreadable = serializers.IntegerField(help_text="Schedules whose rule is no longer understood: left out.")
    capped = serializers.BooleanField(help_text="There is more than this answer holds.")
    worker_slots = serializers.IntegerField(
        help_text="What the workers that live now can run at once, for all tenants."
    )
    slots = ForecastSlotShape(many=True, allow_null=True, help_text="In order; null with `group_by`.")
    groups = ForecastGroupShape(many=True, allow_null=True, help_text="Null without `group_by`.")
