"""/api-keys: shown once, stored as a hash, refused once revoked."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import threading
import time

import pytest

from tenants import known_keys
from tenants.rules import api_keys
from tests.support import actors, rows, threads
from tests.support.actors import Api

KEYS = "/api/v1/api-keys"


@pytest.fixture
def made(owner):
    answer = owner.api.post(KEYS, {"name": "ci", "scopes": ["jobs:write", "jobs:read"]})
    assert answer.status_code == 201
    return answer.json()


def test_new_key_works_within_its_scopes(made):
    api = Api(made["key"])
    assert api.get("/api/v1/jobs").status_code == 200
    assert api.get("/api/v1/executions").status_code == 403
    assert made["scopes"] == ["jobs:read", "jobs:write"]


def test_text_of_a_key_is_shown_once_and_stored_nowhere(owner, made):
    assert made["key"].startswith(made["prefix"])
    for answer in (owner.api.get(KEYS), owner.api.get(f"{KEYS}/{made['id']}")):
        assert made["key"] not in answer.content.decode()
    stored = rows.fetch("SELECT k::text, a::text FROM api_key k, audit_event a WHERE k.id = %s", made["id"])
    assert made["key"].split("_")[2][:32] not in str(stored)


def test_revoked_key_is_refused_and_stays_listed(owner, made):
    assert owner.api.delete(f"{KEYS}/{made['id']}").status_code == 204
    assert owner.api.delete(f"{KEYS}/{made['id']}").status_code == 204
    assert Api(made["key"]).get("/api/v1/jobs").status_code == 401
    assert owner.api.get(f"{KEYS}/{made['id']}").json()["revoked_at"] is not None
    actions = rows.fetch("SELECT action FROM audit_event WHERE object_id = %s ORDER BY id", made["id"])
    assert actions == [("api_key.created",), ("api_key.revoked",)]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"scopes": []}, "scopes"),
        ({"scopes": ["root"]}, "scopes[0]"),
        ({"name": ""}, "name"),
        ({"expires_at": "2021-01-01T00:00:00Z"}, "expires_at"),
        ({"expires_at": "2031-01-01"}, "expires_at"),
    ],
)
def test_bad_key_is_refused_by_field(owner, change, field):
    answer = owner.api.post(KEYS, {"name": "ci", "scopes": ["admin"], **change})
    assert (answer.status_code, list(answer.json()["error"]["details"])) == (422, [field])


def test_a_key_is_changed_and_rotated_over_the_api(owner, made):
    path = f"{KEYS}/{made['id']}"
    shown = owner.api.patch(path, {"addresses": ["127.0.0.0/8"]}).json()
    assert (shown["addresses"], shown["name"]) == (["127.0.0.0/8"], "ci")
    answer = owner.api.post(f"{path}/rotate", {"overlap_seconds": 60})
    assert (answer.status_code, answer["Cache-Control"]) == (201, "no-store")
    successor = answer.json()
    assert successor["scopes"] == made["scopes"]
    for text in (made["key"], successor["key"]):
        assert Api(text).get("/api/v1/jobs").status_code == 200
    third = owner.api.post(f"{path}/rotate", {})
    assert (third.status_code, third.json()["error"]["code"]) == (409, "CONFLICT")
    for change, field in (({"scopes": ["admin"]}, "scopes"), ({"addresses": ["x"]}, "addresses")):
        refused = owner.api.patch(path, change)
        assert refused.status_code in (400, 422)
        assert list(refused.json()["error"]["details"]) == [field]


def test_keys_are_found_by_name_scope_state_and_maker(owner, made):
    def found(**query):
        return [row["name"] for row in owner.api.get(KEYS, **query).json()["data"]]

    assert found(name="ci") == ["ci"]
    assert found(scope="jobs:write", state="live") == ["ci", "test"]
    assert found(created_by=made["created_by"]) == ["ci"]
    owner.api.delete(f"{KEYS}/{made['id']}")
    assert found(state="revoked") == ["ci"]
    assert found(state=["live", "expired"]) == ["test"]


def test_the_platforms_keys_are_the_platforms_alone(owner):
    operator = actors.operator(["admin", "platform"])
    name = secrets.token_hex(4)
    answer = operator.api.post(KEYS, {"name": name, "scopes": ["jobs:read", "platform"]})
    assert (answer.status_code, answer.json()["tenant"]) == (201, None)
    assert [row["name"] for row in operator.api.get(KEYS, name=name).json()["data"]] == [name]
    assert owner.api.get(KEYS, name=name).json()["data"] == []
    assert owner.api.get(f"{KEYS}/{answer.json()['id']}").status_code == 404
    theirs = operator.api.post(f"{KEYS}?tenant={owner.tenant.slug}", {"name": name, "scopes": ["jobs:read"]})
    assert theirs.json()["tenant"] == owner.tenant.slug
    helper = actors.operator(["admin"])
    assert helper.api.get(KEYS).json()["error"]["details"]["required"] == "platform"


def test_a_revoked_key_is_refused_at_once_on_every_connection(owner, made):
    """Nothing about a key is remembered: the very next request, in any process, reads it anew."""
    holder, revoked = Api(made["key"]), threading.Event()

    def watch():
        assert holder.get("/api/v1/jobs").status_code == 200
        ready.set()
        assert revoked.wait(30)
        return holder.get("/api/v1/jobs").status_code

    ready = threading.Event()

    def revoke():
        assert ready.wait(30)
        answer = owner.api.delete(f"{KEYS}/{made['id']}").status_code
        revoked.set()
        return answer

    assert threads.together([watch, revoke]) == [401, 204]
    asked = "import django; django.setup(); from django.test import Client; import sys;"
    asked += "print(Client(headers={'X-API-Key': sys.argv[1]}).get('/api/v1/jobs', headers={'Host': 'localhost'}).status_code)"
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "scheduler_project.settings"}
    there = subprocess.run(
        [sys.executable, "-c", asked, made["key"]], env=environment, capture_output=True, text=True, check=True
    )
    assert there.stdout.strip().endswith("401")


def test_an_unknown_id_takes_as_long_as_a_wrong_secret(owner):
    known = api_keys.parse(owner.key).key_id
    wrong = [Api(api_keys.Key(known, api_keys.generate().secret).text) for _ in range(80)]
    unknown = [Api(api_keys.generate().text) for _ in range(80)]

    def seconds(api):
        before = time.perf_counter()
        assert api.get("/api/v1/jobs").status_code == 401
        return time.perf_counter() - before

    times = [(seconds(one), seconds(other)) for one, other in zip(wrong, unknown, strict=True)]
    # Of each the quickest: the one that nothing else on the machine has held up.
    of_wrong, of_unknown = (min(column) for column in zip(*times, strict=True))
    assert 0.8 < of_wrong / of_unknown < 1.25


def test_secrets_are_compared_whole_whether_or_not_there_is_such_an_id(owner, monkeypatch):
    compared = []

    def noted(left, right):
        compared.append((len(left), len(right)))
        return left == right

    monkeypatch.setattr(known_keys.hmac, "compare_digest", noted)
    for text in (api_keys.generate().text, api_keys.Key(api_keys.parse(owner.key).key_id, "b" * 32).text):
        Api(text).get("/api/v1/jobs")
    assert compared.count((32, 32)) == 2
