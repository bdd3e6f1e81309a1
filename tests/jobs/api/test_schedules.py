"""/schedules: their life apart from their job's."""

from __future__ import annotations

import pytest

from tests.support import rows

CRON = {"kind": "cron", "expression": "30 2 * * *", "timezone": "Europe/Berlin"}


@pytest.fixture
def schedule(owner, make_job):
    make_job()
    answer = owner.api.post("/api/v1/schedules", {"job": "nightly", **CRON})
    assert answer.status_code == 201, answer.json()
    return answer.json()


def test_schedule_is_added_to_a_job_named_by_id_or_name(owner, make_job):
    job = make_job()
    for name in (job["id"], "nightly"):
        added = owner.api.post("/api/v1/schedules", {"job": name, **CRON}).json()
        assert added["job"] == job["id"]
    assert len(owner.api.get("/api/v1/jobs/nightly").json()["schedules"]) == 2


def test_interval_without_an_anchor_is_counted_from_now(owner, make_job):
    make_job()
    added = owner.api.post("/api/v1/schedules", {"job": "nightly", "kind": "interval", "interval_seconds": 60}).json()
    assert added["start_at"] is not None
    assert added["next_run_at"] > added["start_at"]


def test_changed_rule_is_planned_anew_and_answers_with_its_next_run(owner, schedule):
    path = f"/api/v1/schedules/{schedule['id']}"
    changed = owner.api.patch(path, {"expression": "45 2 * * *"}).json()
    assert changed["expression"] == "45 2 * * *"
    assert ":45:00Z" in changed["next_run_at"]
    assert changed["timezone"] == "Europe/Berlin"


def test_kind_changes_together_with_its_fields(owner, schedule):
    path = f"/api/v1/schedules/{schedule['id']}"
    assert owner.api.patch(path, {"kind": "once", "run_at": "2100-01-01T00:00:00Z"}).status_code == 422
    changed = owner.api.patch(path, {"kind": "once", "run_at": "2100-01-01T00:00:00Z", "expression": None}).json()
    assert (changed["kind"], changed["expression"], changed["next_run_at"]) == ("once", None, "2100-01-01T00:00:00Z")


def test_schedule_that_becomes_an_interval_is_counted_from_now(owner, schedule):
    path = f"/api/v1/schedules/{schedule['id']}"
    changed = owner.api.patch(path, {"kind": "interval", "interval_seconds": 60, "expression": None}).json()
    assert changed["start_at"] is not None
    assert owner.api.get(path).json()["start_at"] == changed["start_at"]


def test_paused_schedule_is_held_until_resumed(owner, schedule):
    path = f"/api/v1/schedules/{schedule['id']}"
    assert owner.api.post(f"{path}/resume").json()["error"]["details"] == {
        "state": "active",
        "allowed_actions": ["pause"],
    }
    paused = owner.api.post(f"{path}/pause").json()
    assert (paused["state"], paused["next_run_at"], paused["allowed_actions"]) == ("paused", None, ["resume"])
    assert rows.fetch("SELECT due_at FROM schedule WHERE id = %s", schedule["id"]) == [(None,)]
    assert owner.api.patch(path, {"expression": "0 0 * * *"}).json()["state"] == "paused"
    assert owner.api.post(f"{path}/resume").json()["state"] == "active"


def test_ended_schedule_goes_on_with_a_new_rule(owner, schedule):
    rows.change("UPDATE schedule SET state = 'ended', due_at = NULL WHERE id = %s", schedule["id"])
    changed = owner.api.patch(f"/api/v1/schedules/{schedule['id']}", {"expression": "0 0 * * *"}).json()
    assert (changed["state"], changed["problem"]) == ("active", "")
    assert changed["next_run_at"] is not None


def test_deleted_schedule_is_gone_and_its_executions_stay(owner, schedule):
    execution = rows.execution(
        (schedule["job"], owner.tenant.id), "succeeded", schedule_id=schedule["id"], trigger="schedule"
    )
    path = f"/api/v1/schedules/{schedule['id']}"
    listed = owner.api.get(f"{path}/executions").json()["data"]
    assert [row["id"] for row in listed] == [str(execution)]
    assert owner.api.delete(path).status_code == 204
    assert owner.api.get(path).status_code == 404
    assert owner.api.get("/api/v1/executions", schedule=schedule["id"]).json()["data"][0]["id"] == str(execution)


def test_schedule_of_a_job_that_is_not_there_is_not_found(owner):
    answer = owner.api.post("/api/v1/schedules", {"job": "nightly", **CRON})
    assert (answer.status_code, list(answer.json()["error"]["details"])) == (404, ["job"])
