"""Queues, workers, job types and callables as JSON."""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from pydantic_core import to_jsonable_python
from rest_framework import serializers

from jobs import selectors
from jobs.api.shapes.throttles import ThrottleShape, throttle_shape
from jobs.callables.registry import Registered
from jobs.handlers import Handler
from jobs.models import Queue, Worker
from tenants.api.fields import Instant


class QueueShape(serializers.Serializer[Queue]):
    """A queue of the platform."""

    name = serializers.CharField()
    state = serializers.SerializerMethodField(help_text="active; paused: draining while something runs, then drained.")
    paused_at = Instant(allow_null=True)
    max_running = serializers.IntegerField(allow_null=True)
    pool = serializers.CharField(help_text="prefork: processes, for every job type; threads: for those that allow it.")
    batch_size = serializers.IntegerField(help_text="Most executions of short jobs that share a message.")
    rate_limit = serializers.CharField(help_text="Most starts per s, m, h or d; empty for no limit.")
    rate_burst = serializers.IntegerField(allow_null=True)
    throttle = serializers.SerializerMethodField(help_text="A lower cap for a while; null if none is in force.")
    created_at = Instant()

    def get_state(self, queue: Any) -> str:
        return selectors.queue_state(queue)

    def get_throttle(self, queue: Queue) -> ThrottleShape | None:
        return throttle_shape(queue)


class WorkerShape(serializers.Serializer[Worker]):
    """One boot of one worker."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    queues = serializers.ListField(child=serializers.CharField())
    pool = serializers.CharField()
    concurrency = serializers.IntegerField()
    live = serializers.SerializerMethodField(help_text="Whether its lease holds.")
    draining = serializers.BooleanField()
    started_at = Instant()
    renewed_at = Instant()

    def get_live(self, worker: Worker) -> bool:
        return worker.is_live(timezone.now())


class JobTypeShape(serializers.Serializer[Handler[Any]]):
    """What a job may do, and the payload it takes for that."""

    type = serializers.CharField(source="job_type")
    title = serializers.CharField()
    description = serializers.CharField()
    schema = serializers.SerializerMethodField(help_text="JSON Schema of the payload.")
    example = serializers.DictField(help_text="A payload that is valid.")
    threaded = serializers.BooleanField(help_text="Whether it may run on a queue whose pool is threads.")
    defaults = serializers.SerializerMethodField(help_text="What fields left out of the payload mean.")

    def get_schema(self, handler: Handler[Any]) -> dict[str, Any]:
        return handler.params.model_json_schema()

    def get_defaults(self, handler: Handler[Any]) -> dict[str, Any]:
        fields = handler.params.model_fields.items()
        values = {
            name: field.get_default(call_default_factory=True) for name, field in fields if not field.is_required()
        }
        defaults: dict[str, Any] = to_jsonable_python(values)
        return defaults


class CallableShape(serializers.Serializer[Registered]):
    """What a `python` job may name in its payload, and the arguments it takes."""

    name = serializers.CharField()
    description = serializers.CharField()
    schema = serializers.SerializerMethodField(help_text="JSON Schema of the arguments by name.")

    def get_schema(self, entry: Registered) -> dict[str, Any]:
        return entry.arguments.schema
