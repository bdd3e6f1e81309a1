"""A secret to be, by its kind: a text, or a connection with the fields of its type."""

from __future__ import annotations

from collections.abc import Mapping

from jobs import connections
from jobs.api.shapes import payload_schemas
from jobs.api.shapes.unions import JsonSchema, Union, camel
from tenants.api.openapi import Schema
from tenants.rules.maskable import SHORTEST
from tenants.services.secrets import TEXT

_TEXT_VALUE = {"type": "string", "minLength": SHORTEST, "writeOnly": True}


class NewSecrets(Union):  # type: ignore[no-untyped-call]
    """A kind left out is a text's."""

    target_class = "jobs.api.shapes.secrets.SecretInput"
    by = "kind"
    usual = TEXT

    def members(self, base: JsonSchema, schema: Schema, direction: str) -> Mapping[str, JsonSchema]:  # noqa: ARG002
        found: dict[str, JsonSchema] = {
            TEXT: {
                "description": "A text, such as a token.",
                "properties": {"value": _TEXT_VALUE},
                "examples": [{"name": "report_token", "kind": TEXT, "value": "made-up-secret"}],
            }
        }
        for kind, known in connections.types().items():
            found[kind] = {
                "description": f"{known.title}. {(known.__doc__ or '').splitlines()[0]}",
                "properties": {"value": _value(kind, schema)},
                "examples": [{"name": f"our_{kind}", "kind": kind, "value": dict(known.example)}],
            }
        return found


def _value(kind: str, schema: Schema) -> JsonSchema:
    def component(of: str, described: JsonSchema) -> JsonSchema:
        return schema.component("schemas", of, described)

    name = f"{camel(kind)}Connection"
    return payload_schemas.of(connections.types()[kind], name, component, open_to_expressions=False)
