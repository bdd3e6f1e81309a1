"""A lower cap for a while, as JSON."""

from __future__ import annotations

from datetime import datetime
from typing import TypedDict

from django.utils import timezone
from rest_framework import serializers

from tenants.api.fields import Instant, StrictSerializer
from tenants.models.limited import Limited
from tenants.services import throttles


class ThrottleInput(StrictSerializer):
    """A wish to let less be in flight for a while."""

    example = {"max_running": 1, "until": "2026-01-31T09:00:00Z"}

    max_running = serializers.IntegerField(min_value=0, max_value=throttles.MOST, help_text="0 lets nothing start.")
    until = Instant(help_text=f"It ends by itself then; at most {throttles.LONGEST.days} days ahead.")


class ThrottleShape(TypedDict):
    """In force now."""

    max_running: int
    until: datetime


def throttle_shape(row: Limited) -> ThrottleShape | None:
    """The throttle of a job or a queue; None if none is in force."""
    most = row.throttle_at(timezone.now())
    if most is None or row.throttled_until is None:
        return None
    return {"max_running": most, "until": row.throttled_until}
