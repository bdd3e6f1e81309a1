"""What a payload gives the jobs it runs is judged when it is stored, as far as expressions leave it open."""

from __future__ import annotations

from typing import Any

import pytest

from jobs.services import jobs, secrets
from tenants.errors import Invalid

SCRIPT: dict[str, Any] = {"script": "echo"}


@pytest.fixture
def extract(tenant):
    return jobs.create(tenant=tenant, fields={"name": "extract", "type": "script", "payload": SCRIPT})


def make(tenant, type, payload):
    return jobs.create(tenant=tenant, fields={"name": "all", "type": type, "payload": payload})


def steps(payload: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"steps": {"a": {"job": "extract", "payload": payload}}, **more}


def refusal(call, *args, **named):
    with pytest.raises(Invalid) as refused:
        call(*args, **named)
    return refused.value.details


@pytest.mark.parametrize(
    ("type", "payload", "details"),
    [
        ("workflow", steps({"evn": {}}), {"payload.steps.a.payload.evn": ["unknown field; did you mean env?"]}),
        ("workflow", steps({"env": {"A": 1}}), {"payload.steps.a.payload.env.A": ["Input should be a valid string"]}),
        (
            "map",
            {"job": "extract", "over": [1], "payload": {"nv": "{{ item }}"}},
            {"payload.payload.nv": ["unknown field; did you mean env?"]},
        ),
        (
            "workflow",
            steps({"env": {"A": "{{ parameters.nope }}-{{ parameters.day }}"}}, parameters={"day": "x"}),
            {"payload.steps.a.payload": ["there is no parameter 'nope', only day"]},
        ),
    ],
)
def test_what_the_other_job_would_not_take_is_refused_where_it_stands(tenant, extract, type, payload, details):
    assert refusal(make, tenant, type, payload) == details


def test_no_query_of_another_job_is_put_together_of_items(tenant):
    query = {"connection": "shop", "query": "SELECT :a", "params": {"a": 1}}
    secrets.create(tenant=tenant, name="shop", kind="sqlite", value={"path": "shop.db"})
    jobs.create(tenant=tenant, fields={"name": "ask", "type": "database", "payload": query})
    given = {"query": "SELECT '{{ item }}'", "params": {"a": "{{ item }}"}}
    found = refusal(make, tenant, "map", {"job": "ask", "over": ["x' --"], "payload": given})
    assert list(found) == ["payload.payload.query"]
    assert found["payload.payload.query"][0].startswith("no expression may stand here")


@pytest.mark.parametrize(
    "payload",
    [
        steps({"env": {"A": "{{ parameters.day }}"}}),
        steps({"env": "{{ parameters.env }}"}, parameters={"env": {"A": "x"}}),
        steps({"env": {"A": "{{ parameters.day | default('x') }}"}}, parameters={"month": 5}),
        steps({"env": {"A": "{{ 'x' if parameters.month else parameters.day }}"}}, parameters={"month": 5}),
        steps({}, parameters={"month": 5}),
    ],
)
def test_what_is_known_only_when_it_runs_is_left_open(tenant, extract, payload):
    assert make(tenant, "workflow", payload).payload == payload


def test_only_what_is_given_is_judged_and_a_stored_one_can_be_changed(tenant, extract):
    job = make(tenant, "workflow", steps({"env": {"A": "x"}}))
    http: dict[str, Any] = {"type": "http", "payload": {"url": "https://example.com", "script": None}}
    jobs.update(job=extract, fields=http)  # what it is given now is no longer taken
    assert jobs.update(job=job, fields={"description": "still there"}).description == "still there"
    changed = {"payload": {"steps": {"a": {"payload": {"env": {"A": "y"}}}}}}
    assert set(refusal(jobs.update, job=job, fields=changed)) == {"payload.steps.a.payload.env"}
