"""How the views describe themselves in the OpenAPI document."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Any, Protocol, cast

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import ResolvedComponent
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers

from tenants import permissions, requests
from tenants.api import examples, headers, links, parameters, refusals, repeats
from tenants.api.fields import StrictSerializer
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
    return examples.add(links.add(SchemaGenerator().get_schema(request=None, public=True)))  # type: ignore[no-untyped-call]


class Describing(refusals.Refusing, Protocol):
    """What the schema asks of our views."""

    named_by: str


class Schema(AutoSchema):
    """Adds what our views declare: query parameters, the scope, what is refused and how, headers, examples."""

    def get_override_parameters(self) -> list[Any]:
        view = cast(Describing, self.view)
        anywhere = () if self.auth_is_none() else (parameters.TENANT,)
        declared = [parameter.documented() for parameter in (*view.declared_parameters(), *anywhere)]
        declared += view.declared_headers()
        if self.method == "GET":
            return declared
        repeatable = [repeats.DESCRIBED] if self.method == "POST" and view.takes_keys() else []
        return [*declared, _REASON, *repeatable]

    def auth_is_none(self) -> bool:
        """Whether it is for whoever asks."""
        return not getattr(self.view, "authentication_classes", ())

    def get_summary(self) -> str:
        """The first sentence."""
        text: str = " ".join(super().get_description().split())
        return re.split(r"(?<=[.;:])\s", text, maxsplit=1)[0].rstrip(".;:")

    def get_description(self) -> str:  # type: ignore[override]
        scope = permissions.required_scope(self.method, self.view)
        needed = f"Scope: `{scope}`." if scope else "Scope: none."
        return f"{super().get_description()}\n\n{needed}".strip()

    def get_operation(self, *args: Any, **kwargs: Any) -> dict[str, Any] | None:
        operation: dict[str, Any] | None = super().get_operation(*args, **kwargs)
        if operation is None:
            return None
        operation["x-scope"] = permissions.required_scope(self.method, self.view)
        view, answers = cast(Describing, self.view), operation["responses"]
        known = refusals.of_action(view, self.method, guarded=not self.auth_is_none())
        for status, answer in answers.items():
            answer["headers"] = {**self._headers(status), **answer.get("headers", {})}
        for status, codes in known.items():
            answers.setdefault(str(status), self._refused(str(status), codes))
        return operation

    def _resolve_path_parameters(self, variables: Any) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = super()._resolve_path_parameters(variables)  # type: ignore[no-untyped-call]
        named_by = cast(Describing, self.view).named_by
        return [{**each, "x-field": named_by} if each["name"] == "id" else each for each in found]

    def _map_basic_serializer(self, serializer: Any, direction: str) -> dict[str, Any]:
        schema: dict[str, Any] = super()._map_basic_serializer(serializer, direction)  # type: ignore[no-untyped-call]
        if direction == "request" and isinstance(serializer, StrictSerializer):
            schema["additionalProperties"] = False
            if example := getattr(serializer, "example", None):
                schema["examples"] = [example]
        return schema

    def _refused(self, status: str, codes: Mapping[str, str]) -> dict[str, Any]:
        """An answer in the envelope with one of these codes."""
        name = "ErrorEnvelope" + "".join(code.title().replace("_", "") for code in codes)
        body = {"properties": {"error": {"properties": {"code": {"enum": [*codes]}}}}}
        envelope = self.resolve_serializer(ErrorEnvelope, "response").ref
        schema = self.component("schemas", name, {"allOf": [envelope, body]})
        told = "\n".join(f"- `{code}`: {says}" for code, says in codes.items())
        answer = {
            "description": told,
            "headers": self._headers(status),
            "content": {"application/json": {"schema": schema}},
        }
        return self.component("responses", f"{status}{name}", answer)

    def _headers(self, status: str) -> dict[str, Any]:
        located = status in ("201", "202") and names_its_row(self.view)
        named = headers.of(status, located=located, tagged=status in ("200", "201") and _shows_tag(self.view))
        return {name: self.component("headers", name, described) for name, described in named.items()}

    def component(self, kind: str, name: str, described: Any) -> dict[str, Any]:
        """A reference to a part of the document that many share."""
        made = ResolvedComponent(name, kind, described, name)  # type: ignore[no-untyped-call]
        self.registry.register_on_missing(made)
        return made.ref


def _shows_tag(view: Any) -> bool:
    """Whether the current action answers with one row that has an ETag."""
    return hasattr(view, "tag_of") and bool(view.action in ("create", "retrieve") or view.declared_headers())


def names_its_row(view: Any) -> bool:
    """Whether the current action makes a row that has a path of its own, told in ``Location``."""
    return getattr(view, "action", None) == "create" and hasattr(view, "retrieve")


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
