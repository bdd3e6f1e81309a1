"""How the views describe themselves in the OpenAPI document."""

from __future__ import annotations

from functools import cache
from typing import Any, Protocol, cast

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers

from tenants import permissions, requests
from tenants.api import parameters
from tenants.api.parameters import Parameter
from tenants.rules import api_keys

_REASON = OpenApiParameter(
    "X-Audit-Reason",
    {"type": "string", "maxLength": requests.LONGEST_REASON},
    OpenApiParameter.HEADER,
    description="Why, for the audit trail.",
)


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


class Generator(SchemaGenerator):
    """Describes the API once in each process: it says the same to everybody, and takes a tenth of a second."""

    def get_schema(self, request: Any = None, public: bool = False) -> Any:  # noqa: ARG002 - its signature
        return _document()


@cache
def _document() -> Any:
    return SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]


class Describing(Protocol):
    """What the schema asks of our views."""

    def declared_parameters(self) -> tuple[Parameter, ...]:
        """The query parameters of the current action."""


#: Of answers to what was counted, see tenants.limits.
_RATE_HEADERS = {
    "RateLimit-Policy": {
        "description": 'The tightest limit that this request met: `"key";q=1000;w=1` is 1000 requests in 1 second.',
        "schema": {"type": "string"},
    },
    "RateLimit": {
        "description": 'What is left of it: `"key";r=999;t=1` is 999 requests; full again in 1 second.',
        "schema": {"type": "string"},
    },
}
_RETRY_AFTER = {
    "Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer", "minimum": 1}, "required": True}
}


class Schema(AutoSchema):
    """Adds what our views declare: query parameters, the scope, the error envelope, rate limits."""

    def get_override_parameters(self) -> list[Any]:
        view = cast(Describing, self.view)
        anywhere = () if self.auth_is_none() else (parameters.TENANT,)
        declared = [parameter.documented() for parameter in (*view.declared_parameters(), *anywhere)]
        return declared if self.method == "GET" else [*declared, _REASON]

    def auth_is_none(self) -> bool:
        """Whether it is for whoever asks."""
        return not getattr(self.view, "authentication_classes", ())

    def get_description(self) -> str:  # type: ignore[override]
        scope = permissions.required_scope(self.method, self.view)
        needed = f"Scope: `{scope}`." if scope else "Scope: none."
        return f"{super().get_description()}\n\n{needed}".strip()

    def get_operation(self, *args: Any, **kwargs: Any) -> dict[str, Any] | None:
        operation: dict[str, Any] | None = super().get_operation(*args, **kwargs)
        if operation is not None:
            answers = operation["responses"]
            answers["429"] = self._error("429") | {"description": "Too many requests: `RATE_LIMITED`."}
            answers["default"] = self._error("default")
            for answer in answers.values():
                answer["headers"] = answer.get("headers", {}) | _RATE_HEADERS
            answers["429"]["headers"] = _RETRY_AFTER | answers["429"]["headers"]
        return operation

    def _error(self, code: str) -> dict[str, Any]:
        answer: dict[str, Any] = self._get_response_for_code(ErrorEnvelope, code)  # type: ignore[no-untyped-call]
        return answer


class KeyOrTokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """An API key in either header, or a person's access token."""

    target_class = "tenants.authentication.KeyOrToken"
    name = ["ApiKey", "Bearer", "Person"]

    def get_security_definition(self, auto_schema: AutoSchema) -> list[dict[str, Any]]:  # noqa: ARG002 - its signature
        return [
            {
                "type": "apiKey",
                "in": "header",
                "name": api_keys.HEADERS[0],
                "description": f"{api_keys.HEADERS[1]} is another name for it.",
            },
            {"type": "http", "scheme": "bearer", "description": "An API key, as in X-API-Key."},
            {
                "type": "http",
                "scheme": "bearer",
                "bearerFormat": "JWT",
                "description": "A person's access token, from POST /api/v1/auth/token. It lives for 10 minutes.",
            },
        ]

    def get_security_requirement(self, auto_schema: AutoSchema) -> list[dict[str, list[Any]]]:  # noqa: ARG002
        return [{name: []} for name in self.name]
