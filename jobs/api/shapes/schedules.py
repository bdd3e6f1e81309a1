"""Schedules as JSON."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from jobs.api.shapes import schedule_unions  # noqa: F401 - describes these
from jobs.api.shapes.payloads import Guarded
from jobs.models import Misfire, Schedule, ScheduleState
from jobs.services import schedules
from tenants.api.fields import Instant, Number, Object, Patch, StrictSerializer

MOST_IN_A_BATCH = 100


class RuleInput(StrictSerializer):
    """When something fires. Which fields are needed depends on ``kind``; :mod:`jobs.triggers` judges them."""

    kind = serializers.CharField(max_length=16, help_text="cron, interval or once.")
    expression = serializers.CharField(max_length=200, required=False, allow_null=True, allow_blank=True)
    interval_seconds = serializers.IntegerField(required=False, allow_null=True)
    run_at = Instant(required=False, allow_null=True)
    rrule = serializers.CharField(max_length=1000, required=False, allow_null=True, allow_blank=True)
    rule = Object(required=False, allow_null=True)
    event = serializers.CharField(max_length=100, required=False, allow_null=True, allow_blank=True)
    timezone = serializers.CharField(max_length=64, required=False, help_text="IANA name; UTC if left out.")
    start_at = Instant(required=False, allow_null=True)
    end_at = Instant(required=False, allow_null=True)
    dst_gap = serializers.CharField(max_length=16, required=False, help_text="run_after_gap or skip.")
    dst_fold = serializers.CharField(max_length=16, required=False, help_text="first, second or both.")
    calendars = serializers.ListField(child=Object(), max_length=10, required=False)


class PreviewInput(RuleInput):
    """A rule to try out."""

    after = Instant(required=False, help_text="Now if left out.")
    count = serializers.IntegerField(min_value=1, max_value=100, default=5)


class ScheduleChanges(Patch, RuleInput):
    """All that may be said of a schedule, here to change some of it. Objects are merged; null is the default."""

    example = {"timezone": "Europe/Berlin", "misfire": "skip"}

    event_filter = serializers.CharField(max_length=500, required=False, allow_null=True, allow_blank=True)
    debounce_seconds = serializers.IntegerField(min_value=0, max_value=86_400, required=False)
    execution_window = Object(required=False, allow_null=True)
    jitter_seconds = serializers.IntegerField(min_value=0, max_value=86_400, required=False)
    max_runs = serializers.IntegerField(min_value=1, required=False, allow_null=True)
    misfire = serializers.ChoiceField(Misfire.choices, required=False)
    misfire_max = serializers.IntegerField(min_value=1, max_value=1000, required=False)
    misfire_grace_seconds = Number(min_value=0, max_value=86_400, required=False)
    catch_up_window_seconds = Number(min_value=0, required=False)
    payload = Object(
        required=False, allow_null=True, help_text="Overrides of the job's payload. Data: a {{ in it is literal."
    )


class ScheduleInput(ScheduleChanges):
    """A schedule to be, inside its job."""


class NewScheduleInput(ScheduleInput):
    """A schedule to be, for a job that exists."""

    job = serializers.CharField(max_length=200, help_text="Id or name.")


class SchedulesInput(StrictSerializer):
    """Schedules to be: all of them, or none."""

    example = {"schedules": [{"job": "nightly dummy", "kind": "once", "run_at": "2199-01-31T09:00:00Z"}]}

    schedules = serializers.ListField(child=NewScheduleInput(), min_length=1, max_length=MOST_IN_A_BATCH)


@extend_schema_field({"type": ["string", "null"]})
class Unset(serializers.Field[str, None, "str | None", Any]):
    """A text that is empty in the database where a schedule has none."""

    def to_representation(self, value: str) -> str | None:
        return value or None


class ScheduleShape(serializers.Serializer[Schedule]):
    """A schedule as it is stored."""

    id = serializers.UUIDField()
    job = serializers.UUIDField(source="job_id")
    kind = serializers.CharField()
    expression = Unset()
    interval_seconds = serializers.IntegerField(allow_null=True)
    run_at = Instant(allow_null=True)
    rrule = Unset()
    rule = serializers.JSONField(allow_null=True)
    event = Unset()
    event_filter = Unset()
    debounce_seconds = serializers.IntegerField()
    timezone = serializers.CharField()
    start_at = Instant(allow_null=True)
    end_at = Instant(allow_null=True)
    dst_gap = serializers.CharField()
    dst_fold = serializers.CharField()
    calendars = serializers.JSONField()
    execution_window = serializers.JSONField(allow_null=True)
    jitter_seconds = serializers.IntegerField()
    max_runs = serializers.IntegerField(allow_null=True)
    runs = serializers.IntegerField(help_text="How many of its slots were made to run.")
    misfire = serializers.ChoiceField(Misfire.choices)
    misfire_max = serializers.IntegerField()
    misfire_grace_seconds = serializers.FloatField()
    catch_up_window_seconds = serializers.FloatField()
    payload = Guarded()
    state = serializers.ChoiceField(ScheduleState.choices)
    problem = serializers.CharField(help_text="Why it is invalid.")
    next_run_at = serializers.SerializerMethodField(help_text="Null while it or its job is held.")
    allowed_actions = serializers.SerializerMethodField()
    created_at = Instant()
    updated_at = Instant()

    @extend_schema_field(Instant(allow_null=True))
    def get_next_run_at(self, schedule: Schedule) -> str | None:
        if schedule.next_run_at is None or {schedule.state, schedule.job.state} != {"active"}:
            return None
        return Instant().to_representation(schedule.next_run_at)

    def get_allowed_actions(self, schedule: Schedule) -> list[str]:
        return schedules.allowed_actions(schedule.state)


@extend_schema_field(OpenApiTypes.DATETIME)
class LocalTime(serializers.Field[datetime, str, str, Any]):
    """An instant on a clock of its own; DRF's field would turn it into UTC."""

    def to_representation(self, value: datetime) -> str:
        return value.isoformat()


class FireShape(serializers.Serializer[dict[str, Any]]):
    """One slot to come."""

    at = Instant()
    local = LocalTime(read_only=True, help_text="The same instant on the schedule's clock.")
    note = serializers.ChoiceField(["DST_GAP", "DST_FOLD"], allow_null=True, help_text="A clock change touches it.")


class UpcomingShape(FireShape):
    """One run of a job to come."""

    schedule = serializers.UUIDField()


class PreviewShape(serializers.Serializer[dict[str, Any]]):
    """What a rule means."""

    next = FireShape(many=True)
