"""Connections that a payload names are there and of a kind that their field takes, whenever it is stored or triggered."""

from __future__ import annotations

from typing import Any

import pytest

from jobs.models import Job
from jobs.services import executions, jobs, schedules, secret_uses
from tenants.errors import Invalid
from tenants.models import Secret
from tenants.services import secrets

HOOK: dict[str, Any] = {"webhook_url": "https://example.com/made-up-secret"}
SHOP: dict[str, Any] = {"base_url": "https://example.com", "token": "made-up-secret"}
CALL: dict[str, Any] = {"url": "https://example.com"}
MISSING = "there is no secret named {}: make it first, or correct the name"
OF_HTTP = "taken here is http_basic, http_bearer, oauth2_client: name another"


@pytest.fixture
def channels(tenant):
    secrets.create(tenant=tenant, name="team", kind="webhook", value=HOOK)
    secrets.create(tenant=tenant, name="shop", kind="http_bearer", value=SHOP)
    secrets.create(tenant=tenant, name="token", value="s3cr3t-token")


def make(tenant, type, payload, **fields):
    return jobs.create(tenant=tenant, fields={"name": "a", "type": type, "payload": payload, **fields})


def refusal(call, *args, **named):
    with pytest.raises(Invalid) as refused:
        call(*args, **named)
    return refused.value.details


def by(name: str) -> dict[str, Any]:
    return {**CALL, "auth": {"connection": name}}


@pytest.mark.parametrize(
    ("type", "payload", "details"),
    [
        ("http", by("gone"), {"payload.auth.connection": [MISSING.format("gone")]}),
        ("http", by("team"), {"payload.auth.connection": [f"the secret team is of kind webhook, and {OF_HTTP}"]}),
        ("http", by("token"), {"payload.auth.connection": [f"the secret token is of kind text, and {OF_HTTP}"]}),
        ("notify", {"connection": "gone", "text": "x"}, {"payload.connection": [MISSING.format("gone")]}),
        (
            "connection_test",
            {"connection": "token"},
            {"payload.connection": ["the secret token is of kind text, and a connection is taken here: name another"]},
        ),
        (
            "db_to_kafka",
            {"source": "gone", "query": "SELECT 1", "target": "team", "topic": "t"},
            {
                "payload.source": [MISSING.format("gone")],
                "payload.target": ["the secret team is of kind webhook, and taken here is kafka: name another"],
            },
        ),
    ],
)
def test_a_connection_is_there_and_of_a_kind_that_is_taken(tenant, channels, type, payload, details):
    assert refusal(make, tenant, type, payload) == details


@pytest.mark.parametrize("name", ["shop", "{{ payload.body }}"])
def test_one_that_fits_is_taken_and_what_an_expression_names_is_left_open(tenant, channels, name):
    assert make(tenant, "http", by(name)).payload == by(name)


def test_schedules_and_triggers_are_looked_at_too(tenant, channels):
    job = make(tenant, "http", by("shop"))
    fields = {"kind": "cron", "expression": "0 0 * * *", "payload": {"auth": {"connection": "team"}}}
    assert set(refusal(schedules.create, job=job, fields=fields)) == {"payload.auth.connection"}
    given = {"auth": {"connection": "gone"}}
    assert set(refusal(executions.trigger, job=job, payload=given)) == {"payload.auth.connection"}


def test_a_job_of_before_can_still_be_changed_and_is_told_when_it_is_triggered(tenant, channels):
    job = make(tenant, "http", by("shop"))
    Job.objects.filter(pk=job.pk).update(payload=by("team"))
    job = jobs.update(job=job, fields={"description": "of before", "payload": {"body": "y"}})
    fields = {"kind": "cron", "expression": "0 0 * * *", "payload": {"body": "x"}}
    assert schedules.create(job=job, fields=fields).payload == {"body": "x"}
    assert set(refusal(executions.trigger, job=job)) == {"payload.auth.connection"}
    assert set(refusal(jobs.update, job=job, fields={"payload": by("gone")})) == {"payload.auth.connection"}


def test_channels_are_looked_at_in_the_same_way(tenant, channels):
    given = {"on_failure": ["team", "shop"], "on_success": ["gone"]}
    assert refusal(make, tenant, "dummy", {}, **given) == {
        "on_failure": [
            "the secret shop is of kind http_bearer, and taken here is webhook, discord, slack, telegram, smtp: name another"
        ],
        "on_success": [MISSING.format("gone")],
    }


def test_what_a_payload_gives_other_jobs_is_looked_at_and_is_a_use(tenant, channels):
    make(tenant, "http", CALL)

    def workflow(name):
        steps = {"x": {"job": "a", "payload": {"auth": {"connection": name}}}}
        return jobs.create(tenant=tenant, fields={"name": "all", "type": "workflow", "payload": {"steps": steps}})

    assert set(refusal(workflow, "team")) == {"payload.steps.x.payload.auth.connection"}
    workflow("shop")
    assert [job.name for job in secret_uses.users_of(Secret.objects.get(name="shop"))] == ["all"]
