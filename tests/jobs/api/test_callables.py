"""/callables, and python jobs: what may be named, and how a payload that cannot be called is refused."""

from __future__ import annotations

import jsonschema
import pytest

from jobs.callables import registry
from tests.support import rows

ORDERS = "tests.support.callables:orders"


@pytest.fixture
def allow(owner):
    def change(patterns):
        rows.change("UPDATE tenant SET allowed_callables = %s WHERE id = %s", patterns, owner.tenant.id)

    change('["tests.support.callables:*"]')
    return change


@pytest.fixture
def post(owner, allow):
    def job(**payload):
        return owner.api.post("/api/v1/jobs", {"name": "orders", "type": "python", "payload": payload})

    return job


def details(answer):
    assert answer.status_code == 422, answer.content
    assert answer.json()["error"]["code"] == "VALIDATION_FAILED"
    return answer.json()["error"]["details"]


def test_callables_of_the_tenants_list_come_with_description_and_schema(owner, allow):
    listed = {row["name"]: row for row in owner.api.get("/api/v1/callables").json()["data"]}
    assert sorted(listed) == ["tests.support.callables:answer", ORDERS]
    assert listed["tests.support.callables:answer"]["description"] == "Answers."
    jsonschema.validate({"region": "eu", "since": "2026-01-01"}, listed[ORDERS]["schema"])
    allow('["*"]')
    assert len(owner.api.get("/api/v1/callables").json()["data"]) == len(registry.registered())


def test_job_that_names_what_may_be_called_is_stored_as_written(post):
    payload = {"callable": ORDERS, "args": ["eu"], "kwargs": {"since": "2026-01-01"}}
    answer = post(**payload)
    assert answer.status_code == 201
    assert answer.json()["payload"] == payload


@pytest.mark.parametrize(
    ("payload", "field"),
    [
        ({}, "payload.callable"),
        ({"callable": "tests.echo"}, "payload.callable"),
        ({"callable": "tests.support.callables:gone"}, "payload.callable"),
        ({"callable": ORDERS}, "payload.kwargs.region"),
        ({"callable": ORDERS, "kwargs": {"region": "eu", "sinec": 1}}, "payload.kwargs.sinec"),
        ({"callable": ORDERS, "args": ["eu", "soon"]}, "payload.args[1]"),
        ({"callable": ORDERS, "items": ["eu", 5]}, "payload.items[1]"),
        ({"callable": ORDERS, "args": ["eu"], "on_error": "panic"}, "payload.on_error"),
    ],
)
def test_payload_that_cannot_be_called_is_refused_by_its_place(post, payload, field):
    assert list(details(post(**payload))) == [field]


def test_change_trigger_and_schedule_are_checked_as_well(owner, post):
    assert post(callable=ORDERS, args=["eu"]).status_code == 201
    wrong = {"kwargs": {"limit": "many"}}
    job = "/api/v1/jobs/orders"
    assert list(details(owner.api.patch(job, {"payload": wrong}))) == ["payload.kwargs.limit"]
    assert list(details(owner.api.post(f"{job}/trigger", {"payload": wrong}))) == ["payload.kwargs.limit"]
    schedule = {"job": "orders", "kind": "cron", "expression": "0 2 * * *", "payload": wrong}
    assert list(details(owner.api.post("/api/v1/schedules", schedule))) == ["payload.kwargs.limit"]


def test_trigger_is_refused_once_the_list_no_longer_has_it(owner, post, allow):
    assert post(callable=ORDERS, args=["eu"]).status_code == 201
    allow("[]")
    assert list(details(owner.api.post("/api/v1/jobs/orders/trigger"))) == ["payload.callable"]


def test_job_type_shows_its_schema_like_any_other(owner):
    shown = owner.api.get("/api/v1/job-types/python").json()
    assert {"callable", "args", "kwargs", "items", "max_threads", "on_error"} == set(shown["schema"]["properties"])
    assert set(shown["defaults"]) == set(shown["schema"]["properties"]) - {"callable"}
    jsonschema.validate(shown["example"], shown["schema"])
