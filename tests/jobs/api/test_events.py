"""``/events`` over HTTP: telling of one, and asking later what became of it."""

from __future__ import annotations

from uuid import uuid4

import pytest

from tests.support import actors, rows

EVENT = {"kind": "event", "event": "order.paid", "event_filter": "event.payload.total > 100"}


@pytest.fixture
def job(make_job):
    return make_job(schedules=[EVENT])


def test_an_event_is_answered_with_what_it_started(owner, job):
    answer = owner.api.post("/api/v1/events", {"name": "order.paid", "payload": {"total": 120.5}})
    received = answer.json()
    assert (answer.status_code, answer["Location"]) == (202, f"/api/v1/events/{received['id']}")
    [started] = received["started"]
    assert (started["schedule"], started["job_name"]) == (job["schedules"][0]["id"], "nightly")
    run = owner.api.get(f"/api/v1/executions/{started['execution']}").json()
    assert (run["trigger"], run["event"]["payload"], run["event"]["id"]) == ("event", {"total": 120.5}, received["id"])
    assert owner.api.get(f"/api/v1/events/{received['id']}").json() == received


def test_why_nothing_ran_is_found_the_morning_after(owner, job):
    owner.api.post("/api/v1/events", {"name": "order.paid", "payload": {"total": 5}})
    owner.api.post("/api/v1/events", {"name": "order.payed"})
    [found] = owner.api.get("/api/v1/events", name="order.paid").json()["data"]
    assert found["outcome"] == "left_out"
    assert [(left["reason"], left["message"], left["detail"]) for left in found["left_out"]] == [
        ("FILTER", "its filter does not take it", "event.payload.total > 100")
    ]
    [other] = owner.api.get("/api/v1/events", outcome="unmatched").json()["data"]
    assert other["name"] == "order.payed"


def test_why_a_filter_failed_is_told_to_those_who_may_read_payloads(owner, make_job):
    make_job(schedules=[{**EVENT, "event_filter": "event.payload.seen[event.payload.card] == 1"}])
    owner.api.post("/api/v1/events", {"name": "order.paid", "payload": {"card": "4711-0815", "seen": {"eve@x": 1}}})

    def told(actor):
        return actor.api.get("/api/v1/events").json()["data"][0]["left_out"][0]

    assert "4711-0815" in told(owner)["detail"]
    stranger = told(actors.with_scopes(owner, ["executions:read"]))
    assert (stranger["reason"], stranger["detail"]) == ("FILTER_FAILED", "")


def test_a_repeated_request_sends_its_event_once(owner, job):
    body = {"name": "order.paid", "payload": {"total": 101}}
    answers = [owner.api.ask("post", "/api/v1/events", body, Idempotency_Key="k") for _ in range(2)]
    assert [answer.status_code for answer in answers] == [202, 202]
    assert answers[0].json() == answers[1].json()
    assert len(owner.api.get("/api/v1/executions").json()["data"]) == 1


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({}, 422, "name"),
        ({"name": "a b"}, 422, "name"),
        ({"name": "a.*"}, 422, "name"),
        ({"name": "a", "payload": []}, 422, "payload"),
        ({"name": "a", "payload": {"x": "y" * 131_073}}, 422, "payload"),
        ({"name": "a", "dedup_key": "x" * 201}, 422, "dedup_key"),
        ({"name": "a", "event": 1}, 400, "event"),
    ],
)
def test_a_bad_event_is_refused_by_field(owner, body, status, field):
    answer = owner.api.post("/api/v1/events", body)
    assert (answer.status_code, list(answer.json()["error"]["details"])) == (status, [field])
    assert owner.api.get("/api/v1/events").json()["data"] == []


def test_a_bad_filter_is_refused_with_its_place(make_job, owner):
    make_job()
    answer = owner.api.post(
        "/api/v1/schedules", {**EVENT, "job": "nightly", "event_filter": "event.payload.a == 1 and payload.b == 2"}
    )
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (422, "INVALID_SCHEDULE")
    assert error["details"]["event_filter"] == ["payload cannot be read here, only event (at character 26)"]


def test_a_schedule_that_waits_is_stored_listed_and_explained_like_any_other(owner, job):
    [stored] = owner.api.get("/api/v1/schedules", job="nightly").json()["data"]
    assert {name: stored[name] for name in EVENT} == EVENT
    assert (stored["state"], stored["next_run_at"]) == ("active", None)
    assert owner.api.get("/api/v1/jobs/nightly/next").json()["data"] == []
    told = owner.api.get(f"/api/v1/schedules/{stored['id']}/explain").json()
    assert [each["message"] for each in told["reasons"] if each["code"] == "WAITS_FOR_EVENT"] == [
        "It waits for the event order.paid. Send one at POST /events, or through a hook."
    ]
    preview = {"kind": "event", "event": "order.*"}
    assert owner.api.post("/api/v1/schedules/preview", preview).json()["next"] == []


def test_payloads_of_events_are_null_without_their_scope(owner, teammate, job):
    owner.api.post("/api/v1/events", {"name": "order.paid", "payload": {"total": 1000}})
    [run] = teammate.api.get("/api/v1/executions").json()["data"]
    assert run["event"] is None
    [run] = owner.api.get("/api/v1/executions").json()["data"]
    assert run["event"]["payload"] == {"total": 1000}


def test_another_tenants_schedules_do_not_hear_of_it(outsider, job):
    assert (
        outsider.api.post("/api/v1/events", {"name": "order.paid", "payload": {"total": 999}}).json()["outcome"]
        == "unmatched"
    )


def test_a_suspended_tenant_sends_nothing(owner, job):
    rows.change("UPDATE tenant SET state = 'suspended' WHERE id = %s", owner.tenant.id)
    assert owner.api.post("/api/v1/events", {"name": "order.paid"}).status_code == 403
    assert owner.api.get(f"/api/v1/events/{uuid4()}").status_code == 403
