"""What a template may be given, and what is said of all that is beyond it."""

from __future__ import annotations

from typing import Any

import pytest

from jobs.rules import template_parameters
from jobs.rules.template_parameters import InvalidParameters


def schema(required: tuple[str, ...] = (), **properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(required)}


def values(declared: dict[str, Any], **given: Any) -> dict[str, Any]:
    return template_parameters.values(template_parameters.parse(declared), given)


def refused(declared: dict[str, Any], **given: Any) -> dict[str, str]:
    with pytest.raises(InvalidParameters) as caught:
        values(declared, **given)
    return caught.value.problems


def test_values_keep_their_types_and_defaults_fill_what_is_left_out() -> None:
    declared = schema(
        ("a",), a={"type": "string"}, b={"type": "integer", "default": 3}, c={"type": "boolean"}, d={"type": "number"}
    )
    assert values(declared, a="x", c=False, d=2) == {"a": "x", "b": 3, "c": False, "d": 2}
    assert values(declared, a="x", b=4.0) == {"a": "x", "b": 4, "c": None, "d": None}
    assert values({}) == {}


@pytest.mark.parametrize(
    ("own", "value", "message"),
    [
        ({"type": "string"}, 1, "must be text"),
        ({"type": "integer"}, 1.5, "must be a whole number"),
        ({"type": "integer"}, True, "must be a whole number"),
        ({"type": "integer"}, 10**30, "must be a whole number"),
        ({"type": "number"}, float("nan"), "must be a number"),
        ({"type": "boolean"}, "true", "must be true or false"),
        ({"type": "integer", "minimum": 1}, 0, "must be at least 1"),
        ({"type": "number", "maximum": 1.5}, 2, "must be at most 1.5"),
        ({"type": "string", "maxLength": 2}, "abc", "must have 0 to 2 characters, and has 3"),
        ({"type": "string", "minLength": 1}, "", "must have 1 to 10000 characters, and has 0"),
        ({"type": "string", "enum": ["a", "b"]}, "c", "must be one of a, b"),
        ({"type": "string"}, "{{ secrets.token }}", "must not hold {{"),
        ({"type": "string"}, "a\0b", "NUL"),
        ({"type": "string"}, "\ud800", "NUL, or half of a pair"),
    ],
)
def test_a_value_that_does_not_fit_is_refused_by_its_name(own: dict[str, Any], value: Any, message: str) -> None:
    assert message in refused(schema(p=own), p=value)["parameters.p"]


def test_all_wrong_values_are_told_at_once() -> None:
    declared = schema(("a", "b"), a={"type": "string"}, b={"type": "string"})
    told = refused(declared, a=1, z=2)
    assert told == {
        "parameters.z": "there is no such parameter; there are a, b",
        "parameters.a": "must be text",
        "parameters.b": "is required",
    }


@pytest.mark.parametrize(
    ("declared", "place"),
    [
        ({"$ref": "#/a"}, "parameters.$ref"),
        ({"type": "array"}, "parameters.type"),
        ({"additionalProperties": True}, "parameters.additionalProperties"),
        ({"properties": []}, "parameters.properties"),
        ({"properties": {f"p{n}": {"type": "string"} for n in range(51)}}, "parameters.properties"),
        ({"required": "a"}, "parameters.required"),
        ({"required": ["a"]}, "parameters.required[0]"),
        (schema(A={"type": "string"}), "parameters.properties.A"),
        (schema(a="string"), "parameters.properties.a"),
        (schema(a={"type": "object"}), "parameters.properties.a.type"),
        (schema(a={"type": ["string"]}), "parameters.properties.a.type"),
        (schema(a={"type": "string", "pattern": "(a+)+$"}), "parameters.properties.a.pattern"),
        (schema(a={"type": "string", "minimum": 1}), "parameters.properties.a.minimum"),
        (schema(a={"type": "integer", "minimum": "1"}), "parameters.properties.a.minimum"),
        (schema(a={"type": "integer", "minimum": 2, "maximum": 1}), "parameters.properties.a.maximum"),
        (schema(a={"type": "string", "maxLength": -1}), "parameters.properties.a.maxLength"),
        (schema(a={"type": "string", "minLength": 2, "maxLength": 1}), "parameters.properties.a.maxLength"),
        (schema(a={"type": "string", "enum": []}), "parameters.properties.a.enum"),
        (schema(a={"type": "string", "enum": ["a", 1]}), "parameters.properties.a.enum[1]"),
        (schema(a={"type": "integer", "default": "1"}), "parameters.properties.a.default"),
        (schema(("a",), a={"type": "integer", "default": 1}), "parameters.properties.a.default"),
        (schema(a={"type": "string", "description": 1}), "parameters.properties.a.description"),
    ],
)
def test_what_is_beyond_the_subset_is_refused_at_its_place(declared: dict[str, Any], place: str) -> None:
    assert list(refused(declared)) == [place]
