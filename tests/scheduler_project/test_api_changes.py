"""What of a changed description breaks a client, and what does not."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from scheduler_project.api_changes import breaking

Document = dict[str, Any]
Change = Callable[[Document], Any]


def document() -> Document:
    """Every construct that ours has."""
    schemas = {
        "Wish": {
            "type": "object",
            "required": ["kind"],
            "oneOf": [{"$ref": "#/components/schemas/CronWish"}, {"$ref": "#/components/schemas/OnceWish"}],
            "discriminator": {
                "propertyName": "kind",
                "mapping": {"cron": "#/components/schemas/CronWish", "once": "#/components/schemas/OnceWish"},
            },
        },
        "CronWish": {
            "type": "object",
            "additionalProperties": False,
            "required": ["kind", "expression"],
            "properties": {
                "kind": {"type": "string", "const": "cron"},
                "expression": {"type": "string", "minLength": 1, "maxLength": 200},
                "misfire": {"type": "string", "enum": ["skip", "last"], "default": "skip"},
                "most": {"type": ["integer", "null"], "minimum": 1, "maximum": 10},
                "tags": {"type": "array", "items": {"type": "string"}, "maxItems": 20},
                "after": {"allOf": [{"$ref": "#/components/schemas/Wish"}], "description": "itself again"},
                "payload": {"anyOf": [{"type": "integer"}, {"type": "string", "pattern": "{{"}]},
            },
        },
        "OnceWish": {
            "type": "object",
            "required": ["kind"],
            "properties": {"kind": {"type": "string", "const": "once"}},
        },
        "Row": {
            "type": "object",
            "required": ["id", "state"],
            "properties": {
                "id": {"type": "string", "format": "uuid"},
                "state": {"type": "string", "enum": ["active", "paused"]},
                "seconds": {"type": "integer"},
                "error": {"anyOf": [{"$ref": "#/components/schemas/Error"}, {"type": "null"}]},
                "parent": {"$ref": "#/components/schemas/Row"},
            },
        },
        "Error": {"type": "object", "required": ["code"], "properties": {"code": {"type": "string"}}},
    }
    row = {"application/json": {"schema": {"$ref": "#/components/schemas/Row"}}}
    rate = {"$ref": "#/components/headers/RateLimit"}
    return {
        "paths": {
            "/things": {
                "get": {
                    "operationId": "things_list",
                    "x-scope": "jobs:read",
                    "parameters": [
                        {"in": "query", "name": "limit", "schema": {"type": "integer", "maximum": 200, "default": 50}},
                        {"in": "query", "name": "state", "schema": {"type": "array", "items": {"enum": ["a", "b"]}}},
                    ],
                    "responses": {"200": {"content": row, "headers": {"RateLimit": rate}}, "404": {}},
                },
                "post": {
                    "operationId": "things_create",
                    "x-scope": "jobs:write",
                    "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Wish"}}}},
                    "responses": {"201": {"content": row}},
                },
            },
        },
        "components": {"schemas": schemas, "headers": {"RateLimit": {"required": True, "schema": {"type": "string"}}}},
    }


def changed(change: Change) -> list[str]:
    now = copy.deepcopy(document())
    change(now)
    return breaking(document(), now)


def shape(name: str) -> Callable[[Document], dict[str, Any]]:
    return lambda d: d["components"]["schemas"][name]


def field(name: str, of: str) -> Callable[[Document], dict[str, Any]]:
    return lambda d: shape(of)(d)["properties"][name]


def get(d: Document) -> dict[str, Any]:
    return d["paths"]["/things"]["get"]


def post(d: Document) -> dict[str, Any]:
    return d["paths"]["/things"]["post"]


BREAKING: dict[str, Change] = {
    "GET /things is gone": lambda d: d["paths"]["/things"].pop("get"),
    "GET /things: its operationId was things_list and is all": lambda d: get(d).update(operationId="all"),
    "GET /things: the scope it takes was jobs:read and is admin": lambda d: get(d).update({"x-scope": "admin"}),
    "GET /things 404: is gone": lambda d: get(d)["responses"].pop("404"),
    "GET /things 200: header RateLimit is gone": lambda d: get(d)["responses"]["200"].pop("headers"),
    "GET /things 200: header RateLimit may be missing": lambda d: d["components"]["headers"]["RateLimit"].pop("required"),
    "GET /things 200: application/json is not answered any more": lambda d: get(d)["responses"]["200"].pop("content"),
    "GET /things: query parameter limit is gone": lambda d: get(d)["parameters"].pop(0),
    "GET /things: query parameter limit is required": lambda d: get(d)["parameters"][0].update(required=True),
    "GET /things: query parameter limit has maximum 100, was 200": lambda d: get(d)["parameters"][0]["schema"].update(maximum=100),
    "GET /things: query parameter limit left out meant 50 and means 20": lambda d: get(d)["parameters"][0]["schema"].update(default=20),
    "GET /things: query parameter state[] no longer takes b": lambda d: get(d)["parameters"][1]["schema"]["items"]["enum"].pop(),
    "GET /things: query parameter limit no longer takes integer": lambda d: get(d)["parameters"][0].update(schema={"type": "array", "items": {"type": "string"}}),
    "GET /things: query parameter a is required": lambda d: get(d)["parameters"].append({"in": "query", "name": "a", "required": True}),
    "POST /things: its body is required": lambda d: post(d)["requestBody"].update(required=True),
    "POST /things: takes no body any more": lambda d: post(d).pop("requestBody"),
    "POST /things: application/json is not taken any more": lambda d: post(d)["requestBody"]["content"].clear(),
    "POST /things: body no longer takes kind cron": lambda d: shape("Wish")(d)["discriminator"]["mapping"].pop("cron"),
    "POST /things: body(cron).misfire is required": lambda d: shape("CronWish")(d)["required"].append("misfire"),
    "POST /things: body(cron).misfire is gone": lambda d: shape("CronWish")(d)["properties"].pop("misfire"),
    "POST /things: body(cron).misfire no longer takes last": lambda d: field("misfire", "CronWish")(d)["enum"].remove("last"),
    "POST /things: body(cron).misfire left out meant 'skip' and means 'last'": lambda d: field("misfire", "CronWish")(d).update(default="last"),
    "POST /things: body(cron).most no longer takes null": lambda d: field("most", "CronWish")(d).update(type="integer"),
    "POST /things: body(cron).most has minimum 2, was 1": lambda d: field("most", "CronWish")(d).update(minimum=2),
    "POST /things: body(cron).expression has pattern ^x, was without": lambda d: field("expression", "CronWish")(d).update(pattern="^x"),
    "POST /things: body(cron).expression takes only a": lambda d: field("expression", "CronWish")(d).update(enum=["a"]),
    "POST /things: body(cron).tags has minItems 1, was without": lambda d: field("tags", "CronWish")(d).update(minItems=1),
    "POST /things: body(cron).tags[] no longer takes string": lambda d: field("tags", "CronWish")(d).update(items={"type": "integer"}),
    "GET /things 200: id is gone": lambda d: shape("Row")(d)["properties"].pop("id"),
    "GET /things 200: state may be missing": lambda d: shape("Row")(d)["required"].remove("state"),
    "GET /things 200: id may be null": lambda d: field("id", "Row")(d).update(type=["string", "null"]),
    "GET /things 200: id was of format uuid": lambda d: field("id", "Row")(d).pop("format"),
    "GET /things 200: seconds may be number": lambda d: field("seconds", "Row")(d).update(type="number"),
}  # fmt: skip


@pytest.mark.parametrize("told", BREAKING, ids=str)
def test_what_breaks_a_client_is_named(told):
    assert told in changed(BREAKING[told])


@pytest.mark.parametrize(
    ("change", "beginning"),
    [
        (lambda d: field("payload", "CronWish")(d)["anyOf"].pop(0), "POST /things: body(cron).payload no longer takes integer"),
        (lambda d: field("error", "Row")(d)["anyOf"].append({"type": "string"}), "GET /things 200: error may be string"),
        (lambda d: shape("Error")(d)["properties"].pop("code"), "GET /things 200: error may be Error: error.code is gone"),
    ],
)  # fmt: skip
def test_what_breaks_among_alternatives_is_named_with_the_nearest(change, beginning):
    assert any(told.startswith(beginning) for told in changed(change))


HARMLESS: list[Change] = [
    lambda d: None,
    lambda d: d["paths"].update({"/others": {"get": {}}}),
    lambda d: d["paths"]["/things"].update(delete={"responses": {}}),
    lambda d: get(d)["parameters"].append({"in": "query", "name": "order_by", "schema": {"type": "string"}}),
    lambda d: get(d)["parameters"][0]["schema"].update(maximum=500),
    lambda d: get(d)["parameters"][0].update(schema={"type": "array", "items": get(d)["parameters"][0]["schema"]}),
    lambda d: get(d)["parameters"][1]["schema"]["items"]["enum"].append("c"),
    lambda d: get(d)["responses"].update({"304": {}}),
    lambda d: get(d)["responses"]["200"]["headers"].update(ETag={}),
    lambda d: shape("Row")(d)["properties"].update(owner={"type": "string"}),
    lambda d: shape("Row")(d)["required"].append("seconds"),
    lambda d: field("state", "Row")(d)["enum"].append("asleep"),
    lambda d: field("state", "Row")(d)["enum"].remove("paused"),
    lambda d: shape("CronWish")(d)["properties"].update(owner={"type": "string"}),
    lambda d: shape("CronWish")(d)["required"].remove("expression"),
    lambda d: field("misfire", "CronWish")(d)["enum"].append("all"),
    lambda d: field("most", "CronWish")(d).update(maximum=100),
    lambda d: field("most", "CronWish")(d).update(type=["number", "null"]),
    lambda d: field("payload", "CronWish")(d)["anyOf"].append({"type": "boolean"}),
    lambda d: field("expression", "CronWish")(d).update(description="other words", examples=["* * * * *"]),
    lambda d: shape("Wish")(d)["discriminator"]["mapping"].update(event="#/components/schemas/OnceWish"),
]


@pytest.mark.parametrize("change", HARMLESS)
def test_what_is_added_or_said_in_other_words_breaks_nothing(change):
    assert changed(change) == []
