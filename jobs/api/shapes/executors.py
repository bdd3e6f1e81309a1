"""Executors as JSON."""

# ruff: noqa: ARG002 - the framework hands the row to every method

from __future__ import annotations

from typing import Any, ClassVar

from django.conf import settings
from django.utils import timezone
from rest_framework import serializers

from jobs import executors as executors_told
from jobs.engine import executors as engine
from jobs.models import Executor, ExecutorState
from jobs.rules.matching import MOST_CAPABILITIES
from jobs.services import executors
from tenants.api.fields import Instant, StrictSerializer

LEASE = "The lease that registering answered; another process's is refused."


class ExecutorInput(StrictSerializer):
    """What a process says of itself."""

    example: ClassVar[dict[str, Any]] = {
        "name": "eu-gpu-1",
        "capabilities": ["gpu", "region:eu"],
        "queues": ["external"],
        "max_concurrent": 2,
        "instance": "b1946ac92492d2347c6235b4d2611184",
    }

    name = serializers.CharField(max_length=100, help_text="Known by it for ever; unique in the tenant.")
    description = serializers.CharField(max_length=500, required=False, allow_blank=True)
    capabilities = serializers.ListField(
        child=serializers.CharField(max_length=64), max_length=MOST_CAPABILITIES, required=False,
        help_text="It may claim what asks for some of these, and for nothing else.",
    )  # fmt: skip
    queues = serializers.ListField(
        child=serializers.CharField(max_length=63), min_length=1, max_length=executors.MOST_QUEUES,
        help_text="Where it claims: queues whose pool is external.",
    )  # fmt: skip
    max_concurrent = serializers.IntegerField(
        min_value=1, max_value=executors.MOST_CONCURRENT, required=False, help_text="Most that it holds at once."
    )
    instance = serializers.CharField(
        max_length=64, required=False, allow_blank=True, default="",
        help_text="Of your choice, new for each start of the process: registering again under it keeps the lease. "
        "Left out, each registration takes the name over.",
    )  # fmt: skip


class BeatInput(StrictSerializer):
    """That a process lives, and what it holds."""

    example: ClassVar[dict[str, Any]] = {"lease": "0198c5c0-3f6b-5b1e-9d39-2f0f6a1f0b11", "holding": []}

    lease = serializers.UUIDField(help_text=LEASE)
    holding = serializers.ListField(
        child=serializers.UUIDField(), max_length=executors.MOST_CONCURRENT, required=False, allow_null=True, default=None,
        help_text="Executions that it works at. Whatever else it was given did not reach it, and goes back.",
    )  # fmt: skip
    draining = serializers.BooleanField(
        required=False, allow_null=True, default=None, help_text="It wants nothing more, since it is about to end."
    )


class LeaseInput(StrictSerializer):
    """Which process speaks."""

    example: ClassVar[dict[str, Any]] = {"lease": "0198c5c0-3f6b-5b1e-9d39-2f0f6a1f0b11"}

    lease = serializers.UUIDField(help_text=LEASE)


class ExecutorShape(serializers.Serializer[Executor]):
    """An executor of this tenant."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    description = serializers.CharField()
    capabilities = serializers.ListField(child=serializers.CharField())
    queues = serializers.ListField(child=serializers.CharField())
    max_concurrent = serializers.IntegerField()
    state = serializers.ChoiceField(ExecutorState.choices, help_text="inactive: it is given nothing new.")
    live = serializers.SerializerMethodField(help_text="Whether its process was heard of within its lease.")
    draining = serializers.BooleanField(help_text="Its process wants nothing more.")
    running = serializers.SerializerMethodField(help_text="How many executions it holds.")
    started_at = Instant(allow_null=True, help_text="When its process registered.")
    renewed_at = Instant(allow_null=True, help_text="Its last heartbeat.")
    lease_expires_at = Instant(allow_null=True)
    created_at = Instant()
    created_by = serializers.CharField()
    allowed_actions = serializers.SerializerMethodField()

    def get_live(self, executor: Executor) -> bool:
        return executor.is_live(timezone.now())

    def get_running(self, executor: Executor) -> int:
        return executors_told.running(executor)

    def get_allowed_actions(self, executor: Executor) -> list[str]:
        return executors.allowed_actions(executor)


class RegisteredShape(ExecutorShape):
    """An executor, and what its process speaks with."""

    lease = serializers.UUIDField(source="lease_id", help_text="Heartbeats and claims name it.")
    lease_seconds = serializers.SerializerMethodField(help_text="Unheard of for so long, it loses what it holds.")
    heartbeat_seconds = serializers.SerializerMethodField(help_text="How often to send a heartbeat.")

    def get_lease_seconds(self, executor: Executor) -> float:
        return settings.LEASE.total_seconds()

    def get_heartbeat_seconds(self, executor: Executor) -> float:
        return engine.beat_every()


class BeatShape(serializers.Serializer[Any]):
    """What a process is told with its heartbeat."""

    state = serializers.ChoiceField(ExecutorState.choices, source="executor.state")
    lease_expires_at = Instant(source="executor.lease_expires_at")
    heartbeat_seconds = serializers.SerializerMethodField(help_text="When to send the next.")
    cancel = serializers.ListField(
        child=serializers.UUIDField(),
        help_text="Somebody asked for these to be cancelled: stop them, then say `cancelled`.",
    )
    stop = serializers.ListField(
        child=serializers.UUIDField(), help_text="These are not its own any more: stop them, and report nothing."
    )

    def get_heartbeat_seconds(self, beat: executors.Beat) -> float:
        return engine.beat_every()
