"""Tags as JSON."""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from rest_framework import serializers

from jobs.models import Tag
from jobs.services import tags
from tenants.api.fields import Instant, StrictSerializer


class TagPauseInput(StrictSerializer):
    """Why a tag is paused, and until when."""

    example = {"reason": "The vendor is down.", "until": "2026-01-31T09:00:00Z"}

    reason = serializers.CharField(max_length=500, help_text="Everybody whose work waits reads it.")
    until = Instant(
        required=False,
        allow_null=True,
        help_text="When it goes on by itself, at most 366 days ahead; null: when resumed.",
    )


class TagShape(serializers.Serializer[Tag]):
    """A tag, and what holds everything that carries it."""

    tag = serializers.CharField()
    jobs = serializers.IntegerField(source="job_count", help_text="How many carry it.")
    paused = serializers.SerializerMethodField()
    reason = serializers.SerializerMethodField(help_text="Why it is paused.")
    paused_by = serializers.SerializerMethodField()
    paused_at = serializers.SerializerMethodField()
    until = serializers.SerializerMethodField(help_text="When it goes on by itself.")
    allowed_actions = serializers.SerializerMethodField()

    def get_paused(self, tag: Tag) -> bool:
        return _is_paused(tag)

    def get_reason(self, tag: Tag) -> str | None:
        return tag.reason if _is_paused(tag) else None

    def get_paused_by(self, tag: Tag) -> str | None:
        return tag.paused_by if _is_paused(tag) else None

    def get_paused_at(self, tag: Tag) -> Any:
        return _instant(tag, tag.paused_at)

    def get_until(self, tag: Tag) -> Any:
        return _instant(tag, tag.until)

    def get_allowed_actions(self, tag: Tag) -> list[str]:
        return tags.allowed_actions(tag, timezone.now())


def _is_paused(tag: Tag) -> bool:
    return tag.is_paused(timezone.now())


def _instant(tag: Tag, at: Any) -> Any:
    return Instant().to_representation(at) if at is not None and _is_paused(tag) else None
