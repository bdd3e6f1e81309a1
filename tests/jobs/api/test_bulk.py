"""The same done to many executions: what is asked for, what is refused, and what it comes to."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest

from jobs.rules import identity
from tests.support import many, rows
from tests.support.actors import with_scopes
from tests.support.operations import BULK, bulk, drive, seen, state, steps


@pytest.fixture
def job(owner):
    return rows.job(owner.tenant.id)


def states(of) -> dict[str, int]:
    return dict(rows.fetch("SELECT state, count(*) FROM execution WHERE job_id = %s GROUP BY 1", of[0]))


def refused(owner, **body) -> tuple[int, dict[str, list[str]]]:
    answer = owner.api.post(BULK, {"reason": "because", **body})
    return answer.status_code, answer.json()["error"]["details"]


def test_what_waits_is_cancelled_and_what_runs_is_asked_to_stop(owner, job):
    for word in ("scheduled", "blocked", "pending", "queued", "running", "succeeded"):
        rows.execution(job, word)
    operation = bulk(owner, "cancel", filter={"job": str(job[0])})
    assert (operation["state"], operation["matched"], operation["matched_is_capped"]) == ("running", 5, False)
    assert drive(operation) == "succeeded"
    assert states(job) == {"cancelled": 4, "running": 1, "succeeded": 1}
    assert rows.fetch(
        "SELECT count(*) FROM execution WHERE job_id = %s AND cancel_requested_at IS NOT NULL", job[0]
    ) == [(1,)]
    told = seen(owner, operation)
    assert (told["done"], told["failed"], told["left_out"], told["allowed_actions"]) == (5, 0, {}, [])
    assert rows.fetch("SELECT count(*) FROM event WHERE job_id = %s AND kind = 'execution.cancelled'", job[0]) == [(4,)]


def test_a_dry_run_shows_no_execution_to_who_may_read_none(owner, job):
    rows.execution(job, "failed")
    narrow = with_scopes(owner, ["executions:run"])
    for who, shown in ((owner, 1), (narrow, 0)):
        told = who.api.post(f"{BULK}?dry_run=true", {"action": "replay", "filter": {"state": "failed"}}).json()
        assert (told["matched"], len(told["sample"])) == (1, shown)


def test_the_trail_tells_of_the_operation_and_of_each_execution(owner, job):
    execution = rows.execution(job, "pending")
    operation = bulk(owner, "cancel", filter={"state": "pending"})
    drive(operation)
    trail = rows.fetch(
        "SELECT action, actor, reason, changes FROM audit_event WHERE object_id = ANY(%s) ORDER BY id", [operation["id"], str(execution)]
    )  # fmt: skip
    author = "key:" + owner.key.split("_")[1]
    assert [row[:3] for row in trail] == [
        ("operation.created", author, "because"),
        ("execution.cancel_requested", author, "because"),
        ("operation.succeeded", "system", "because"),
    ]
    assert trail[1][3]["operation"] == [None, operation["id"]]
    assert trail[2][3]["done"] == [0, 1]


def test_executions_made_later_are_not_touched(owner, job):
    rows.execution(job, "pending")
    operation = bulk(owner, "cancel", filter={"state": "pending"})
    rows.execution(job, "pending")
    rows.execution(job, "pending", id=identity.request_id(rows.now() - timedelta(hours=1)))  # a slot that was caught up
    drive(operation)
    assert states(job) == {"cancelled": 1, "pending": 2}


def test_a_relative_instant_is_made_absolute(owner, job):
    old = rows.execution(job, "failed", id=identity.request_id(rows.now() - timedelta(hours=3)))
    new = rows.execution(job, "failed", id=identity.request_id(rows.now() - timedelta(hours=1)))
    operation = bulk(owner, "replay", filter={"job": str(job[0]), "created_at[gte]": "-2h"})
    assert operation["filter"]["created_at[gte]"].endswith("Z")
    drive(operation)
    assert rows.fetch("SELECT replay_of FROM execution WHERE job_id = %s AND trigger = 'replay'", job[0]) == [(new,)]
    assert old != new


def test_a_dry_run_counts_shows_the_first_and_stores_nothing(owner, job):
    first = many.executions(job, 7, "pending")
    answer = owner.api.post(f"{BULK}?dry_run=true", {"action": "cancel", "filter": {"state": ["pending"]}})
    told = answer.json()
    assert (answer.status_code, told["matched"], told["matched_is_capped"]) == (200, 7, False)
    assert [row["id"] for row in told["sample"]] == [str(key) for key in sorted(first, key=lambda key: key.int)[:5]]
    assert rows.fetch("SELECT count(*) FROM operation WHERE tenant_id = %s", owner.tenant.id) == [(0,)]
    assert states(job) == {"pending": 7}


def test_a_filter_that_matches_nothing_has_succeeded_at_once(owner, job):
    operation = bulk(owner, "cancel", filter={"job": str(job[0])})
    assert (operation["state"], operation["matched"], operation["done"]) == ("succeeded", 0, 0)


def test_those_named_are_done_and_others_left_out_with_their_reasons(owner, outsider, job):
    waiting, ended = rows.execution(job, "pending"), rows.execution(job, "succeeded")
    foreign = rows.execution(rows.job(outsider.tenant.id), "pending")
    ids = [str(key) for key in (waiting, ended, foreign, uuid4())]
    operation = bulk(owner, "cancel", ids=ids)
    assert drive(operation) == "succeeded"
    told = seen(owner, operation)
    assert (told["ids"], told["matched"], told["done"], told["left_out"]) == (4, 4, 1, {"ENDED": 1, "NOT_FOUND": 2})
    assert rows.state_of(foreign) == "pending"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"action": "cancel"}, "filter"),
        ({"action": "cancel", "filter": {}}, "filter"),
        ({"action": "nonsense", "all": True}, "action"),
        ({"action": "cancel", "ids": [], "reason": "x"}, "ids"),
        ({"action": "cancel", "ids": ["1"]}, "ids"),
        ({"action": "cancel", "ids": [str(uuid4())], "filter": {"state": "pending"}}, "ids"),
        ({"action": "cancel", "ids": [str(uuid4())], "all": True}, "ids"),
        ({"action": "cancel", "filter": {"state": "failed"}}, "filter.state"),
        ({"action": "replay", "filter": {"state": ["failed", "running"]}}, "filter.state"),
        ({"action": "cancel", "filter": {"state": "nonsense"}}, "filter.state"),
        ({"action": "cancel", "filter": {"state": 1}}, "filter.state"),
        ({"action": "cancel", "filter": {"state": []}}, "filter.state"),
        ({"action": "cancel", "filter": {"nonsense": "x"}}, "filter.nonsense"),
        ({"action": "cancel", "filter": {"tenant": "x"}}, "filter.tenant"),
        ({"action": "cancel", "filter": {"limit": "5"}}, "filter.limit"),
        ({"action": "cancel", "filter": {"job": "no such job"}}, "filter.job"),
        ({"action": "cancel", "filter": {"job": "a\0b"}}, "filter.job"),
        ({"action": "cancel", "filter": {"created_at[gte]": "yesterday"}}, "filter.created_at[gte]"),
        ({"action": "cancel", "filter": []}, "filter"),
        ({"action": "cancel", "all": True, "payload": {"a": 1}}, "payload"),
        ({"action": "cancel", "all": True, "reason": " "}, "reason"),
        ({"action": "cancel", "all": True, "reason": "x" * 501}, "reason"),
        ({"action": "cancel", "all": True, "rate_per_second": 0}, "rate_per_second"),
        ({"action": "cancel", "all": True, "rate_per_second": 501}, "rate_per_second"),
        ({"action": "cancel", "all": True, "rate_per_second": "fast"}, "rate_per_second"),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_refused_by_its_field(owner, body, field):
    status, details = refused(owner, **body)
    assert status in (400, 422)
    assert any(name == field or name.startswith(f"{field}[") for name in details), details


def test_everything_must_be_said(owner, job):
    rows.execution(job, "pending")
    assert bulk(owner, "cancel", all=True)["matched"] == 1


def test_the_header_says_why_where_the_body_does_not(owner, job):
    rows.execution(job, "pending")
    headers = {"X-Audit-Reason": "as the header says"}
    sent = {"action": "cancel", "all": True}
    made = owner.api._client.post(BULK, sent, content_type="application/json", headers=headers).json()
    assert made["reason"] == "as the header says"


def test_a_paused_one_takes_no_step_and_goes_on_where_it_was(owner, job):
    many.executions(job, 250, "pending")
    operation = bulk(owner, "cancel", all=True)
    path = f"/api/v1/operations/{operation['id']}"
    steps(operation, 1)
    paused = owner.api.post(f"{path}/pause").json()
    assert (paused["state"], paused["done"], paused["allowed_actions"]) == ("paused", 100, ["resume", "cancel"])
    assert steps(operation, 3) == 0
    assert states(job) == {"cancelled": 100, "pending": 150}
    assert owner.api.post(f"{path}/pause").json()["error"]["code"] == "INVALID_STATE"
    assert owner.api.post(f"{path}/resume").json()["state"] == "running"
    assert drive(operation) == "succeeded"
    assert (states(job), seen(owner, operation)["done"]) == ({"cancelled": 250}, 250)


def test_an_aborted_one_leaves_the_rest_as_it_is(owner, job):
    many.executions(job, 150, "pending")
    operation = bulk(owner, "cancel", all=True)
    steps(operation, 1)
    path = f"/api/v1/operations/{operation['id']}"
    assert owner.api.post(f"{path}/cancel").json()["state"] == "aborted"
    assert steps(operation, 3) == 0
    assert states(job) == {"cancelled": 100, "pending": 50}
    for action in ("pause", "resume", "cancel"):
        answer = owner.api.post(f"{path}/{action}")
        assert (answer.status_code, answer.json()["error"]["details"]["allowed_actions"]) == (409, [])
    assert owner.api.patch(path, {"rate_per_second": 5}).status_code == 409


def test_the_rate_is_changed_under_way(owner, job):
    many.executions(job, 30, "pending")
    operation = bulk(owner, "cancel", all=True, rate_per_second=50)
    steps(operation, 1)
    path = f"/api/v1/operations/{operation['id']}"
    assert owner.api.get(path).json()["done"] == 10
    assert owner.api.patch(path, {"rate_per_second": 5}).json()["rate_per_second"] == 5
    steps(operation, 1)
    assert owner.api.get(path).json()["done"] == 11


def test_a_suspended_tenant_holds_its_operations(owner, job):
    rows.execution(job, "pending")
    operation = bulk(owner, "cancel", all=True)
    rows.change("UPDATE tenant SET state = 'suspended' WHERE id = %s", owner.tenant.id)
    steps(operation, 2)
    assert (state(operation), states(job)) == ("running", {"pending": 1})
    rows.change("UPDATE tenant SET state = 'active' WHERE id = %s", owner.tenant.id)
    assert drive(operation) == "succeeded"


@pytest.mark.parametrize("change", ["revoked_at = now()", "expires_at = now()", "scopes = ARRAY['executions:read']"])
def test_a_key_that_may_no_longer_ends_what_it_asked_for(owner, job, change):
    rows.execution(job, "pending")
    operation = bulk(owner, "cancel", all=True)
    rows.change(f"UPDATE api_key SET {change} WHERE key_id = %s", owner.key.split("_")[1])
    assert drive(operation) == "aborted"
    assert rows.fetch("SELECT ended_because FROM operation WHERE id = %s", operation["id"]) == [("AUTHOR_LOST_RIGHTS",)]
    assert states(job) == {"pending": 1}


def test_all_is_all_of_ones_own(owner, outsider, job):
    theirs = rows.execution(rows.job(outsider.tenant.id), "pending")
    rows.execution(job, "pending")
    operation = bulk(owner, "cancel", all=True)
    drive(operation)
    assert (states(job), rows.state_of(theirs)) == ({"cancelled": 1}, "pending")
    path = f"/api/v1/operations/{operation['id']}"
    assert outsider.api.get(path).status_code == 404
    assert outsider.api.post(f"{path}/cancel").status_code == 404
    assert outsider.api.get("/api/v1/operations").json()["data"] == []


def test_who_may_only_look_starts_nothing_and_sees_it(owner, teammate, job):
    assert teammate.api.post(BULK, {"action": "cancel", "all": True}).status_code == 403
    assert teammate.api.post(f"{BULK}?dry_run=true", {"action": "cancel", "all": True}).status_code == 403
    operation = bulk(owner, "cancel", all=True)
    assert teammate.api.get(f"/api/v1/operations/{operation['id']}").status_code == 200


def test_a_tenant_has_only_so_many_under_way(owner, job, monkeypatch):
    monkeypatch.setattr("jobs.services.operations.MOST_UNFINISHED", 1)
    rows.execution(job, "pending")
    bulk(owner, "cancel", all=True)
    answer = owner.api.post(BULK, {"action": "cancel", "all": True, "reason": "x"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "CONFLICT")


def test_operations_are_listed_by_state_and_kind(owner, job):
    rows.execution(job, "pending")
    running, ended = bulk(owner, "cancel", all=True), bulk(owner, "replay", all=True)
    listed = owner.api.get("/api/v1/operations").json()["data"]
    assert [row["id"] for row in listed] == [ended["id"], running["id"]]
    for query, found in (({"state": "running"}, running), ({"kind": "replay"}, ended)):
        assert [row["id"] for row in owner.api.get("/api/v1/operations", **query).json()["data"]] == [found["id"]]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"filter": {"state": "failed"}, "payload": {"result": "x" * 128 * 1024}}, "payload"),
        ({"filter": {"error_code": ["x" * 501]}}, "filter.error_code"),
    ],
)
def test_what_is_stored_with_an_operation_and_listed_is_bounded(owner, body, field):
    assert refused(owner, action="replay", **body)[0] == 422
    assert list(refused(owner, action="replay", **body)[1]) == [field]
