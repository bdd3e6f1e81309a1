"""Maintenance windows as JSON."""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from rest_framework import serializers

from jobs.models import Action, MaintenanceWindow, Scope
from jobs.services import maintenance
from tenants.api.fields import Instant, StrictSerializer


class WindowChanges(StrictSerializer):
    """All that may be said of a maintenance window but its scope, here to change some of it."""

    example = {"reason": "The database moves."}

    action = serializers.ChoiceField(
        Action.choices,
        required=False,
        help_text="hold: nothing starts, and at its end the schedules' misfire policy decides; skip: slots are left out.",
    )
    silence_alerts = serializers.BooleanField(required=False)
    reason = serializers.CharField(max_length=500, required=False, help_text="Everybody whose work waits reads it.")
    starts_at = Instant(required=False, allow_null=True, help_text="Now if left out.")
    ends_at = Instant(required=False, allow_null=True)
    expression = serializers.CharField(
        max_length=200, required=False, allow_null=True, allow_blank=True, help_text="Cron, instead of starts_at."
    )
    timezone = serializers.CharField(max_length=64, required=False, help_text="Of the expression; UTC if left out.")
    duration_seconds = serializers.IntegerField(
        min_value=60,
        max_value=604_800,
        required=False,
        allow_null=True,
        help_text="How long it is open, by expression.",
    )


class WindowInput(WindowChanges):
    """A maintenance window to be."""

    example = {"scope": "tenant", "reason": "The database moves.", "ends_at": "2199-01-31T09:00:00Z"}

    scope = serializers.ChoiceField(
        Scope.choices, help_text="tenant; queue: its work in one; job; platform: all tenants' (operators alone)."
    )
    queue = serializers.CharField(max_length=63, required=False, allow_null=True, help_text="Its name.")
    job = serializers.CharField(max_length=200, required=False, allow_null=True, help_text="Its id or name.")
    reason = serializers.CharField(max_length=500, help_text="Everybody whose work waits reads it.")


class OccurrenceShape(serializers.Serializer[Any]):
    """One time in which it is open."""

    opens_at = Instant()
    closes_at = Instant()


class WindowShape(serializers.Serializer[MaintenanceWindow]):
    """A maintenance window."""

    id = serializers.UUIDField()
    scope = serializers.ChoiceField(Scope.choices)
    queue = serializers.CharField(source="queue_id", allow_null=True)
    job = serializers.UUIDField(source="job_id", allow_null=True)
    state = serializers.SerializerMethodField(help_text="open, coming or over.")
    action = serializers.ChoiceField(Action.choices)
    silence_alerts = serializers.BooleanField()
    reason = serializers.CharField()
    starts_at = Instant(allow_null=True)
    ends_at = Instant(allow_null=True)
    expression = serializers.CharField(help_text="Empty if it is open once.")
    timezone = serializers.CharField()
    duration_seconds = serializers.IntegerField(allow_null=True)
    opens_at = Instant(allow_null=True, help_text="Of the time that it is open, or is next. Null when it is over.")
    closes_at = Instant(allow_null=True)
    allowed_actions = serializers.SerializerMethodField()
    created_by = serializers.CharField()
    created_at = Instant()
    updated_at = Instant()

    def get_state(self, window: MaintenanceWindow) -> str:
        return maintenance.state_of(window, timezone.now())

    def get_allowed_actions(self, window: MaintenanceWindow) -> list[str]:
        return maintenance.allowed_actions(window)
