"""/api-keys: shown once, stored as a hash, refused once revoked."""

from __future__ import annotations

import pytest

from tests.support import rows
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
