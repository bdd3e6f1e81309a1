"""How often something may start, as a client says it of a job or a queue."""

from __future__ import annotations

from rest_framework import serializers

from tenants.api.fields import StrictSerializer
from tenants.rules import rates


class RateInput(StrictSerializer):
    """Part of what has a rate limit."""

    rate_limit = serializers.CharField(
        max_length=16, required=False, allow_blank=True, help_text="Most starts per s, m, h or d, such as 100/m."
    )
    rate_burst = serializers.IntegerField(
        min_value=1,
        max_value=rates.MOST,
        required=False,
        allow_null=True,
        help_text="Most starts at once after a rest; the rate's number if null.",
    )
