"""Payloads with expressions when they are stored: what is open is left open, and all else is refused as ever."""

from __future__ import annotations

import pytest

from jobs import selectors
from jobs.models import JobRevision
from jobs.services import executions, jobs, schedules
from tenants.errors import Invalid
from tenants.services import secrets
from tests.support import rows

URL = {"url": "https://example.com"}
CRON = {"kind": "cron", "expression": "0 0 * * *"}


@pytest.fixture
def token(tenant):
    return secrets.create(tenant=tenant, name="token", value="s3cr3t-token")


def make(tenant, payload, type="http", **fields):
    return jobs.create(tenant=tenant, fields={"name": "a", "type": type, "payload": payload, **fields})


def refusal(call, *args, **named):
    with pytest.raises(Invalid) as refused:
        call(*args, **named)
    return refused.value.details


@pytest.mark.parametrize(
    "payload",
    [
        {"url": "{{ payload.body.url }}", "body": {"url": "https://example.com"}},
        {"url": "https://example.com/{{ execution.id }}", "headers": {"A": "{{ secrets.token }}"}},
        {**URL, "expected_status": "{{ payload.body }}", "body": 200},
        {**URL, "expected_status": [200, "{{ payload.body }}"], "body": 201},
        {**URL, "verify_tls": "{{ payload.body }}", "body": True},
        {**URL, "query": {"a": ["{{ now }}"]}},
        {**URL, "method": "{{ 'GET' }}"},
        {"url": "{{ secrets.token }}"},
    ],
)
def test_what_an_expression_stands_for_is_left_open(tenant, token, payload):
    assert make(tenant, payload).payload == payload


@pytest.mark.parametrize(
    ("payload", "fields"),
    [
        ({"body": "{{ now }}"}, {"payload.url"}),
        ({**URL, "body": "{{ now }}", "zz": "{{ now }}"}, {"payload.zz"}),
        ({**URL, "body": "{{ now }}", "headers": {"A": 1}}, {"payload.headers.A"}),
        ({**URL, "query": {"a": "{{ now }}", "b": {}}}, {"payload.query.b"}),
        ({"url": "{{ now }}", "method": "BREW", "form": 5}, {"payload.method", "payload.form"}),
        ({**URL, "form": {"a": "{{ now }}"}, "body": 1}, {"payload"}),
        ({**URL, "headers": {"{{ now }}": "x"}, "body": "{{ now }}"}, {"payload.headers.{{ now }}"}),
        ({**URL, "headers": {"A": "{{ foo }}", "B": "{{ 1 + 1 }}"}}, {"payload.headers.A", "payload.headers.B"}),
        ({**URL, "body": "{{ secrets.gone }}{{ secrets.token }}"}, {"payload.body"}),
        ({"url": "{{ payload.url }}"}, {"payload.url"}),
        ({**URL, "body": "{{"}, {"payload.body"}),
    ],
)
def test_all_else_is_refused_by_its_field(tenant, token, payload, fields):
    assert set(refusal(make, tenant, payload)) == fields


def test_a_refusal_says_where_and_which(tenant, token):
    details = refusal(make, tenant, {**URL, "body": {"a": ["x\n{{ payload.b | center(9) }}", "{{ secrets.gone }}"]}})
    assert details["payload.body.a[0]"][0].startswith("line 2, column 1: there is no filter 'center'; there are date, ")
    details = refusal(make, tenant, {**URL, "body": {"a": ["x", "{{ secrets.gone }}"]}})
    assert details == {"payload.body.a[1]": ["there is no secret named gone: make it first, or correct the name"]}


def test_a_script_holds_no_secret_but_its_environment_may(tenant, token):
    payload = {
        "script": "echo $TOKEN {{ execution.id }}",
        "env": {"TOKEN": "{{ secrets.token }}"},
        "stdin": "{{ secrets.token }}",
    }
    make(tenant, payload, "script")
    details = refusal(make, tenant, {"script": "echo {{ secrets.token }}"}, "script", name="b")
    assert "hand the secret over in env or stdin" in details["payload.script"][0]


def test_another_tenants_secret_is_unknown(tenant):
    rows.tenant()
    assert set(refusal(make, tenant, {"url": "{{ secrets.token }}"})) == {"payload.url"}


def test_what_a_type_refuses_is_refused_unless_an_expression_decides_it(tenant):
    tenant.allowed_callables = ["tests.support.callables:*"]
    orders = "tests.support.callables:orders"
    payload = {"callable": orders, "args": ["eu"], "kwargs": {"since": "{{ now | date }}"}}
    make(tenant, payload, "python")
    wrong = {**payload, "kwargs": {"since": "{{ now | date }}", "limit": "many"}}
    assert set(refusal(make, tenant, wrong, "python", name="b")) == {"payload.kwargs.limit"}
    assert set(refusal(make, tenant, {**payload, "callable": "os:system"}, "python", name="b")) == {"payload.callable"}


def test_a_revision_says_whether_there_are_expressions(tenant):
    job = make(tenant, URL)
    jobs.update(job=job, fields={"payload": {"body": "{{ now }}"}})
    marks = JobRevision.objects.filter(job=job).order_by("number").values_list("spec", flat=True)
    assert [spec.get("expressions") for spec in marks] == [None, True]


def test_overrides_are_data_and_are_stored_as_they_are(tenant, token):
    job = make(tenant, {**URL, "headers": {"A": "{{ secrets.token }}"}})
    overrides = {"body": {"a": "{{ secrets.gone }} {{ no expression"}}
    execution = executions.trigger(job=job, payload=overrides)
    assert execution.payload == overrides
    executions.cancel(execution=execution)
    assert executions.replay(execution=selectors.executions().get(pk=execution.pk)).payload == overrides


def test_an_override_of_a_wrong_type_is_no_expression_to_be_left_open(tenant):
    job = make(tenant, {**URL, "query": {"a": "{{ now }}"}})
    assert set(refusal(executions.trigger, job=job, payload={"query": {"a": {"b": "{{ now }}"}}})) == {
        "payload.query.a"
    }


def test_a_schedules_payload_is_data_too(tenant):
    job = make(tenant, URL)
    schedule = schedules.create(job=job, fields={**CRON, "payload": {"body": "{{ anything"}})
    assert schedule.payload == {"body": "{{ anything"}
    fields = {**CRON, "payload": {"method": "{{ now }}"}}
    assert set(refusal(schedules.create, job=job, fields=fields)) == {"payload.method"}


def test_a_job_whose_secret_is_gone_cannot_be_triggered(tenant, token):
    job = make(tenant, {**URL, "body": "{{ secrets.token }}"})
    secrets.delete(secret=token)
    assert set(refusal(executions.trigger, job=job)) == {"payload.body"}
