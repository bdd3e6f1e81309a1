"""The description's examples are real: each passes its schema, and the API takes those that need nothing of yours."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from scheduler_project import (
    celery,  # noqa: F401 - the API rings through it
    reference,
)
from tests.support import actors, rows

DOCUMENT = reference.described()
#: What only an installation of one's own has.
UNHEARD_OF = {("jobs_create", "python"): "payload.callable"}
#: Jobs that examples of jobs have run.
NAMED = ("extract orders", "load orders", "resize image")
#: Connections that they go by, and of which kind.
CONNECTIONS = {
    "warehouse": "postgresql",
    "cache": "redis",
    "shop_broker": "rabbitmq",
    "broker": "kafka",
    "team": "webhook",
}


def bodies() -> Iterator[tuple[str, str, dict[str, Any], Any]]:
    """(path, operation, schema, examples) of each POST, PUT and PATCH that takes a body."""
    for path, methods in DOCUMENT["paths"].items():
        for operation in methods.values():
            if body := operation.get("requestBody"):
                content = body["content"]["application/json"]
                yield path, operation["operationId"], content["schema"], content.get("examples", {})


def examples(*operations: str) -> list[Any]:
    return [
        pytest.param(path, name, key, example["value"], id=f"{name} {key}")
        for path, name, _, found in bodies()
        for key, example in found.items()
        if name in operations
    ]


def test_every_body_has_an_example_that_passes_its_schema():
    for _, name, schema, found in bodies():
        assert found, f"{name} has none"
        for key, example in found.items():
            problems = Draft202012Validator({**schema, "components": DOCUMENT["components"]}).iter_errors(
                example["value"]
            )
            assert [problem.message for problem in problems] == [], f"{name} {key}"


@pytest.fixture(scope="module")
def tenant() -> Any:
    """With what examples speak of: jobs and connections of those names, a queue that executors work, a task that it may run."""
    owner = actors.owner()
    kinds = {each["kind"]: each["value"] for each in (found.values[3] for found in examples("secrets_create"))}
    for name, kind in CONNECTIONS.items():
        body = {"name": name, "kind": kind, "value": kinds[kind]}
        assert owner.api.post("/api/v1/secrets", body).status_code == 201
    rows.change("UPDATE tenant SET allowed_tasks = '[\"shop.tasks.*\"]' WHERE id = %s", owner.tenant.id)
    if not rows.fetch("SELECT FROM queue WHERE name = 'outside-examples'"):  # tests of other files may run in between
        rows.insert("queue", name="outside-examples", pool="external", created_at=rows.now())
    for name in ("nightly dummy", *NAMED):
        assert owner.api.post("/api/v1/jobs", {"name": name, "type": "dummy"}).status_code == 201
    return owner


@pytest.mark.parametrize(
    ("path", "name", "key", "example"),
    examples(
        "jobs_create", "schedules_create", "schedules_preview_create", "executions_create", "secrets_create",
        "api_keys_create", "invitations_create",
    ),
)  # fmt: skip
def test_the_api_takes_its_own_examples(tenant, path, name, key, example):
    if name == "jobs_create":
        example = {**example, "name": f"{example['name']} of the test"}
        example |= {"queue": "outside-examples"} if example["type"] == "external" else {}
    answer = tenant.api.post(path, example)
    if expected := UNHEARD_OF.get((name, key)):
        assert (answer.status_code, [*answer.json()["error"]["details"]]) == (422, [expected])
    else:
        assert answer.status_code in (200, 201, 202), answer.content
        if name != "schedules_preview_create":
            assert tenant.api.get(answer["Location"]).json()["id"] == answer.json()["id"]


@pytest.mark.parametrize(("path", "name", "key", "example"), examples("jobs_partial_update", "jobs_trigger_create"))
def test_the_api_takes_its_examples_of_a_job_that_is_there(tenant, path, name, key, example):
    method = "PATCH" if name.endswith("update") else "POST"
    answer = tenant.api.send(method, path.replace("{id}", "nightly%20dummy"), example)
    assert answer.status_code in (200, 202), answer.content
