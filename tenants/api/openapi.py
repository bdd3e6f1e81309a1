"""How the views describe themselves in the OpenAPI document."""

from __future__ import annotations

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers

from tenants import permissions


class ErrorBody(serializers.Serializer[Any]):
    """What went wrong and what to do."""

    code = serializers.CharField(help_text="Stable: what programs decide by.")
    message = serializers.CharField()
    details = serializers.DictField(help_text="Messages by field path, or facts such as state and allowed_actions.")
    timestamp = serializers.DateTimeField()
    request_id = serializers.CharField()


class ErrorEnvelope(serializers.Serializer[Any]):
    """The body of every answer from 400 on."""

    error = ErrorBody()


class Schema(AutoSchema):
    """Adds what our views declare: query parameters, the scope, the error envelope."""

    def get_override_parameters(self) -> list[OpenApiParameter]:
        return [parameter.documented() for parameter in self.view.declared_parameters()]

    def get_description(self) -> str:
        scope = permissions.required_scope(self.method, self.view)
        return f"{super().get_description()}\n\nScope: `{scope}`.".strip()

    def get_operation(self, *args: Any, **kwargs: Any) -> dict[str, Any] | None:
        operation: dict[str, Any] | None = super().get_operation(*args, **kwargs)
        if operation is not None:
            operation["responses"]["default"] = self._get_response_for_code(ErrorEnvelope, "default")
        return operation


class ApiKeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call] - registers itself by being defined
    """The two headers an API key may be sent in."""

    target_class = "tenants.authentication.ApiKeyAuthentication"
    name = ["ApiKey", "Bearer"]

    def get_security_definition(self, auto_schema: AutoSchema) -> list[dict[str, Any]]:  # noqa: ARG002 - its signature
        return [{"type": "apiKey", "in": "header", "name": "X-API-Key"}, {"type": "http", "scheme": "bearer"}]
