"""Workers, job types and callables as JSON."""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from pydantic_core import to_jsonable_python
from rest_framework import serializers

from jobs.callables.registry import Registered
from jobs.handlers import Handler
from jobs.models import Worker
from tenants.api.fields import Instant


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
    external = serializers.BooleanField(
        help_text="Whether executors run it, which claim it over HTTP on a queue whose pool is external, and no worker."
    )
    inputs = serializers.SerializerMethodField(help_text="Fields that whoever may run a job may override for one run.")
    defaults = serializers.SerializerMethodField(help_text="What fields left out of the payload mean.")

    def get_schema(self, handler: Handler[Any]) -> dict[str, Any]:
        return handler.params.model_json_schema()

    def get_inputs(self, handler: Handler[Any]) -> list[str]:
        return sorted(handler.inputs)

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
