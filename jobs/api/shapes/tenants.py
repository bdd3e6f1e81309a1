"""A tenant's quotas, defaults and usage as JSON."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from jobs.api.shapes.schedules import CalendarUseInput, CalendarUseShape
from jobs.models import UsageDay
from jobs.rules import calendar_names
from jobs.services.usage import Standing
from tenants.api.fields import Number, Object, StrictSerializer
from tenants.models import Tenant


class StandingShape(serializers.Serializer[Standing]):
    """One quota."""

    quota = serializers.CharField(help_text="jobs, schedules, unfinished, log_bytes.")
    what = serializers.CharField(help_text="What is counted, in words.")
    limit = serializers.IntegerField(allow_null=True, help_text="Null for no limit.")
    used = serializers.IntegerField(
        allow_null=True,
        help_text="Null of what is measured while it runs, and of files that lie on other machines than this one.",
    )
    at_least = serializers.BooleanField(help_text="There may be more: counting stopped here.")


class DefaultsInput(StrictSerializer):
    """What jobs and schedules have that do not say otherwise."""

    example = {"timezone": "Europe/Berlin", "timeout_seconds": 600, "retry": {"max_attempts": 3}}

    timezone = serializers.CharField(max_length=64, required=False, allow_blank=True, help_text="UTC if empty.")
    calendars = serializers.ListField(child=CalendarUseInput(), max_length=calendar_names.MOST, required=False)
    timeout_seconds = Number(min_value=0.1, max_value=86_400, required=False, allow_null=True)
    retry = Object(required=False, help_text="As a job's; an empty one is the product's.")


class DefaultsShape(serializers.Serializer[Tenant]):
    """What jobs and schedules have that do not say otherwise; empty is the product's own."""

    timezone = serializers.CharField(source="default_timezone")
    calendars = CalendarUseShape(source="default_calendars", many=True)
    timeout_seconds = serializers.FloatField(source="default_timeout_seconds", allow_null=True)
    retry = serializers.JSONField(source="default_retry")


class UsageDayShape(serializers.Serializer[UsageDay]):
    """One day in UTC, of executions that ended on it."""

    day = serializers.DateField()
    succeeded = serializers.IntegerField()
    failed = serializers.IntegerField()
    cancelled = serializers.IntegerField()
    skipped = serializers.IntegerField(help_text="Slots that did not run.")
    run_seconds = serializers.FloatField(help_text="Of all their attempts.")
    log_bytes = serializers.IntegerField(help_text="Of their logs, as stored.")


class UsageShape(serializers.Serializer[Any]):
    """A span of days, and what has not ended now."""

    data = UsageDayShape(many=True)  # type: ignore[assignment]
    now = serializers.DictField(child=serializers.IntegerField(), help_text="Executions by state.")
    counted_up_to = serializers.IntegerField(help_text="Where counting of `now` stops.")
