"""Queues as JSON."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from jobs import selectors
from jobs.api.shapes.rates import RateInput
from jobs.api.shapes.throttles import ThrottleShape, throttle_shape
from jobs.models import Queue
from jobs.models.queue import MOST_IN_A_MESSAGE, Pool
from jobs.neighbours import Usage
from jobs.rules.neighbours import Use
from jobs.services import queue_states
from tenants.api.fields import Instant


class QueueChanges(RateInput):
    """All that may be said of a queue but its name, here to change some of it."""

    example = {"max_running": 20, "rate_limit": "100/m"}

    pool = serializers.ChoiceField(
        Pool.choices,
        required=False,
        help_text="prefork: processes, for every job type; threads: for those that allow it. Fixed while anything uses it.",
    )
    batch_size = serializers.IntegerField(
        min_value=1,
        max_value=MOST_IN_A_MESSAGE,
        required=False,
        help_text="Most executions of short jobs that share a message; 1 sends each alone.",
    )
    max_running = serializers.IntegerField(
        min_value=1,
        max_value=2**31 - 1,
        required=False,
        allow_null=True,
        help_text="Most executions of all tenants queued or running at once; null for no cap.",
    )
    ageing_seconds = serializers.IntegerField(
        min_value=10,
        max_value=86_400,
        required=False,
        allow_null=True,
        help_text="What has waited so long rises by a step of priority within its tenant, and again; null: never.",
    )


class QueueInput(QueueChanges):
    """A queue to be."""

    example = {"name": "reports", "pool": "prefork"}

    name = serializers.CharField(max_length=63, help_text="For ever: small letters, digits and single hyphens.")


class UseShape(serializers.Serializer[Use]):
    """What one tenant, or all others together, used."""

    tenant = serializers.CharField(help_text="Empty for all others together: a tenant is told of no other by name.")
    seconds = serializers.FloatField(help_text="That its executions ran.")
    share = serializers.FloatField(help_text="Of all that ran there, from 0 to 1.")


class QueueSharesShape(serializers.Serializer[Usage]):
    """Who used a queue in a time."""

    queue = serializers.CharField()
    since = Instant()
    until = Instant()
    shares = UseShape(many=True, help_text="The largest first.")
    capped = serializers.BooleanField(help_text="There was more to look at.")


class QueueShape(serializers.Serializer[Queue]):
    """A queue of the platform."""

    name = serializers.CharField()
    state = serializers.SerializerMethodField(help_text="active; paused: draining while something runs, then drained.")
    paused_at = Instant(allow_null=True)
    max_running = serializers.IntegerField(allow_null=True)
    pool = serializers.CharField(help_text="prefork: processes, for every job type; threads: for those that allow it.")
    batch_size = serializers.IntegerField(help_text="Most executions of short jobs that share a message.")
    ageing_seconds = serializers.IntegerField(
        allow_null=True, help_text="What has waited so long rises by a step of priority within its tenant; null: never."
    )
    rate_limit = serializers.CharField(help_text="Most starts per s, m, h or d; empty for no limit.")
    rate_burst = serializers.IntegerField(allow_null=True)
    throttle = serializers.SerializerMethodField(help_text="A lower cap for a while; null if none is in force.")
    allowed_actions = serializers.SerializerMethodField(
        help_text="Of operators, beside throttling, changing and deleting."
    )
    created_at = Instant()

    def get_state(self, queue: Any) -> str:
        return selectors.queue_state(queue)

    def get_throttle(self, queue: Queue) -> ThrottleShape | None:
        return throttle_shape(queue)

    def get_allowed_actions(self, queue: Queue) -> list[str]:
        return queue_states.allowed_actions(queue)
