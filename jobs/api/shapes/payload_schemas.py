"""The JSON Schema of a job type's payload as the API takes it: any value below its fields may be an expression. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pydantic import BaseModel

JsonSchema = dict[str, Any]
#: Names a part of the document that many share.
Component = Callable[[str, JsonSchema], JsonSchema]

_EXPRESSION = {
    "type": "string",
    "pattern": r"\{\{[\s\S]*\}\}",
    "description": "A text with expressions: {{ payload.day }}. One that is an expression and nothing else has its value.",
}
_ABOUT = ("title", "description", "default", "examples")
#: What makes a text one of which not every text is.
_BOUNDS = {"pattern", "format", "enum", "const", "minLength", "maxLength"}


def of(model: type[BaseModel], name: str, component: Component, *, open_to_expressions: bool) -> JsonSchema:
    """A reference to the model's schema; its inner models are components whose names begin with its own, of letters, as clients need them."""
    schema = model.model_json_schema(ref_template=f"#/components/schemas/{name}{{model}}")
    for inner, described in schema.pop("$defs", {}).items():
        component(f"{name}{inner}", _inside(described, component) if open_to_expressions else described)
    if open_to_expressions:
        schema = _inside(schema, component)
    return component(name, schema)


def _inside(schema: Any, component: Component) -> Any:
    """The same, in which each value below may be an expression."""
    if not isinstance(schema, Mapping):
        return schema
    made = dict(schema)
    for keyword in ("anyOf", "oneOf", "allOf"):
        if keyword in made:
            made[keyword] = [_inside(each, component) for each in made[keyword]]
    for keyword in ("items", "additionalProperties"):
        if keyword in made:
            made[keyword] = _or_expression(made[keyword], component)
    if "prefixItems" in made:
        made["prefixItems"] = [_or_expression(each, component) for each in made["prefixItems"]]
    if "properties" in made:
        made["properties"] = {name: _or_expression(each, component) for name, each in made["properties"].items()}
    return made


def _or_expression(schema: Any, component: Component) -> Any:
    if not isinstance(schema, Mapping) or _takes_any_text(schema):
        return _inside(schema, component)
    about = {key: schema[key] for key in _ABOUT if key in schema}
    value = _inside({key: each for key, each in schema.items() if key not in _ABOUT}, component)
    return {**about, "anyOf": [value, component("Expression", dict(_EXPRESSION))]}


def _takes_any_text(schema: Mapping[str, Any]) -> bool:
    if not set(schema) - set(_ABOUT):
        return True  # it says nothing of what it takes
    if schema.get("type") == "string":
        return not _BOUNDS & set(schema)
    return any(_takes_any_text(each) for each in schema.get("anyOf", ()) if isinstance(each, Mapping))
