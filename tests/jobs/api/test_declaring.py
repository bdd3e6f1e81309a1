"""A job put by its name: made, made over, or left alone."""

from __future__ import annotations

import pytest

from tests.support import rows

CRON = {"kind": "cron", "expression": "0 0 * * *"}
NIGHTLY = "/api/v1/jobs/nightly"
WHOLE = {
    "type": "http", "payload": {"url": "https://example.com", "headers": {"A": "1"}}, "tags": ["b", "a"], "priority": 7,
    "retry": {"max_attempts": 5}, "timeout_seconds": 9, "description": "d", "schedules": [CRON, {"kind": "interval", "interval_seconds": 60}],
}  # fmt: skip


def put(owner, body, **headers):
    answer = owner.api.ask("put", NIGHTLY, body, **headers)
    assert answer.status_code in (200, 201), answer.content
    return answer


def written(owner):
    """What a change leaves behind."""
    tables = ("job_revision", "audit_event", "event")
    left = [rows.fetch(f"SELECT count(*) FROM {table} WHERE tenant_id = %s", owner.tenant.id) for table in tables]
    stamps = rows.fetch(
        "SELECT j.updated_at, j.xmin::text, s.updated_at, s.id FROM job j LEFT JOIN schedule s ON s.job_id = j.id"
        " WHERE j.tenant_id = %s ORDER BY s.id",
        owner.tenant.id,
    )
    return left, stamps


def test_first_it_is_created_then_unchanged_then_updated(owner):
    made = put(owner, WHOLE)
    assert (made.status_code, made.json()["outcome"], made.json()["name"]) == (201, "created", "nightly")
    before = written(owner)
    again = put(owner, {**WHOLE, "name": "nightly"})
    assert (again.status_code, again.json()["outcome"]) == (200, "unchanged")
    assert written(owner) == before
    assert again.json() | {"outcome": "created"} == made.json()
    assert again["ETag"] == made["ETag"]
    changed = put(owner, {**WHOLE, "priority": 8})
    assert (changed.json()["outcome"], changed.json()["priority"], changed.json()["revision"]) == ("updated", 8, 1)


def test_what_is_left_out_has_its_default_again(owner):
    rows.change(
        "UPDATE tenant SET default_timeout_seconds = 77, default_timezone = 'Asia/Tokyo' WHERE id = %s", owner.tenant.id
    )
    put(owner, WHOLE)
    job = put(owner, {"type": "http", "payload": {"url": "https://example.com"}}).json()
    told = {name: job[name] for name in ("priority", "tags", "description", "timeout_seconds", "payload", "revision")}
    assert told == {
        "priority": 5, "tags": [], "description": "", "timeout_seconds": 77, "payload": {"url": "https://example.com"}, "revision": 2,
    }  # fmt: skip
    assert job["retry"]["max_attempts"] == 3
    assert len(job["schedules"]) == 2
    assert (
        put(owner, {**WHOLE, "schedules": [{**CRON, "misfire": "all"}]}).json()["schedules"][0]["timezone"]
        == "Asia/Tokyo"
    )


def test_schedules_become_exactly_the_set_and_equal_ones_stay_what_they_are(owner):
    first, second = put(owner, WHOLE).json()["schedules"]
    owner.api.post(f"/api/v1/schedules/{first['id']}/pause")
    later = {"kind": "cron", "expression": "0 5 * * *"}
    job = put(owner, {**WHOLE, "schedules": [later, {"kind": "interval", "interval_seconds": 30}, CRON]}).json()
    stored = {schedule["id"]: schedule for schedule in job["schedules"]}
    assert (stored[first["id"]]["state"], stored[first["id"]]["expression"]) == ("paused", "0 0 * * *")
    assert stored[second["id"]]["interval_seconds"] == 30
    assert len(stored) == 3
    assert put(owner, {**WHOLE, "schedules": []}).json()["schedules"] == []


def test_a_job_that_is_held_stays_held(owner):
    put(owner, WHOLE)
    owner.api.post(f"{NIGHTLY}/disable")
    assert put(owner, {**WHOLE, "priority": 2}).json()["state"] == "disabled"


def test_an_id_is_no_name_and_the_body_names_no_other_job(owner, make_job):
    job = make_job()
    answer = owner.api.put(f"/api/v1/jobs/{job['id']}", {"type": "dummy", "priority": 9})
    assert answer.status_code == 404
    assert "by its name" in answer.json()["error"]["message"]
    answer = owner.api.put(NIGHTLY, {"type": "dummy", "name": "weekly"})
    assert (answer.status_code, list(answer.json()["error"]["details"])) == (422, ["name"])
    assert owner.api.get(NIGHTLY).json() == job


