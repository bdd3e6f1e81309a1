"""/secrets: written, versioned, rolled back, and never read."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import pytest
from django.test import override_settings

from jobs import connections
from tenants.services import secrets
from tests.support import logins, rows

SECRETS = "/api/v1/secrets"
CANARY = "canary-77aa1c-value"
REDIS = {"host": "cache.example.com", "password": CANARY}


@pytest.fixture
def make(owner: Any) -> Any:
    def make(name: str = "stripe_key", value: Any = CANARY, **fields: Any) -> Any:
        answer = owner.api.post(SECRETS, {"name": name, "value": value, **fields})
        assert answer.status_code == 201, answer.content
        return answer.json()

    return make


def revealed(owner: Any, name: str) -> Any:
    with logins.engine():
        return secrets.reveal(owner.tenant.id, [name])[name]


def test_a_secret_is_made_listed_and_shown_by_id_and_name_without_its_value(owner, make):
    made = make(description="of the shop")
    assert {**made, "id": "", "created_at": "", "created_by": ""} == {
        "id": "", "name": "stripe_key", "kind": "text", "description": "of the shop", "version": 1, "created_at": "", "created_by": "",
        "last_used_at": None,
    }  # fmt: skip
    make("cache", REDIS, kind="redis")
    assert [row["name"] for row in owner.api.get(SECRETS).json()["data"]] == ["cache", "stripe_key"]
    assert [row["name"] for row in owner.api.get(SECRETS, kind="redis").json()["data"]] == ["cache"]
    for key in (made["id"], "stripe_key"):
        assert owner.api.get(f"{SECRETS}/{key}").json() == made
    assert revealed(owner, "stripe_key") == CANARY
    assert revealed(owner, "cache")["password"] == CANARY


def test_a_connection_is_stored_with_its_defaults(owner, make):
    make("cache", REDIS, kind="redis")
    found = revealed(owner, "cache")
    assert (found["port"], found["tls"], found["kind"]) == (6379, "verify", "redis")
    assert connections.load(found).kind == "redis"


def test_a_value_that_is_given_anew_is_a_version_and_can_be_taken_back(owner, make):
    make()
    changed = owner.api.patch(f"{SECRETS}/stripe_key", {"value": "the second value"}).json()
    assert changed["version"] == 2
    assert owner.api.patch(f"{SECRETS}/stripe_key", {"description": "other"}).json()["version"] == 2
    assert owner.api.post(f"{SECRETS}/stripe_key/rollback", {"version": 1}).json()["version"] == 1
    versions = owner.api.get(f"{SECRETS}/stripe_key/versions").json()["data"]
    assert [(row["version"], row["in_force"]) for row in versions] == [(2, False), (1, True)]
    assert revealed(owner, "stripe_key") == CANARY
    assert owner.api.post(f"{SECRETS}/stripe_key/discard", {"version": 1}).status_code == 409
    assert owner.api.post(f"{SECRETS}/stripe_key/discard", {"version": 2}).status_code == 204
    assert owner.api.post(f"{SECRETS}/stripe_key/rollback", {"version": 2}).status_code == 422


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": "a-b", "value": CANARY}, "name"),
        ({"value": CANARY}, "name"),
        ({"name": "a"}, "value"),
        ({"name": "a", "value": "short"}, "value"),
        ({"name": "a", "value": 12345678}, "value"),
        ({"name": "a", "value": None}, "value"),
        ({"name": "a", "value": [CANARY]}, "value"),
        ({"name": "a", "value": {"token": CANARY}}, "value"),
        ({"name": "a", "kind": "redis", "value": CANARY}, "value"),
        ({"name": "a", "kind": "dsn", "value": CANARY}, "kind"),
        ({"name": "a", "kind": "redis", "value": {**REDIS, "url": CANARY}}, "value.url"),
        ({"name": "a", "kind": "redis", "value": {**REDIS, "port": CANARY}}, "value.port"),
        ({"name": "a", "kind": "redis", "value": {**REDIS, "host": f"{CANARY}@x"}}, "value.host"),
        ({"name": "a", "kind": "redis", "value": {**REDIS, "password": "short"}}, "value.password"),
        ({"name": "a", "kind": "redis", "value": {"password": CANARY}}, "value.host"),
        ({"name": "a", "kind": "kafka", "value": {"servers": ["k:9092"], "mechanism": "PLAIN"}}, "value"),
        ({"name": "a", "kind": "sqlite", "value": {"path": "../other/file"}}, "value.path"),
        ({"name": "a", "value": "x" * 40_000}, "value"),
        ({"name": "a", "value": CANARY, "description": "x" * 501}, "description"),
    ],
)
def test_bad_input_is_refused_by_field_stores_nothing_and_repeats_no_value(owner, body, field):
    answer = owner.api.post(SECRETS, body)
    details = answer.json()["error"]["details"]
    assert (answer.status_code, list(details)) == (400 if "unknown field" in str(details) else 422, [field])
    assert CANARY not in answer.content.decode()
    assert rows.fetch("SELECT 1 FROM secret WHERE tenant_id = %s", owner.tenant.id) == []


def test_a_name_is_taken_once_and_cannot_be_changed(owner, make):
    make()
    assert owner.api.post(SECRETS, {"name": "stripe_key", "value": CANARY}).status_code == 409
    for field in ("name", "kind"):
        answer = owner.api.patch(f"{SECRETS}/stripe_key", {field: "other"})
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "UNKNOWN_FIELD")


def test_two_tenants_use_the_same_name(owner, outsider, make):
    make()
    assert outsider.api.post(SECRETS, {"name": "stripe_key", "value": "the others' value"}).status_code == 201
    assert revealed(owner, "stripe_key") == CANARY
    assert outsider.api.patch(f"{SECRETS}/{owner.api.get(f'{SECRETS}/stripe_key').json()['id']}", {}).status_code == 404


def test_without_installation_keys_it_says_what_to_set(owner):
    with override_settings(ENCRYPTION_KEYS=None):
        answer = owner.api.post(SECRETS, {"name": "a", "value": CANARY})
    assert answer.status_code == 503
    assert "CARILLON_ENCRYPTION_KEYS" in answer.json()["error"]["message"]


USES = {
    "in a text": {"result": "Bearer {{ secrets.stripe_key }}"},
    "by index": {"result": {"a": ["{{ secrets['stripe_key'] ~ '!' }}"]}},
    "after another": {"result": "{{ payload.x }} {{ secrets.other ~ secrets.stripe_key }}"},
}


@pytest.mark.parametrize("use", USES)
def test_jobs_that_name_a_secret_are_listed_and_keep_it(owner, make, make_job, use):
    for name in ("stripe_key", "stripe", "other"):
        make(name)
    make_job(name="other", payload={"result": "secrets.stripe_key {{ 'secrets.stripe_key' }} {{ secrets.stripe }}"})
    assert owner.api.get(f"{SECRETS}/stripe_key/used-by").json()["data"] == []
    job = make_job(payload=USES[use])
    users = owner.api.get(f"{SECRETS}/stripe_key/used-by").json()["data"]
    assert users == [{"id": job["id"], "name": "nightly", "type": "dummy", "state": "active"}]
    refused = owner.api.delete(f"{SECRETS}/stripe_key")
    assert (refused.status_code, refused.json()["error"]["details"]) == (409, {"jobs": ["nightly"]})
    owner.api.patch("/api/v1/jobs/nightly", {"payload": {"result": None}})
    assert owner.api.delete(f"{SECRETS}/stripe_key").status_code == 204


def test_connection_fields_and_schedules_payloads_are_uses_until_they_are_gone(owner, make, make_job):
    make("cache", REDIS, kind="redis")
    make()

    def users(name: str) -> list[str]:
        return [row["name"] for row in owner.api.get(f"{SECRETS}/{name}/used-by").json()["data"]]

    make_job(name="tries", type="connection_test", payload={"connection": "cache"})
    assert users("cache") == ["tries"]
    owner.api.delete("/api/v1/jobs/tries")
    assert users("cache") == []
    cron = {"kind": "cron", "expression": "0 0 * * *", "payload": {"result": "{{ secrets.stripe_key }}"}}
    job = make_job(schedules=[cron])
    assert users("stripe_key") == ["nightly"]
    schedule = f"/api/v1/schedules/{job['schedules'][0]['id']}"
    assert owner.api.patch(schedule, {"payload": None}).status_code == 200
    assert users("stripe_key") == []
    owner.api.patch(schedule, {"payload": cron["payload"]})
    assert users("stripe_key") == ["nightly"]
    owner.api.delete(schedule)
    assert users("stripe_key") == []


def test_a_secret_in_use_is_deleted_by_force_alone(owner, make, make_job):
    made = make()
    make_job(payload={"result": "{{ secrets.stripe_key }}"})
    assert owner.api.delete(f"{SECRETS}/stripe_key?force=false").status_code == 409
    assert owner.api.delete(f"{SECRETS}/stripe_key?force=yes").status_code == 422
    assert owner.api.delete(f"{SECRETS}/stripe_key?force=true").status_code == 204
    assert owner.api.get(f"{SECRETS}/{made['id']}").status_code == 404


def test_who_uses_it_is_paged(owner, make, make_job):
    make()
    for number in range(3):
        make_job(name=f"job-{number}", payload={"result": "{{ secrets.stripe_key }}"})
    page = owner.api.get(f"{SECRETS}/stripe_key/used-by", limit=2).json()
    rest = owner.api.get(f"{SECRETS}/stripe_key/used-by", limit=2, cursor=page["next_cursor"]).json()
    assert [row["name"] for row in (*page["data"], *rest["data"])] == ["job-2", "job-1", "job-0"]


def test_a_test_is_an_execution_on_a_worker_and_no_use(owner, make):
    make("cache", REDIS, kind="redis")
    answers = [owner.api.post(f"{SECRETS}/cache/test") for _ in range(2)]
    assert {answer.status_code for answer in answers} == {202}
    execution = answers[0].json()
    assert execution["job"]["type"] == "connection_test"
    assert execution["payload"] == {"must_pass": False, "connection": "cache"}
    assert CANARY not in answers[0].content.decode()
    assert answers[1].json()["job"]["id"] == execution["job"]["id"]
    assert owner.api.get(f"{SECRETS}/cache/used-by").json()["data"] == []
    make()
    assert owner.api.post(f"{SECRETS}/stripe_key/test").status_code == 422


def test_whoever_may_change_secrets_may_test_them_and_start_nothing_else(owner, make):
    from tests.support.actors import Api

    make("cache", REDIS, kind="redis")
    key = owner.api.post("/api/v1/api-keys", {"name": "narrow", "scopes": ["secrets:write"]}).json()["key"]
    tested = Api(key).post(f"{SECRETS}/cache/test")
    assert tested.status_code == 202
    assert tested.json()["triggered_by"].startswith("key:")
    assert Api(key).post("/api/v1/executions", {"job": "connection-tests"}).status_code == 403


def test_a_job_in_the_way_of_tests_is_named(owner, make, make_job):
    make("cache", REDIS, kind="redis")
    make_job(name="connection-tests")
    answer = owner.api.post(f"{SECRETS}/cache/test")
    assert (answer.status_code, "connection-tests" in answer.json()["error"]["message"]) == (409, True)


def test_connection_types_are_published_with_their_schemas(owner):
    import jsonschema

    listed = owner.api.get("/api/v1/connection-types").json()["data"]
    assert [row["kind"] for row in listed] == list(connections.kinds())
    for row in listed:
        jsonschema.Draft202012Validator.check_schema(row["schema"])
        jsonschema.validate(row["example"], row["schema"])
        assert owner.api.get(f"/api/v1/connection-types/{row['kind']}").json() == row
    redis = next(row for row in listed if row["kind"] == "redis")
    assert json.dumps(redis["schema"]["properties"]["password"]).count('"writeOnly": true') == 1
    assert owner.api.get("/api/v1/connection-types/dsn").status_code == 404


def test_every_change_leaves_a_row_that_says_who_and_no_value(owner, make):
    made = make("cache", REDIS, kind="redis")
    owner.api.patch(f"{SECRETS}/cache", {"value": {**REDIS, "password": f"{CANARY}-2"}, "description": "x"})
    owner.api.post(f"{SECRETS}/cache/rollback", {"version": 1})
    owner.api.post(f"{SECRETS}/cache/discard", {"version": 2})
    owner.api.delete(f"{SECRETS}/cache")
    trail = rows.fetch(
        "SELECT action, changes, actor FROM audit_event WHERE object_id = %s ORDER BY id", str(UUID(made["id"]))
    )
    assert [(action, changes) for action, changes, _ in trail] == [
        ("secret.created", {"name": [None, "cache"], "kind": [None, "redis"], "version": [None, 1]}),
        ("secret.updated", {"description": ["", "x"], "version": [1, 2]}),
        ("secret.rolled_back", {"version": [2, 1]}),
        ("secret.discarded", {"version": [2, None]}),
        ("secret.deleted", {"name": ["cache", None]}),
    ]
    assert all(actor.startswith("key:") for _, _, actor in trail)
