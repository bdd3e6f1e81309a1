"""One tenant's ids mean nothing to another: every route, every method, found in the URL conf itself."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from jobs import selectors
from jobs.api import lookups
from tenants.api import fields
from tenants.api.views import ApiViewSet, TenantViewSet
from tests.support import invitees, rows

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
#: The same for every tenant, or no rows at all.
SHARED = {"queues", "workers", "job-types", "tenants"}  # of tenants: tests/tenants/api/test_tenants.py
PUBLIC = {"openapi.json", "docs", "invitations/accept"}
OWNED = (
    "job",
    "schedule",
    "execution",
    "dead_letter",
    "api_key",
    "membership",
    "invitation",
    "job_revision",
    "job_tag",
)


def _routes(patterns: list[URLPattern | URLResolver], prefix: str = "") -> Iterator[str]:
    for pattern in patterns:
        path = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from _routes(pattern.url_patterns, path)
        elif path.startswith("api/v1/"):
            yield path.removeprefix("api/v1/")


ROUTES = sorted(set(_routes(get_resolver().url_patterns)))
WITH_ID = [route for route in ROUTES if "<" in route and route.split("/")[0] not in SHARED]


def test_the_url_conf_is_read_as_it_is():
    assert {"jobs", "jobs/<str:id>", "jobs/<str:id>/trigger", "executions/<str:id>/logs"} <= set(ROUTES)
    assert len(WITH_ID) >= 20


@pytest.fixture
def belongings(owner, make_job):
    """An id of the owner's for each resource."""
    job = make_job(tags=["a"], schedules=[{"kind": "cron", "expression": "0 0 * * *"}])
    execution = rows.execution((job["id"], owner.tenant.id), "failed")
    letter = uuid4()
    rows.insert(
        "dead_letter", id=letter, tenant_id=owner.tenant.id, job_id=job["id"], execution_id=execution, state="open",
        error_code="TIMEOUT", error_message="", error_fingerprint="", closed_by="", created_at=rows.now(),
    )  # fmt: skip
    key = owner.api.get("/api/v1/api-keys").json()["data"][0]["id"]
    return {
        "jobs": [job["id"], job["name"]], "schedules": [job["schedules"][0]["id"]], "executions": [execution],
        "dead-letters": [letter], "api-keys": [key], "members": [invitees.member(owner.tenant.id)],
        "invitations": [invitees.invitation(owner.tenant.id)],
    }  # fmt: skip


@pytest.fixture(params=["both walls", "second wall alone"])
def walls(request, monkeypatch):
    """The application's filters, or only the database's row-level security."""
    if request.param == "second wall alone":
        monkeypatch.setattr(TenantViewSet, "get_queryset", ApiViewSet.get_queryset)

        def anybodys(tenant, text, *, bare=False):
            wanted = {"pk": fields.id_of(text)} if fields.id_of(text) else {"name": text}
            return selectors.jobs().filter(**wanted).first()

        monkeypatch.setattr(lookups, "job", anybodys)


def _stored(tenant):
    return [rows.fetch(f"SELECT * FROM {table} WHERE tenant_id = %s ORDER BY id", tenant.id) for table in OWNED]


def test_another_tenants_ids_answer_as_if_they_did_not_exist(owner, outsider, belongings, walls):
    before = _stored(owner.tenant)
    for route in WITH_ID:
        for identifier in belongings[route.split("/")[0]]:
            path = "/api/v1/" + route.replace("<str:id>", str(identifier))
            for method in METHODS:
                answer = outsider.api.send(method, path, {})
                assert answer.status_code in (404, 405), (method, path, answer.content)
                if answer.status_code == 404:
                    unknown = path.replace(str(identifier), str(uuid4()))
                    assert _error(answer) == _error(outsider.api.send(method, unknown, {}))
    assert _stored(owner.tenant) == before


def _error(answer):
    error = answer.json()["error"]
    return error["code"], error["message"], error["details"]


def test_another_tenants_rows_are_in_no_list_whatever_the_filter(owner, outsider, belongings, walls):
    for path in ("jobs", "schedules", "executions", "dead-letters"):
        assert outsider.api.get(f"/api/v1/{path}").json()["data"] == []
    job, schedule = belongings["jobs"][0], belongings["schedules"][0]
    for path in ("schedules", "executions", "dead-letters"):
        assert outsider.api.get(f"/api/v1/{path}", job=job).json()["data"] == []
    assert outsider.api.get("/api/v1/executions", schedule=schedule).json()["data"] == []
    assert len(outsider.api.get("/api/v1/api-keys").json()["data"]) == 1


def test_another_tenants_callables_are_neither_listed_nor_called(owner, outsider):
    rows.change("UPDATE tenant SET allowed_callables = %s WHERE id = %s", '["tests.echo"]', owner.tenant.id)
    assert [row["name"] for row in owner.api.get("/api/v1/callables").json()["data"]] == ["tests.echo"]
    assert outsider.api.get("/api/v1/callables").json()["data"] == []
    errors = []
    for name in ("tests.echo", "tests.gone"):
        job = {"name": "mine", "type": "python", "payload": {"callable": name}}
        answer = outsider.api.post("/api/v1/jobs", job)
        assert answer.status_code == 422
        errors.append(answer.json()["error"]["message"].replace(name, "…"))
    assert errors[0] == errors[1], "what exists for others is told apart from what does not"


def test_another_tenants_job_cannot_be_named_in_a_body(outsider, belongings, walls):
    for name in belongings["jobs"]:
        assert outsider.api.post("/api/v1/executions", {"job": name}).status_code == 404
        schedule = {"job": name, "kind": "cron", "expression": "0 0 * * *"}
        assert outsider.api.post("/api/v1/schedules", schedule).status_code == 404


@pytest.mark.parametrize("route", [route for route in ROUTES if route not in PUBLIC])
def test_every_route_asks_for_a_key(route):
    path = "/api/v1/" + route.replace("<str:id>", str(uuid4()))
    for method in METHODS:
        answer = Client().generic(method, path, "{}", content_type="application/json")
        assert answer.status_code == 401, (method, path)
        assert answer.json()["error"]["code"] == "UNAUTHENTICATED"
        assert answer["WWW-Authenticate"].startswith("Bearer")
