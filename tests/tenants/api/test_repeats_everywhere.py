"""Every POST of the API: either it may be repeated under a key, or its answer holds a secret and is stored nowhere."""

from __future__ import annotations

import re
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client

from tests.jobs.api.test_audited import BY_TOKEN, WORKING
from tests.support import rows
from tests.support.calls import CALLS, World

POSTS = sorted(route for method, route in CALLS if method == "post")
#: Answers of these hold a secret that is shown once.
SECRET = {
    "/api-keys", "/api-keys/{id}/rotate", "/invitations", "/invitations/{id}/resend",
    "/hooks", "/hooks/{id}/rotate-token", "/hooks/{id}/rotate-secret",
}  # fmt: skip
#: Answers with payloads in which secrets may stand.
OF_EXECUTORS = {"/executors/{id}/claim"}
#: Asked by whoever asks; the first two answer with tokens.
OF_NOBODY = {"/auth/token", "/auth/refresh", "/auth/revoke", "/invitations/accept"}
#: How a secret is called where an answer holds one, and how it looks.
NAMES = {"key", "link", "access", "refresh", "token", "password", "secret", "value", "signing_secret", "credential"}
LOOKS = re.compile(rb"ck_[0-9A-Za-z]+_\w+|eyJ[\w-]+\.[\w-]+|/(?:invitations|hooks)/[\w-]{10,}|whsec_|xt_\w{20,}")


@pytest.fixture(scope="module")
def document() -> Any:
    return Client().get("/api/v1/openapi.json", headers={"Accept": "application/json"}).json()


def operations(document: Any) -> dict[str, Any]:
    found = {path.removeprefix("/api/v1"): methods.get("post") for path, methods in document["paths"].items()}
    return {route: operation for route, operation in found.items() if operation}


def takes(operation: Any) -> bool:
    return "Idempotency-Key" in {parameter["name"] for parameter in operation.get("parameters", ())}


def names_in(document: Any, part: Any, seen: tuple[str, ...] = ()) -> set[str]:
    """The names of all fields of an answer, at any depth, but of payloads: those are as they were sent, or masked."""
    if isinstance(part, list):
        return {name for each in part for name in names_in(document, each, seen)}
    if not isinstance(part, dict):
        return set()
    found = set(part["properties"]) if isinstance(part.get("properties"), dict) else set()
    reference = str(part.get("$ref", ""))
    if reference and reference not in seen and "Payload" not in reference:
        shape = document["components"]["schemas"][reference.rsplit("/", 1)[1]]
        found |= names_in(document, shape, (*seen, reference))
    return found.union(*(names_in(document, each, seen) for each in part.values()))


def test_every_post_says_whether_it_may_be_repeated(document):
    found = operations(document)
    assert {route for route, operation in found.items() if not takes(operation)} == SECRET | OF_NOBODY | OF_EXECUTORS
    for route, operation in found.items():
        answers = [answer for code, answer in operation["responses"].items() if code.startswith("2")]
        if names_in(document, [answer.get("content", {}) for answer in answers]) & NAMES:
            assert not takes(operation), f"{route} answers what reads like a secret"
    assert {name for name, operation in found.items() if takes(operation)} >= set(POSTS) - SECRET


@pytest.mark.parametrize("route", POSTS)
def test_a_post_is_repeated_word_by_word_or_refuses_the_header(route):
    world = World()
    subject, body = CALLS["post", route]
    path = "/api/v1" + route.replace("{id}", subject(world) if subject else "").replace("{step}", "load")
    actor = world.operator if route.startswith(("/queues", "/tenants")) else world.actor
    sent, key = body(world), uuid4().hex

    def ask() -> Any:
        headers = {"Idempotency-Key": key, "X-Request-Id": key, "X-Audit-Reason": "why"}
        return actor.api._client.post(path, sent, content_type="application/json", headers=headers)

    first = ask()
    if route in SECRET:
        assert (first.status_code, list(first.json()["error"]["details"])) == (422, ["Idempotency-Key"])
        assert rows.fetch("SELECT 1 FROM audit_event WHERE request_id = %s", key) == []
        return
    changes = rows.fetch("SELECT count(*) FROM audit_event WHERE request_id = %s", key)
    again = ask()
    assert first.status_code < 300, first.content
    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert again["Idempotent-Replayed"] == "true"
    assert rows.fetch("SELECT count(*) FROM audit_event WHERE request_id = %s", key) == changes
    assert not LOOKS.search(first.content), f"{route} answers what looks like a secret"


@pytest.mark.parametrize("route", sorted(OF_NOBODY))
def test_who_is_nobody_has_no_keys(route):
    answer = Client().post(f"/api/v1{route}", {}, content_type="application/json", headers={"Idempotency-Key": "a"})
    assert (answer.status_code, list(answer.json()["error"]["details"])) == (422, ["Idempotency-Key"])


def test_every_post_is_looked_at_here(document):
    others = {route for method, route in BY_TOKEN | WORKING if method == "post"} | {
        "/schedules/preview",
        "/templates/{id}/preview",
        "/dependencies/validate",
    }
    assert set(operations(document)) == set(POSTS) | others


def test_an_answer_nobody_may_store_is_no_answer_to_keep(monkeypatch):
    """Whoever forgets to declare a secret is told by the first request, and nothing is stored."""
    from tenants.api.api_keys import ApiKeyViewSet

    world = World()
    monkeypatch.setattr(ApiKeyViewSet, "shows_secrets", ())
    body = {"name": "x", "scopes": ["admin"]}
    before = rows.fetch("SELECT count(*) FROM api_key WHERE tenant_id = %s", world.actor.tenant.id)
    answer = world.actor.api._client.post(
        "/api/v1/api-keys", body, content_type="application/json", headers={"Idempotency-Key": "a"}
    )
    assert answer.status_code == 500
    assert rows.fetch("SELECT count(*) FROM api_key WHERE tenant_id = %s", world.actor.tenant.id) == before
    assert rows.fetch("SELECT 1 FROM reservation WHERE tenant_id = %s", world.actor.tenant.id) == []
