"""/queues: seen by every tenant, changed with a key of the platform's alone."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import Any

import pytest

from tests.support import actors, rows
from tests.support.console import Console
from tests.support.threads import together

QUEUES = "/api/v1/queues"
WRITES = [
    ("POST", ""), ("PATCH", "/{name}"), ("DELETE", "/{name}"), ("POST", "/{name}/pause"), ("POST", "/{name}/resume"),
    ("POST", "/{name}/throttle"), ("POST", "/{name}/unthrottle"),
]  # fmt: skip


@pytest.fixture
def operator() -> Any:
    """With a key an administrator of the platform has made."""
    return actors.operator()


@pytest.fixture
def name() -> str:
    """Of a queue that is not there yet."""
    return f"q-{secrets.token_hex(4)}"


@pytest.fixture
def queue(name: str) -> str:
    """The name of one that is."""
    rows.insert("queue", name=name, created_at=rows.now())
    return name


def stored(name: str) -> list[Any]:
    return rows.fetch("SELECT pool, batch_size, max_running, rate_limit, rate_burst FROM queue WHERE name = %s", name)


def trail(name: str) -> list[Any]:
    return rows.fetch(
        "SELECT action, tenant_id, changes FROM audit_event WHERE object_type = 'queue' AND object_id = %s ORDER BY id",
        name,
    )


def test_queues_are_paged_by_name(owner, three_queues):
    names = [name for (name,) in rows.fetch("SELECT name FROM queue ORDER BY name")]
    assert set(three_queues) < set(names)
    first = owner.api.get("/api/v1/queues", limit=2).json()
    assert [queue["name"] for queue in first["data"]] == names[:2]
    second = owner.api.get("/api/v1/queues", limit=1, cursor=first["next_cursor"]).json()
    assert [queue["name"] for queue in second["data"]] == names[2:3]
    assert [queue["name"] for queue in owner.api.every("/api/v1/queues", limit=50)] == names
    assert owner.api.get("/api/v1/queues/beta").json()["max_running"] == 3


@pytest.fixture
def three_queues():
    rows.insert("queue", name="alpha", created_at=rows.now())
    rows.insert("queue", name="beta", max_running=3, created_at=rows.now())
    yield ["alpha", "beta"]
    rows.change("DELETE FROM queue WHERE name IN ('alpha', 'beta')")


def test_a_queue_is_made_shown_changed_and_deleted(operator, owner, name):
    body = {"name": name, "pool": "threads", "batch_size": 1, "max_running": 20, "rate_limit": "100/m", "rate_burst": 5}
    made = operator.api.post(QUEUES, body)
    assert made.status_code == 201, made.json()
    assert {field: made.json()[field] for field in body} == body
    assert (made.json()["state"], made.json()["allowed_actions"]) == ("active", ["pause"])
    assert owner.api.get(f"{QUEUES}/{name}").json() == made.json()

    changed = operator.api.patch(f"{QUEUES}/{name}", {"batch_size": 7, "max_running": None})
    assert changed.status_code == 200
    assert stored(name) == [("threads", 7, None, "100/m", 5)]

    assert operator.api.delete(f"{QUEUES}/{name}").status_code == 204
    assert operator.api.get(f"{QUEUES}/{name}").status_code == 404
    actions, tenants, changes = zip(*trail(name), strict=True)
    assert actions == ("queue.created", "queue.updated", "queue.deleted")
    assert set(tenants) == {None}
    assert changes[1] == {"batch_size": [1, 7], "max_running": [20, None]}


def test_what_is_left_out_has_its_default(operator, name):
    assert operator.api.post(QUEUES, {"name": name}).status_code == 201
    assert stored(name) == [("prefork", 50, None, "", None)]


def test_a_queue_is_paused_throttled_and_let_go(operator, queue):
    until = (rows.now() + timedelta(hours=1)).isoformat()
    shown = operator.api.post(f"{QUEUES}/{queue}/pause").json()
    assert (shown["state"], shown["allowed_actions"]) == ("drained", ["resume"])
    assert operator.api.post(f"{QUEUES}/{queue}/pause").json()["error"]["code"] == "INVALID_STATE"
    throttled = operator.api.post(f"{QUEUES}/{queue}/throttle", {"max_running": 2, "until": until}).json()
    assert throttled["throttle"]["max_running"] == 2
    assert operator.api.post(f"{QUEUES}/{queue}/unthrottle").json()["throttle"] is None
    assert operator.api.post(f"{QUEUES}/{queue}/resume").json()["state"] == "active"


@pytest.mark.parametrize(("method", "path"), WRITES)
def test_keys_of_a_tenant_may_change_nothing_whatever_else_they_may(owner, teammate, queue, method, path):
    before = stored(queue)
    for actor in (owner, teammate):
        answer = actor.api.send(method, QUEUES + path.format(name=queue), {"name": f"{queue}-x"})
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "MISSING_SCOPE")
        assert answer.json()["error"]["details"]["required"] == "platform"
    assert (stored(queue), stored(f"{queue}-x"), trail(queue)) == (before, [], [])


def test_the_platforms_scope_shows_nothing_of_a_tenant():
    api = actors.operator(scopes=["platform"]).api
    for path in ("jobs", "executions", "api-keys"):
        assert api.get(f"/api/v1/{path}").json()["error"]["code"] == "MISSING_SCOPE"


def test_a_tenant_cannot_give_itself_the_platforms_scope(owner):
    answer = owner.api.post("/api/v1/api-keys", {"name": "more", "scopes": ["admin", "platform"]})
    assert (answer.status_code, list(answer.json()["error"]["details"])) == (422, ["scopes"])


REFUSED = {
    "no name": ({"name": None}, 422, "name"),
    "capital letters": ({"name": "Reports"}, 422, "name"),
    "a name with a dot": ({"name": "jobs.reports"}, 422, "name"),
    "a hyphen at the end": ({"name": "reports-"}, 422, "name"),
    "a name that is too long": ({"name": "q" * 64}, 422, "name"),
    "NUL in the name": ({"name": "a\0b"}, 422, "name"),
    "unknown pool": ({"pool": "gevent"}, 422, "pool"),
    "ageing at once": ({"ageing_seconds": 9}, 422, "ageing_seconds"),
    "no batch": ({"batch_size": 0}, 422, "batch_size"),
    "a batch that is too large": ({"batch_size": 501}, 422, "batch_size"),
    "a batch that is null": ({"batch_size": None}, 422, "batch_size"),
    "no room": ({"max_running": 0}, 422, "max_running"),
    "room beyond the column": ({"max_running": 2**31}, 422, "max_running"),
    "a rate that is none": ({"rate_limit": "often"}, 422, "rate_limit"),
    "a burst that is none": ({"rate_burst": 0}, 422, "rate_burst"),
    "unknown field": ({"weight": 1}, 400, "weight"),
    "what is changed otherwise": ({"paused_at": None}, 400, "paused_at"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_bad_input_is_refused_by_the_name_of_the_field_and_nothing_is_stored(operator, queue, case):
    change, status, field = REFUSED[case]
    before = stored(queue)
    new = operator.api.post(QUEUES, {"name": f"{queue}-new", **change})
    answers = [new] if field == "name" else [new, operator.api.patch(f"{QUEUES}/{queue}", change)]
    for answer in answers:
        assert answer.status_code == status, answer.json()
        assert field in answer.json()["error"]["details"]
    assert (stored(queue), stored(f"{queue}-new"), trail(queue)) == (before, [], [])


def test_a_name_is_for_ever(operator, queue):
    answer = operator.api.patch(f"{QUEUES}/{queue}", {"name": "other"})
    assert (answer.status_code, list(answer.json()["error"]["details"])) == (400, ["name"])


def test_of_two_who_make_the_same_queue_at_once_one_is_told_of_the_other(operator, name):
    def make() -> Any:
        return operator.api.post(QUEUES, {"name": name})

    answers = together([make, make])
    assert sorted(answer.status_code for answer in answers) == [201, 409]
    refused = next(answer for answer in answers if answer.status_code == 409).json()["error"]
    assert (refused["code"], list(refused["details"])) == ("CONFLICT", ["name"])
    assert len(trail(name)) == 1


def test_default_and_what_is_used_is_not_deleted(operator, queue):
    rows.job(queue_id=queue)
    for used in ("default", queue):
        answer = operator.api.delete(f"{QUEUES}/{used}")
        assert (answer.status_code, answer.json()["error"]["code"]) == (409, "INVALID_STATE")
    assert len(stored(queue)) == len(stored("default")) == 1


@pytest.mark.parametrize(("method", "path"), WRITES[1:])
def test_a_queue_that_is_not_there_is_not_found(operator, method, path):
    answer = operator.api.send(method, QUEUES + path.format(name="nowhere"), {})
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "NOT_FOUND")


def test_a_job_made_while_its_queue_is_deleted_is_refused_or_keeps_it(operator, owner):
    for _ in range(5):
        name = f"q-{secrets.token_hex(4)}"
        rows.insert("queue", name=name, created_at=rows.now())
        job = {"name": name, "type": "dummy", "queue": name}
        made, deleted = together([
            lambda job=job: owner.api.post("/api/v1/jobs", job),
            lambda name=name: operator.api.delete(f"{QUEUES}/{name}"),
        ])  # fmt: skip
        assert (made.status_code, deleted.status_code) in {(201, 409), (422, 204)}, (made.content, deleted.content)
        assert made.status_code == 201 or list(made.json()["error"]["details"]) == ["queue"]


def test_a_job_made_while_its_queue_gets_another_pool_is_refused_or_keeps_the_pool(operator, owner):
    script = owner.api.get("/api/v1/job-types/script").json()
    assert script["threaded"] is False
    for _ in range(5):
        name = f"q-{secrets.token_hex(4)}"
        rows.insert("queue", name=name, created_at=rows.now())
        job = {"name": name, "type": "script", "payload": script["example"], "queue": name}
        made, changed = together([
            lambda job=job: owner.api.post("/api/v1/jobs", job),
            lambda name=name: operator.api.patch(f"{QUEUES}/{name}", {"pool": "threads"}),
        ])  # fmt: skip
        assert (made.status_code, changed.status_code) in {(201, 409), (422, 200)}, (made.content, changed.content)


def test_what_ended_in_a_queue_is_shown_and_run_again_elsewhere_when_the_queue_is_gone(operator, owner, queue):
    job = rows.job(owner.tenant.id)
    execution = rows.execution(job, "succeeded", queue_id=queue)
    assert operator.api.delete(f"{QUEUES}/{queue}").status_code == 204
    shown = owner.api.get(f"/api/v1/executions/{execution}").json()
    assert (shown["queue"], shown["state"]) == (queue, "succeeded")
    assert Console().get("jobs_execution_change", execution).status_code == 200
    assert owner.api.post(f"/api/v1/executions/{execution}/replay").json()["queue"] == "default"