@pytest.mark.parametrize(
    ("name", "status"), [("%20", 422), ("-", 422), ("a%09b", 422), ("x" * 201, 422), ("a%20", 422), ("a%00b", 404), ("a%2Fb", 404)]
)  # fmt: skip
def test_a_name_that_cannot_be_is_refused(owner, name, status):
    assert owner.api.put(f"/api/v1/jobs/{name}", {"type": "dummy"}).status_code == status


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"priority": 99}, "priority"), ({"payload": {}}, "payload.url"), ({"type": "dummy"}, "payload.url"), ({"type": None}, "type"),
        ({"schedules": [CRON, {**CRON, "expression": "?"}]}, "schedules[1].expression"), ({"description": None}, "description"),
        ({"schedules": [{**CRON, "payload": {"nonsense": 1}}]}, "schedules[0].payload.nonsense"), ({"queue": "nowhere"}, "queue"),
        ({"schedules": None}, "schedules"),
    ],
)  # fmt: skip
def test_a_refused_declaration_changes_nothing(owner, change, field):
    put(owner, WHOLE)
    before = owner.api.get(NIGHTLY).json(), written(owner)
    answer = owner.api.put(NIGHTLY, {**WHOLE, "priority": 1, **change})
    assert answer.status_code in (400, 422), answer.content
    assert field in answer.json()["error"]["details"]
    assert (owner.api.get(NIGHTLY).json(), written(owner)) == before


def test_a_schedule_that_stays_must_fit_what_the_job_becomes(owner):
    overriding = {**CRON, "payload": {"url": "https://example.com/other"}}
    put(owner, {**WHOLE, "schedules": [overriding]})
    answer = owner.api.put(NIGHTLY, {"type": "dummy", "schedules": [overriding]})
    assert "schedules[0].payload.url" in answer.json()["error"]["details"]


def test_a_schedule_is_replaced_and_what_is_left_out_has_its_default(owner):
    rows.change("UPDATE tenant SET default_timezone = 'Asia/Tokyo' WHERE id = %s", owner.tenant.id)
    made = put(
        owner, {**WHOLE, "schedules": [{**CRON, "timezone": "UTC", "misfire": "all", "payload": {"query": {"a": "1"}}}]}
    ).json()
    path = f"/api/v1/schedules/{made['schedules'][0]['id']}"
    owner.api.post(f"{path}/pause")
    changed = owner.api.put(path, {"kind": "cron", "expression": "0 6 * * *"}).json()
    told = [changed[name] for name in ("outcome", "expression", "timezone", "misfire", "payload", "state")]
    assert told == ["updated", "0 6 * * *", "Asia/Tokyo", "last", None, "paused"]
    before = written(owner)
    assert owner.api.put(path, {"kind": "cron", "expression": "0 6 * * *"}).json()["outcome"] == "unchanged"
    assert written(owner) == before
    answer = owner.api.put(path, {"expression": "0 6 * * *"})
    assert (answer.status_code, list(answer.json()["error"]["details"])) == (422, ["kind"])


def test_once_that_has_run_stays_as_it_was_and_cannot_be_declared_anew(owner):
    once = {"kind": "once", "run_at": "2100-01-01T00:00:00Z"}
    job = put(owner, {**WHOLE, "schedules": [once]}).json()
    rows.change("UPDATE schedule SET run_at = '2026-01-01T00:00:00Z' WHERE job_id = %s", job["id"])
    rows.change("UPDATE schedule SET state = 'ended', due_at = NULL WHERE job_id = %s", job["id"])
    ran = {**once, "run_at": "2026-01-01T00:00:00Z"}
    assert put(owner, {**WHOLE, "schedules": [ran]}).json()["outcome"] == "unchanged"
    both = put(owner, {**WHOLE, "schedules": [once, ran]}).json()["schedules"]
    assert [each["state"] for each in both] == ["ended", "active"]
    assert len(put(owner, {**WHOLE, "schedules": [once]}).json()["schedules"]) == 1
    answer = owner.api.put(NIGHTLY, {**WHOLE, "schedules": [ran]})
    assert (answer.status_code, list(answer.json()["error"]["details"])) == (422, ["schedules[0].run_at"])


def test_a_quota_holds_for_what_is_put(owner):
    rows.change("UPDATE tenant SET max_jobs = 0 WHERE id = %s", owner.tenant.id)
    answer = owner.api.put(NIGHTLY, {"type": "dummy"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "QUOTA_EXCEEDED")
