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
            yield f"{method} {path}", operation


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
        assert "ErrorEnvelope" in str(operation["responses"]["default"]), name


def test_every_operation_says_that_it_is_limited_and_how_that_is_told(document):
    for name, operation in operations(document):
        answers = operation["responses"]
        assert "ErrorEnvelope" in str(answers["429"]["content"]), name
        assert "Retry-After" in answers["429"]["headers"], name
        assert all({"RateLimit", "RateLimit-Policy"} <= set(answer["headers"]) for answer in answers.values()), name


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


def test_docs_page_needs_nothing_from_other_hosts():
    page = Client().get("/api/v1/docs").content.decode()
    assert "https://" not in page
    assets = [part.split('"')[0] for part in page.split('"/static/')[1:]]
    assert len(assets) >= 3
    assert all(finders.find(asset) for asset in assets)
