"""Tenants as JSON."""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from rest_framework import serializers

from tenants.api.fields import Instant, StrictSerializer
from tenants.models import Tenant
from tenants.rules import quotas as rules
from tenants.services import throttles

_WHOLE = 2**31 - 1


def _names(help_text: str) -> serializers.ListField:
    return serializers.ListField(
        child=serializers.CharField(max_length=64), max_length=200, required=False, help_text=help_text
    )


def _most(help_text: str, **options: Any) -> serializers.IntegerField:
    bounds = {"min_value": 0, "max_value": rules.MOST, **options}
    return serializers.IntegerField(required=False, allow_null=True, help_text=help_text, **bounds)


class QuotaInput(StrictSerializer):
    """How much a tenant may have. Null is the installation's default."""

    max_jobs = _most("Most jobs stored.")
    max_schedules = _most("Most schedules stored.")
    max_unfinished = _most("Most executions that have not ended, waiting or running.")
    max_log_bytes = _most("Most bytes that one attempt may log.", min_value=rules.LEAST_LOG, max_value=rules.MOST_LOG)
    max_artifact_bytes = _most("Most bytes of all artifacts that are kept.", max_value=rules.MOST_BYTES)
    max_file_bytes = _most("Most bytes of files in its folder.", max_value=rules.MOST_BYTES)
    retention_days = _most(
        "How long ended executions are kept; never longer than the installation keeps them.",
        min_value=1,
        max_value=3650,
    )
    artifact_days = _most(
        "How long artifacts are kept; never longer than the installation keeps them.", min_value=1, max_value=3650
    )
    allowed_queues = _names("Queues its jobs may use; empty for all.")
    allowed_job_types = _names("Types its jobs may have; empty for all.")


class TenantChanges(QuotaInput):
    """All that may be said of a tenant but its slug, here to change some of it."""

    example = {"name": "Acme Reports", "weight": 2}

    name = serializers.CharField(max_length=200, required=False)
    weight = serializers.IntegerField(
        min_value=1, max_value=100, required=False, help_text="Its share when tenants compete."
    )
    max_running = _most("Most executions queued or running at once.", min_value=1, max_value=_WHOLE)
    rate_limit = serializers.CharField(
        max_length=16, required=False, allow_blank=True, help_text="Most starts per s, m, h or d, such as 100/m."
    )
    rate_burst = _most("Most starts at once after a rest.", min_value=1)
    api_rate_limit = serializers.CharField(
        max_length=16,
        required=False,
        allow_blank=True,
        help_text="Most API requests per s, m, h or d, such as 100/s; empty for the installation's limit.",
    )
    allowed_hosts = serializers.ListField(child=serializers.CharField(max_length=300), max_length=200, required=False)
    allowed_callables = serializers.ListField(
        child=serializers.CharField(max_length=200), max_length=200, required=False
    )


class NewTenant(TenantChanges):
    """A tenant to be."""

    example = {"slug": "acme", "name": "Acme"}

    slug = serializers.CharField(max_length=63, help_text="For ever: small letters, digits and single hyphens.")
    name = serializers.CharField(max_length=200)


class Suspension(StrictSerializer):
    """Why a tenant is held."""

    example = {"reason": "unpaid"}

    reason = serializers.CharField(
        max_length=500, required=False, allow_blank=True, default="", help_text="Told to whoever is refused."
    )


class ThrottleWish(StrictSerializer):
    """A wish to let less of a tenant be in flight for a while."""

    example = {"max_running": 1, "until": "2026-01-31T09:00:00Z"}

    max_running = serializers.IntegerField(min_value=0, max_value=throttles.MOST, help_text="0 lets nothing start.")
    until = Instant(help_text=f"It ends by itself then; at most {throttles.LONGEST.days} days ahead.")


class TenantShape(serializers.Serializer[Tenant]):
    """A tenant, and what it may have: its own numbers. What holds with the installation's defaults is at /quotas."""

    id = serializers.UUIDField()
    slug = serializers.CharField()
    name = serializers.CharField()
    state = serializers.CharField(help_text="active or suspended.")
    suspension_reason = serializers.CharField()
    weight = serializers.IntegerField()
    max_running = serializers.IntegerField(allow_null=True)
    rate_limit = serializers.CharField()
    rate_burst = serializers.IntegerField(allow_null=True)
    api_rate_limit = serializers.CharField()
    throttle = serializers.SerializerMethodField(help_text="A lower cap for a while; null if none is in force.")
    max_jobs = serializers.IntegerField(allow_null=True)
    max_schedules = serializers.IntegerField(allow_null=True)
    max_unfinished = serializers.IntegerField(allow_null=True)
    max_log_bytes = serializers.IntegerField(allow_null=True)
    max_artifact_bytes = serializers.IntegerField(allow_null=True)
    max_file_bytes = serializers.IntegerField(allow_null=True)
    retention_days = serializers.IntegerField(allow_null=True)
    artifact_days = serializers.IntegerField(allow_null=True)
    allowed_queues = serializers.ListField(child=serializers.CharField())
    allowed_job_types = serializers.ListField(child=serializers.CharField())
    allowed_hosts = serializers.ListField(child=serializers.CharField())
    allowed_callables = serializers.ListField(child=serializers.CharField())
    created_at = Instant()

    def get_throttle(self, tenant: Tenant) -> dict[str, Any] | None:
        most = tenant.throttle_at(timezone.now())
        return None if most is None else {"max_running": most, "until": tenant.throttled_until}
