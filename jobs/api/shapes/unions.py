"""Shapes of which there is one for each value of a field: a job by its type, a schedule by its kind."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any, cast

from drf_spectacular.extensions import OpenApiSerializerExtension
from drf_spectacular.openapi import AutoSchema

from tenants.api.openapi import Schema

JsonSchema = dict[str, Any]
NULL: JsonSchema = {"type": "null"}


class Union(OpenApiSerializerExtension):
    """Describes a serializer as a union. ``by`` is the field; subclasses say the members, as what differs.

    A field given as None is left out of the member.
    """

    by: str
    #: What is meant where the field is left out.
    usual: str = ""
    match_subclasses = True

    def members(self, base: JsonSchema, schema: Schema, direction: str) -> Mapping[str, JsonSchema]:
        """By value, the properties that are other than the serializer's; ``required`` and ``examples`` beside them."""
        raise NotImplementedError

    def others(self, known: Collection[str], direction: str) -> JsonSchema | None:  # noqa: ARG002 - for subclasses
        """The same of what has another value than these; None if nothing can."""
        return None

    def map_serializer(self, auto_schema: AutoSchema, direction: str) -> JsonSchema:
        """The union, whose members are components of their own."""
        schema = cast(Schema, auto_schema)
        base = schema._map_basic_serializer(self.target, direction)
        name = schema._get_serializer_name(self.target, direction)  # type: ignore[no-untyped-call]
        members = self.members(base, schema, direction)
        mapping = {
            value: schema.component("schemas", f"{camel(value)}{name}", self._member_of(base, value, member))
            for value, member in sorted(members.items())
        }
        references = [*mapping.values()]
        if (rest := self.others(members, direction)) is not None:
            other = {"not": {"enum": sorted(members)}}
            references.append(schema.component("schemas", f"Other{name}", _merged(base, rest, self.by, other)))
        return {
            "required": [] if self.usual else [self.by],
            "description": base.get("description", ""),
            "oneOf": references,
            "discriminator": {
                "propertyName": self.by,
                "mapping": {value: reference["$ref"] for value, reference in mapping.items()},
            },
        }

    def _member_of(self, base: JsonSchema, value: str, member: JsonSchema) -> JsonSchema:
        made = _merged(base, member, self.by, {"const": value})
        if value == self.usual:
            made["required"] = [name for name in made["required"] if name != self.by]
            made["properties"][self.by]["default"] = value
        return made


def camel(value: str) -> str:
    """``db_to_kafka`` as ``DbToKafka``."""
    return "".join(part[:1].upper() + part[1:] for part in re.split(r"[^A-Za-z0-9]+", value))


def _merged(base: JsonSchema, member: JsonSchema, by: str, value: JsonSchema) -> JsonSchema:
    properties = {**base["properties"], **member.get("properties", {})}
    told = {key: text for key, text in base["properties"][by].items() if key == "description"}
    properties[by] = {"type": "string", **value, **told}
    kept = {name: schema for name, schema in properties.items() if schema is not None}
    required = {*base.get("required", ()), by, *member.get("required", ())} & set(kept)
    rest = {key: each for key, each in member.items() if key not in ("properties", "required")}
    shared = {key: each for key, each in base.items() if key != "examples"}
    return {**shared, "properties": kept, "required": sorted(required), **rest}
