"""/audit-events: what was changed is found, page by page, and exported so that it can be verified."""

from __future__ import annotations

import csv
import io
import json

import pytest

from tenants.services import audit_export
from tests.support import rows, trail
from tests.support.actors import Api

EVENTS = "/api/v1/audit-events"
KEYS = "/api/v1/api-keys"


@pytest.fixture
def made(owner):
    """The ids of three keys, made and in part revoked."""
    keys = [owner.api.post(KEYS, {"name": f"key {n}", "scopes": ["jobs:read"]}).json()["id"] for n in range(3)]
    owner.api.delete(f"{KEYS}/{keys[0]}")
    return keys


def found(api, **query):
    answer = api.get(EVENTS, **query)
    assert answer.status_code == 200, answer.json()
    return [(row["action"], row["object_id"]) for row in answer.json()["data"]]


def parts(answer):
    assert answer.status_code == 200
    return b"".join(answer.streaming_content)


def test_changes_are_listed_newest_first_with_old_and_new_values_and_who_made_them(owner, made):
    first, *_ = answer = owner.api.get(EVENTS).json()["data"]
    assert [row["action"] for row in answer] == ["api_key.revoked", *["api_key.created"] * 3]
    assert first["object_id"] == made[0]
    assert first["actor"] == "key:" + owner.key.split("_")[1]
    assert (first["address"], first["reason"], first["seal"]) == ("127.0.0.1", "", None)
    assert list(first["changes"]) == ["revoked_at"]
    assert answer[-1]["changes"] == {
        "name": [None, "key 0"], "scopes": [None, ["jobs:read"]], "expires_at": [None, None],
    }  # fmt: skip
    assert owner.api.get(f"{EVENTS}/{first['id']}").json() == first


def test_a_row_has_its_seal_within_the_tenants_chain(owner, made):
    trail.sealed(trail.tenant())
    last = owner.api.get(EVENTS).json()["data"][0]
    assert last["seal"]["position"] == 4
    assert len(last["seal"]["seal"]) == 64
    anchor = owner.api.get(f"{EVENTS}/head").json()["anchor"]
    assert anchor == f"{owner.tenant.id}:4:{last['seal']['seal']}"


def test_a_tenant_without_seals_has_no_head(outsider):
    assert outsider.api.get(f"{EVENTS}/head").json() == {"anchor": None}


def test_each_filter_narrows_to_what_it_names(owner, made):
    data = owner.api.get(EVENTS).json()["data"]
    assert found(owner.api, action="api_key.revoked") == [("api_key.revoked", made[0])]
    assert len(found(owner.api, object_type="api_key")) == 4
    assert found(owner.api, object_type="job") == []
    assert found(owner.api, object_type="api_key", object_id=made[2]) == [("api_key.created", made[2])]
    assert len(found(owner.api, actor=data[0]["actor"])) == 4
    assert found(owner.api, actor="system") == []
    assert found(owner.api, request_id=data[1]["request_id"]) == [("api_key.created", made[2])]
    middle = {"at[gte]": data[2]["at"], "at[lte]": data[1]["at"]}
    assert found(owner.api, **middle) == [("api_key.created", made[2]), ("api_key.created", made[1])]
    assert found(owner.api, **{"at[gte]": "2199-01-01T00:00:00Z"}) == []
    assert len(found(owner.api, **{"at[gte]": "1970-01-01T00:00:00Z"})) == 4


def test_pages_follow_one_another(owner, made):
    first = owner.api.get(EVENTS, limit=3).json()
    second = owner.api.get(EVENTS, limit=3, cursor=first["next_cursor"]).json()
    assert (len(first["data"]), len(second["data"]), second["next_cursor"]) == (3, 1, None)


@pytest.mark.parametrize("query", [{"actr": "x"}, {"at[gte]": "yesterday"}, {"limit": "0"}, {"actor": "a\0b"}])
def test_a_filter_that_means_nothing_is_refused(owner, query):
    assert owner.api.get(EVENTS, **query).status_code in (400, 422)
    assert owner.api.get(f"{EVENTS}/export", **query).status_code in (400, 422)


def test_nobody_writes_here(owner, made):
    event = owner.api.get(EVENTS).json()["data"][0]["id"]
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        assert owner.api.send(method, f"{EVENTS}/{event}", {}).status_code == 405


def test_the_right_to_read_the_trail_is_enough(owner, made):
    key = owner.api.post(KEYS, {"name": "auditor", "scopes": ["audit:read"]}).json()["key"]
    assert len(found(Api(key))) == 5
    assert Api(key).get("/api/v1/jobs").status_code == 403


