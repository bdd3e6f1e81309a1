"""One tenant's ids mean nothing to another: every route, every method, found in the URL conf itself."""

from __future__ import annotations

from uuid import uuid4

import pytest

from jobs import selectors
from jobs.api import lookups
from tenants.api import fields
from tenants.api.views import ApiViewSet, TenantViewSet
from tests.support import api_routes, belongings, rows


@pytest.fixture
def theirs(owner):
    """An id of the owner's for each resource."""
    return belongings.of(owner)


@pytest.fixture(params=["both walls", "second wall alone"])
def walls(request, monkeypatch):
    """The application's filters, or only the database's row-level security."""
    if request.param == "second wall alone":
        monkeypatch.setattr(TenantViewSet, "get_queryset", ApiViewSet.get_queryset)

        def anybodys(tenant, text, *, bare=False):
            wanted = {"pk": fields.id_of(text)} if fields.id_of(text) else {"name": text}
            return selectors.jobs().filter(**wanted).first()

        monkeypatch.setattr(lookups, "job", anybodys)
        monkeypatch.setattr(lookups, "jobs", lambda tenant, names: {name: anybodys(tenant, name) for name in names})


def test_another_tenants_ids_answer_as_if_they_did_not_exist(owner, outsider, theirs, walls):
    before = belongings.stored(owner.tenant)
    for route in api_routes.WITH_ID:
        for identifier in theirs[route.resource]:
            path = route.at(identifier)
            for method in api_routes.METHODS:
                answer = outsider.api.send(method, path, {})
                if route.declares(method) and not fields.id_of(str(identifier)):
                    # The name is free in this tenant, whoever else has it; what is missing is a type.
                    assert (answer.status_code, list(_error(answer)[2])) == (422, ["type"])
                    continue
                assert answer.status_code in (404, 405), (method, path, answer.content)
                if answer.status_code == 404:
                    assert _error(answer) == _error(outsider.api.send(method, route.at(uuid4()), {}))
    assert belongings.stored(owner.tenant) == before


def _error(answer):
    error = answer.json()["error"]
    return error["code"], error["message"], error["details"]


def test_another_tenants_rows_are_in_no_list_whatever_the_filter(owner, outsider, theirs, walls):
    for path in ("jobs", "schedules", "executions", "dead-letters", "secrets"):
        assert outsider.api.get(f"/api/v1/{path}").json()["data"] == []
    job, schedule = theirs["jobs"][0], theirs["schedules"][0]
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


def test_another_tenants_job_cannot_be_named_in_a_body(outsider, theirs, walls):
    for name in theirs["jobs"]:
        assert outsider.api.post("/api/v1/executions", {"job": name}).status_code == 404
        assert outsider.api.post("/api/v1/executions/batch", {"executions": [{"job": name}]}).status_code == 404
        schedule = {"job": name, "kind": "cron", "expression": "0 0 * * *"}
        assert outsider.api.post("/api/v1/schedules", schedule).status_code == 404
