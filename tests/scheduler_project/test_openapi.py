"""The OpenAPI document says what the API does, and is made without guessing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.staticfiles import finders
from django.test import Client
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.validation import validate_schema
from jsonschema import Draft202012Validator


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    GENERATOR_STATS.reset()
    answer = Client().get("/api/v1/openapi.json", headers={"Accept": "application/json"})
    assert answer.status_code == 200
    shown: dict[str, Any] = answer.json()
    return shown


def operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            answers = {status: resolved(document, answer) for status, answer in operation["responses"].items()}
            yield f"{method} {path}", {**operation, "responses": answers}


def resolved(document: dict[str, Any], part: dict[str, Any]) -> dict[str, Any]:
    for step in part["$ref"].removeprefix("#/").split("/") if "$ref" in part else ():
        document = document[step]
    return document if "$ref" in part else part


#: Asked before anybody is known.
OF_NOBODY = {
    *(f"post /api/v1/auth/{word}" for word in ("token", "refresh", "revoke")),
    "post /api/v1/invitations/accept",
}


def test_document_is_made_once_whatever_is_asked(document, monkeypatch):
    monkeypatch.setattr(SchemaGenerator, "get_schema", lambda *_, **__: pytest.fail("made again"))
    for query in ({}, {"version": "2"}, {"lang": "de"}):
        assert Client().get("/api/v1/openapi.json", query, headers={"Accept": "application/json"}).json() == document


def test_document_is_valid_and_made_without_warnings(document):
    assert document["openapi"].startswith("3.1")
    assert not GENERATOR_STATS, GENERATOR_STATS.emit_summary()
    validate_schema(document)


def test_every_operation_says_its_scope_its_key_and_its_errors(document):
    for name, operation in operations(document):
        if name in OF_NOBODY:
            assert operation.get("security", []) == [], name
        else:
            assert {"ApiKey": []} in operation["security"], name
            assert {"Person": []} in operation["security"], name
            assert "tenant" in {parameter["name"] for parameter in operation["parameters"]}, name
        assert re.search(r"Scope: (`[a-z:]+`|none)\.", operation["description"]), name
        assert operation["x-scope"] in operation["description"], name
        assert operation["summary"], name
        for status, answer in operation["responses"].items():
            assert (int(status) >= 400) == ("ErrorEnvelope" in str(answer.get("content", ""))), (name, status)


def test_every_operation_says_that_it_is_limited_and_how_that_is_told(document):
    for name, operation in operations(document):
        answers = operation["responses"]
        assert "ErrorEnvelope" in str(answers["429"]["content"]), name
        assert "Retry-After" in answers["429"]["headers"], name
        assert all({"RateLimit", "RateLimit-Policy"} <= set(answer["headers"]) for answer in answers.values()), name
        assert all("X-Request-Id" in answer["headers"] for answer in answers.values()), name
        assert "Retry-After" in answers["503"]["headers"], name


def test_lists_are_described_as_pages_with_their_filters(document):
    listing = document["paths"]["/api/v1/executions"]["get"]
    assert {"state", "job", "created_at[gte]", "limit", "cursor"} <= {
        parameter["name"] for parameter in listing["parameters"]
    }
    for path in ("/api/v1/executions", "/api/v1/jobs/{id}/revisions", "/api/v1/schedules/{id}/executions"):
        shape = str(document["paths"][path]["get"]["responses"]["200"])
        page = document["components"]["schemas"][shape.split("schemas/")[1].split("'", maxsplit=1)[0]]
        assert set(page["properties"]) == {"data", "next_cursor", "count", "count_is_capped"}
        assert page["required"] == ["data", "next_cursor"]


def test_every_route_of_the_api_is_in_it(document):
    paths = set(document["paths"])
    assert {
        "/api/v1/jobs",
        "/api/v1/jobs/{id}/trigger",
        "/api/v1/dead-letters/{id}/redrive",
        "/api/v1/api-keys/{id}",
    } <= paths


def test_operations_have_names_of_their_own_and_every_one_says_what_it_refuses(document):
    names = [operation["operationId"] for _, operation in operations(document)]
    assert len(set(names)) == len(names)
    for name, operation in operations(document):
        known = {"400", "406", "422", "429", "500", "503"}
        known |= set() if name in OF_NOBODY else {"401", "403", "404"}
        known |= {"413", "415"} if name.startswith(("post", "put", "patch")) else set()
        assert known <= set(operation["responses"]), name


def codes(document: dict[str, Any], path: str, method: str, status: str) -> set[str]:
    answer = resolved(document, document["paths"][path][method]["responses"][status])
    schema = answer["content"]["application/json"]["schema"]
    name = schema["$ref"].rpartition("/")[2]
    told: dict[str, Any] = document["components"]["schemas"][name]["allOf"][1]
    return set(told["properties"]["error"]["properties"]["code"]["enum"])


@pytest.mark.parametrize(
    ("route", "status", "expected"),
    [
        ("get /jobs", "400", {"BAD_REQUEST", "UNKNOWN_FIELD", "INVALID_CURSOR"}),
        ("get /jobs", "403", {"MISSING_SCOPE", "TENANT_SUSPENDED", "ADDRESS_REFUSED"}),
        ("post /jobs", "409", {"CONFLICT", "CYCLE", "QUOTA_EXCEEDED", "IDEMPOTENCY_IN_PROGRESS"}),
        ("post /jobs", "422", {"VALIDATION_FAILED", "INVALID_SCHEDULE", "IDEMPOTENCY_KEY_REUSED"}),
        ("post /jobs/{id}/pause", "409", {"INVALID_STATE", "TASK_LOCKED", "IDEMPOTENCY_IN_PROGRESS"}),
        ("post /invitations/accept", "404", {"INVITATION_VOID", "NOT_FOUND"}),
    ],
)
def test_a_status_is_told_with_its_codes(document, route, status, expected):
    method, path = route.split()
    assert codes(document, f"/api/v1{path}", method, status) == expected


def test_every_schema_is_one_and_every_reference_leads_somewhere(document):
    for name, schema in document["components"]["schemas"].items():
        Draft202012Validator.check_schema(schema)
        assert "nullable" not in str(schema), name
    for reference in set(re.findall(r"'\$ref': '(#/[^']+)'", str(document))):
        assert resolved(document, {"$ref": reference}), reference


def test_an_answer_leads_to_the_routes_that_take_its_id(document):
    def links(method: str, path: str, status: str) -> dict[str, Any]:
        found = document["paths"][f"/api/v1{path}"][method]["responses"][status]["links"]
        return {name: resolved(document, link)["parameters"]["id"] for name, link in found.items()}

    assert links("post", "/jobs", "201")["jobs_trigger_create"] == "$response.body#/id"
    assert {"executions_retrieve", "executions_cancel_create"} <= set(links("post", "/jobs/{id}/trigger", "202"))
    assert links("post", "/queues", "201")["queues_retrieve"] == "$response.body#/name"
    assert "api_keys_rotate_create" in links("post", "/api-keys", "201")


def test_docs_page_needs_nothing_from_other_hosts():
    page = Client().get("/api/v1/docs").content.decode()
    assert "https://" not in page
    assets = [part.split('"')[0] for part in page.split('"/static/')[1:]]
    assert len(assets) >= 3
    assert all(finders.find(asset) for asset in assets)
