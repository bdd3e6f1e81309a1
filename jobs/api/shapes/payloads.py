"""Payloads and results are shown to keys that may read them, and are null for all others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from tenants.requests import Actor

SCOPE = "payloads:read"


def may_be_seen(context: Mapping[str, Any]) -> bool:
    """Whether a serializer's request has the scope; not where there is none."""
    actor = getattr(context.get("request"), "auth", None)
    return isinstance(actor, Actor) and actor.may(SCOPE)


@extend_schema_field({"description": f"Any JSON. Null without the scope {SCOPE}."})
class Guarded(serializers.Field[Any, Any, Any, Any]):
    """A JSON value that needs the scope ``payloads:read``."""

    def __init__(self, **options: Any) -> None:
        super().__init__(read_only=True, **options)

    def get_attribute(self, instance: Any) -> Any:
        return super().get_attribute(instance) if self.may_be_seen() else None

    def to_representation(self, value: Any) -> Any:
        return value

    def may_be_seen(self) -> bool:
        """Whether the request's key has the scope."""
        return may_be_seen(self.context)
