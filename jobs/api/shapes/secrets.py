"""Secrets and connection types as JSON. No shape has a value: it is written, and never read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from jobs.api.shapes import secret_unions  # noqa: F401 - describes these
from jobs.connections import Connection
from jobs.models import Job
from tenants.api.fields import Instant, StrictSerializer
from tenants.models import Secret, SecretVersion
from tenants.rules.maskable import SHORTEST
from tenants.services.secrets import MOST_BYTES, TEXT


@extend_schema_field({"oneOf": [{"type": "string", "minLength": SHORTEST}, {"type": "object"}], "writeOnly": True})
class ValueField(serializers.Field[Any, Any, Any, Any]):
    """A text, or the fields of a connection. Checked by the service, which knows the kind."""

    default_error_messages = {"invalid": "must be text, or for a connection an object with its fields"}

    def __init__(self, **options: Any) -> None:
        super().__init__(write_only=True, **options)

    def to_internal_value(self, data: Any) -> str | Mapping[str, Any]:
        if not isinstance(data, str | dict):
            self.fail("invalid")
        return data


_VALUE = (
    f"Of a text {SHORTEST} characters to {MOST_BYTES // 1024} KiB; of a connection its fields, see /connection-types."
)


class SecretChanges(StrictSerializer):
    """What may be changed of a secret. A value becomes its newest version, in force at once; it is given whole."""

    example = {"value": "another-made-up-secret"}

    description = serializers.CharField(max_length=500, allow_blank=True, required=False)
    value = ValueField(required=False, help_text=_VALUE)


class SecretInput(StrictSerializer):
    """A secret to be."""

    name = serializers.CharField(max_length=64, help_text="For ever: a letter, then letters, digits, underscores.")
    kind = serializers.CharField(max_length=32, default=TEXT, help_text="For ever: text, or a connection type.")
    description = serializers.CharField(max_length=500, allow_blank=True, default="")
    value = ValueField(help_text=_VALUE)


class VersionInput(StrictSerializer):
    """One of a secret's versions."""

    example = {"version": 1}

    version = serializers.IntegerField(min_value=1, max_value=2**31 - 1)


class SecretShape(serializers.Serializer[Secret]):
    """A secret without its value."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    kind = serializers.CharField()
    description = serializers.CharField()
    version = serializers.IntegerField(help_text="The number of the version in force.")
    created_at = Instant()
    created_by = serializers.CharField()
    last_used_at = Instant(allow_null=True, help_text="When a worker last read it, to the minute.")


class SecretVersionShape(serializers.Serializer[SecretVersion]):
    """A version that is kept."""

    version = serializers.IntegerField(source="number")
    in_force = serializers.SerializerMethodField()
    created_at = Instant()
    created_by = serializers.CharField()

    def get_in_force(self, version: SecretVersion) -> bool:
        return version.number == version.secret.version


class UserShape(serializers.Serializer[Job]):
    """A job that names a secret."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    type = serializers.CharField()
    state = serializers.CharField()


class ConnectionTypeShape(serializers.Serializer[type[Connection]]):
    """What a connection of some kind must hold."""

    kind = serializers.CharField()
    title = serializers.CharField()
    schema = serializers.SerializerMethodField(help_text="JSON Schema of the value; secret fields are writeOnly.")
    example = serializers.DictField(help_text="A value that is valid; its secrets are made up.")

    def get_schema(self, known: type[Connection]) -> dict[str, Any]:
        return known.model_json_schema()