def test_an_export_holds_every_sealed_row_in_the_chains_order_and_is_in_the_trail(owner, made, monkeypatch):
    monkeypatch.setattr(audit_export, "PAGE", 3)
    trail.seal()
    answer = owner.api.get(f"{EVENTS}/export")
    assert answer["Content-Disposition"] == f'attachment; filename="audit-{owner.tenant.slug}.ndjson"'
    head, *lines, last = map(json.loads, parts(answer).splitlines())
    assert (head["tenant"], head["filters"]) == (str(owner.tenant.id), {})
    assert [line["seal"]["position"] for line in lines] == [1, 2, 3, 4]
    assert [line["event"]["object_id"] for line in lines] == [*made, made[0]]
    assert last["rows"] == 4
    assert last["head"] == owner.api.get(f"{EVENTS}/head").json()["anchor"]
    exported = owner.api.get(EVENTS).json()["data"][0]
    assert (exported["action"], exported["object_type"]) == ("audit_trail.exported", "audit_trail")
    assert exported["changes"] == {"format": "ndjson", "filters": {}}


def test_an_export_by_filters_tells_them(owner, made):
    answer = owner.api.get(f"{EVENTS}/export", action="api_key.revoked")
    head, line, last = map(json.loads, parts(answer).splitlines())
    assert head["filters"] == {"action": "api_key.revoked"}
    assert (line["event"]["object_id"], line["seal"], last["rows"]) == (made[0], None, 1)


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", " =1"])
def test_a_table_calculates_nothing(owner, name):
    trail.sealed(owner.tenant, reason=name, changes={"name": [None, name]})
    (text,) = [parts(owner.api.get(f"{EVENTS}/export", **{"as": "csv"})).decode()]
    row = next(csv.DictReader(io.StringIO(text)))
    assert row["reason"] == f"'{name}"
    assert json.loads(row["changes"]) == {"name": [None, name]}
    assert row["seal_position"] == "1"


@pytest.mark.parametrize("accepted", ["text/csv", "text/*;q=0.5", "application/x-ndjson, image/png"])
def test_who_accepts_files_alone_is_answered_with_one_and_refused_in_json(owner, made, accepted):
    ask = owner.api._client.get
    answer = ask(f"{EVENTS}/export", {"as": "csv"}, headers={"Accept": accepted})
    assert (answer.status_code, answer["Content-Type"]) == (200, "text/csv; charset=utf-8")
    refused = ask(f"{EVENTS}/export", {"as": "pdf"}, headers={"Accept": accepted})
    assert (refused.status_code, refused.json()["error"]["code"]) == (422, "VALIDATION_FAILED")
    assert ask(EVENTS, headers={"Accept": accepted}).status_code == 406


def test_an_unknown_form_is_refused(owner):
    assert owner.api.get(f"{EVENTS}/export", **{"as": "xlsx"}).status_code == 422


def test_another_tenants_rows_are_in_no_list_and_no_export(owner, outsider, made):
    trail.seal()
    assert found(outsider.api) == []
    assert b"api_key" not in parts(outsider.api.get(f"{EVENTS}/export"))
    assert b'"rows":2' in parts(outsider.api.get(f"{EVENTS}/export", object_type="audit_trail"))


def test_a_reason_given_with_a_request_is_in_the_rows_of_what_it_changes(owner):
    api = owner.api._client
    body = {"name": "ci", "scopes": ["jobs:read"]}
    reason = "Geprüft, ticket 12"
    answer = api.post(KEYS, body, "application/json", headers={"X-Audit-Reason": reason.encode().decode("latin-1")})
    assert answer.status_code == 201
    assert owner.api.get(EVENTS).json()["data"][0]["reason"] == reason


@pytest.mark.parametrize("reason", ["a\x07b", "x" * 501, "\xff"])
def test_a_reason_that_cannot_be_kept_is_refused_and_nothing_is_stored(owner, reason):
    before = rows.fetch("SELECT count(*) FROM api_key")
    answer = owner.api._client.post(
        KEYS, {"name": "ci", "scopes": ["jobs:read"]}, "application/json", headers={"X-Audit-Reason": reason}
    )
    assert (answer.status_code, list(answer.json()["error"]["details"])) == (422, ["X-Audit-Reason"])
    assert answer["X-Request-Id"] == answer.json()["error"]["request_id"]
    assert rows.fetch("SELECT count(*) FROM api_key") == before
