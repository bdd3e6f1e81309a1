"""A job is described by its type, a schedule and a secret by their kind; what is registered describes itself."""

from __future__ import annotations

from typing import Any

import pytest
from jsonschema import Draft202012Validator

from jobs import connections, handlers, triggers
from scheduler_project import reference
from tenants.api import openapi
from tests.support import attempts


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return reference.described()


def passes(document: dict[str, Any], shape: str, value: Any) -> bool:
    schema = {"$ref": f"#/components/schemas/{shape}", "components": document["components"]}
    return bool(Draft202012Validator(schema).is_valid(value))


def mapping(document: dict[str, Any], shape: str) -> set[str]:
    return set(document["components"]["schemas"][shape]["discriminator"]["mapping"])


def test_each_known_value_has_a_shape(document):
    types, kinds = set(handlers.registered()), set(triggers.kinds())
    assert mapping(document, "JobInputRequest") == mapping(document, "JobShape") == types
    assert mapping(document, "ScheduleInputRequest") == mapping(document, "ScheduleShape") == kinds
    assert mapping(document, "NewScheduleInputRequest") == mapping(document, "PreviewInputRequest") == kinds
    assert mapping(document, "SecretInputRequest") == {"text", *connections.kinds()}


FILES = {
    "a": "text",
    "b": {"base64": "eA=="},
    "c": {"artifact": {"artifact": "c"}, "execution": "{{ upstream.extract.id }}"},
    "d": "{{ parameters.text }}",
}
JOB = {"name": "a", "type": "http", "payload": {"url": "https://example.com"}}


@pytest.mark.parametrize(
    ("change", "taken"),
    [
        ({}, True),
        ({"payload": {"url": "{{ payload.url }}", "expected_status": "{{ payload.status }}"}}, True),
        ({"payload": {"url": "https://example.com", "headers": {"X-A": "{{ secrets.token }}"}}}, True),
        ({"payload": {"url": "https://example.com", "expected_status": "soon"}}, False),
        ({"payload": {"url": "https://example.com", "other": 1}}, False),
        ({"payload": {}}, False),
        ({"type": "script"}, False),
        ({"type": "script", "payload": {"script": "true", "files": FILES}}, True),
        ({"type": "script", "payload": {"script": "true", "files": {"a": {"artifact": {}}}}}, False),
        ({"type": "unheard_of"}, False),
        ({"flavour": 1}, False),
        ({"max_running": None}, True),
        ({"schedules": [{"kind": "cron", "expression": "0 0 * * *"}]}, True),
        ({"schedules": [{"kind": "cron", "interval_seconds": 5}]}, False),
    ],
)
def test_a_job_to_be_has_the_payload_of_its_type(document, change, taken):
    assert passes(document, "JobInputRequest", {**JOB, **change}) == taken


@pytest.mark.parametrize(
    ("value", "taken"),
    [
        ({"kind": "once", "run_at": "2030-01-01T00:00:00Z"}, True),
        ({"kind": "once", "run_at": "2030-01-01T00:00:00Z", "expression": None}, True),
        ({"kind": "once"}, False),
        ({"kind": "once", "run_at": None}, False),
        ({"kind": "interval", "interval_seconds": 60}, True),
        ({"kind": "interval", "interval_seconds": 0}, False),
        ({"kind": "interval", "interval_seconds": 60, "expression": "* * * * *"}, False),
        ({"kind": "cron", "expression": "* * * * *", "dst_gap": "jump"}, False),
    ],
)
def test_a_schedule_has_the_fields_of_its_kind(document, value, taken):
    assert passes(document, "ScheduleInputRequest", value) == taken


@pytest.mark.parametrize(
    ("value", "taken"),
    [
        ({"name": "a", "value": "long enough"}, True),
        ({"name": "a", "kind": "text", "value": "long enough"}, True),
        ({"name": "a", "kind": "text", "value": {"host": "a"}}, False),
        ({"name": "a", "kind": "redis", "value": {"host": "a.example.com"}}, True),
        ({"name": "a", "kind": "redis", "value": {"bucket": "a"}}, False),
        ({"name": "a", "kind": "redis", "value": "long enough"}, False),
    ],
)
def test_a_secret_has_the_value_of_its_kind(document, value, taken):
    assert passes(document, "SecretInputRequest", value) == taken


def test_what_is_stored_passes_with_and_without_its_payload_and_of_a_type_that_is_gone(document, owner):
    made = owner.api.post("/api/v1/jobs", {**JOB, "schedules": [{"kind": "interval", "interval_seconds": 60}]}).json()
    assert passes(document, "JobShape", made)
    assert passes(document, "JobShape", {**made, "payload": None})
    assert not passes(document, "JobShape", {**made, "payload": {"url": 1}})
    assert passes(document, "JobShape", {**made, "type": "removed", "payload": {"anything": 1}})
    assert not passes(
        document, "JobShape", {**made, "schedules": [{**made["schedules"][0], "expression": "0 0 * * *"}]}
    )


def test_a_type_that_somebody_adds_is_in_the_document():
    with attempts.job_type(lambda params, context: None):
        made = openapi.SchemaGenerator().get_schema(request=None, public=True)
    assert attempts.JOB_TYPE in made["components"]["schemas"]["JobInputRequest"]["discriminator"]["mapping"]
