"""Every refusal has one shape, whoever refuses."""

from __future__ import annotations

import pytest
from django.db import OperationalError
from django.test import Client

from jobs.api.jobs import JobViewSet
from tenants.api.flattening import flatten
from tests.support import console
from tests.support.actors import Api

ENVELOPE = {"code", "message", "details", "timestamp", "request_id"}


def refused(answer, status, code):
    assert (answer.status_code, answer["Content-Type"].split(";")[0]) == (status, "application/json"), answer.content
    error = answer.json()["error"]
    assert set(error) == ENVELOPE
    assert (error["code"], error["request_id"]) == (code, answer["X-Request-Id"])
    assert error["message"]
    return error


@pytest.mark.parametrize(
    "path", ["/nowhere", "/api/v1/nowhere", "/api/v2/jobs", "/api/v1/jobs/", "/api/v1/executions/a/b/c"]
)
def test_unknown_path(owner, path):
    refused(owner.api.get(path), 404, "NOT_FOUND")


@pytest.mark.parametrize(
    ("path", "meant"),
    [
        ("/api/v1/jobs/", "/api/v1/jobs"),
        ("/api/v1/jobs/nightly/trigger/", "/api/v1/jobs/nightly/trigger"),
        ("/health/", "/health"),
        ("/api/v1/docs//", "/api/v1/docs"),
    ],
)
def test_path_with_a_slash_too_many_says_which_is_meant(owner, path, meant):
    for answer in (owner.api.get(path), owner.api.post(path, {}), Client().get(path)):
        assert refused(answer, 404, "NOT_FOUND")["message"] == f"there is nothing at {path}: ask for {meant}"


@pytest.mark.parametrize("path", ["/nowhere", "/nowhere/", "/api/v1", "/api/v1/", "/api/v1/job"])
def test_path_of_nothing_says_where_to_look(owner, path):
    message = refused(owner.api.get(path), 404, "NOT_FOUND")["message"]
    assert message.endswith(": see /api/v1/docs for the API, /admin/ for the console")


def test_console_without_its_slash_is_sent_there():
    answer = Client().get("/admin")
    assert (answer.status_code, answer["Location"]) == (302, "/admin/")


def test_page_of_the_console_without_its_slash_says_which_is_meant():
    client = Client()
    client.force_login(console.person())
    answer = client.get("/admin/jobs/job")
    message = refused(answer, 404, "NOT_FOUND")["message"]
    assert message == "there is nothing at /admin/jobs/job: ask for /admin/jobs/job/"
    for path in ("/admin/nowhere", "/admin/nowhere/"):
        assert "see /api/v1/docs" in refused(client.get(path), 404, "NOT_FOUND")["message"]


def test_malformed_json(owner):
    refused(owner.api._client.post("/api/v1/jobs", "{", content_type="application/json"), 400, "INVALID_JSON")


def test_wrong_method(owner):
    for method in ("PUT", "OPTIONS"):
        refused(owner.api._client.generic(method, "/api/v1/jobs"), 405, "METHOD_NOT_ALLOWED")


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"]
)
def test_wrong_content_type(owner, content_type):
    refused(owner.api._client.post("/api/v1/jobs", b"name=a", content_type=content_type), 415, "UNSUPPORTED_MEDIA_TYPE")


def test_body_over_one_mebibyte(owner):
    refused(owner.api.post("/api/v1/jobs", {"name": "x" * 1024 * 1024}), 413, "PAYLOAD_TOO_LARGE")


def test_answer_that_cannot_be_given_in_the_wanted_type(owner):
    refused(owner.api._client.get("/api/v1/jobs", headers={"Accept": "image/png"}), 406, "NOT_ACCEPTABLE")


def test_unknown_host_name(owner):
    refused(owner.api._client.get("/api/v1/jobs", headers={"Host": "evil.example"}), 400, "BAD_REQUEST")


def test_defect_of_ours_shows_no_internals(owner, monkeypatch):
    def broken(self, request):
        raise ZeroDivisionError("secret")

    monkeypatch.setattr(JobViewSet, "list", broken)
    answer = owner.api.get("/api/v1/jobs")
    refused(answer, 500, "INTERNAL")
    assert "secret" not in answer.content.decode()
    assert "ZeroDivision" not in answer.content.decode()


def test_database_away_asks_to_try_again(owner, monkeypatch):
    def broken(self, request):
        raise OperationalError("connection refused by 10.0.0.1")

    monkeypatch.setattr(JobViewSet, "list", broken)
    answer = owner.api.get("/api/v1/jobs")
    refused(answer, 503, "UNAVAILABLE")
    assert answer["Retry-After"] == "2"
    assert "10.0.0.1" not in answer.content.decode()


def test_no_key(owner):
    refused(Client().get("/api/v1/jobs"), 401, "UNAUTHENTICATED")
    refused(Api("ck_x").get("/api/v1/jobs"), 401, "UNAUTHENTICATED")


def test_request_id_of_the_caller_is_echoed(owner):
    answer = owner.api._client.get("/api/v1/nowhere", headers={"X-Request-Id": "from-me-1"})
    assert refused(answer, 404, "NOT_FOUND")["request_id"] == "from-me-1"


def test_nested_details_become_paths():
    detail = {"a": ["x"], "b": [{}, {"c": ["y"]}], "d": {0: ["z"], 2: {"e": ["w"]}}, "f": "v"}
    assert flatten(detail) == {"a": ["x"], "b[1].c": ["y"], "d[0]": ["z"], "d[2].e": ["w"], "f": ["v"]}
