"""A job by its type: each registered one, so that a type somebody adds describes itself."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from jobs import handlers
from jobs.api.shapes import payload_schemas
from jobs.api.shapes.payloads import SCOPE
from jobs.api.shapes.unions import NULL, JsonSchema, Union, camel
from jobs.handlers import Handler
from tenants.api.openapi import Schema

_HIDDEN = f"As it was stored. Null without the scope {SCOPE}."


def payload_of(handler: Handler[Any], schema: Schema) -> JsonSchema:
    """A reference to what jobs of this type may have for payload."""
    name = f"{camel(handler.job_type)}Payload"

    def component(of: str, described: JsonSchema) -> JsonSchema:
        return schema.component("schemas", of, described)

    return payload_schemas.of(handler.params, name, component, open_to_expressions=True)


class NewJobs(Union):  # type: ignore[no-untyped-call]
    """What is said of a job to be. Without a payload it has an empty one, which not every type takes."""

    target_class = "jobs.api.shapes.jobs.JobInput"
    by = "type"

    def members(self, base: JsonSchema, schema: Schema, direction: str) -> Mapping[str, JsonSchema]:  # noqa: ARG002
        return {
            job_type: {
                "description": f"{handler.title}. {handler.description}",
                "properties": {"payload": payload_of(handler, schema)},
                "required": ["payload"] if _needs_payload(handler) else [],
                "examples": [{"name": f"nightly {job_type}", "type": job_type, "payload": dict(handler.example)}],
            }
            for job_type, handler in handlers.registered().items()
        }


class _Stored(Union):  # type: ignore[no-untyped-call]
    by = "type"

    def members(self, base: JsonSchema, schema: Schema, direction: str) -> Mapping[str, JsonSchema]:  # noqa: ARG002
        return {
            job_type: {"properties": {"payload": _or_null(payload_of(handler, schema))}}
            for job_type, handler in handlers.registered().items()
        }

    def others(self, known: Collection[str], direction: str) -> JsonSchema | None:  # noqa: ARG002
        """Of a type that this installation does not have any more."""
        return {"properties": {"payload": _or_null({"type": "object", "additionalProperties": True})}}


class StoredJobs(_Stored):  # type: ignore[no-untyped-call]
    """A job as it is stored."""

    target_class = "jobs.api.shapes.jobs.JobShape"


class StoredRevisions(_Stored):  # type: ignore[no-untyped-call]
    """A job as it was."""

    target_class = "jobs.api.shapes.jobs.RevisionShape"


def _or_null(payload: JsonSchema) -> JsonSchema:
    return {"anyOf": [payload, NULL], "description": _HIDDEN}


def _needs_payload(handler: Handler[Any]) -> bool:
    return any(field.is_required() for field in handler.params.model_fields.values())
