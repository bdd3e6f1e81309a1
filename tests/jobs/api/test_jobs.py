"""/jobs: what a definition may say, what a change does, and which states allow what."""

from __future__ import annotations

import pytest

from tests.support import rows

HTTP = {"name": "report", "type": "http", "payload": {"url": "https://example.com/hook", "headers": {"A": "1"}}}
CRON = {"kind": "cron", "expression": "30 2 * * 1-5", "timezone": "Europe/Berlin"}


def test_created_job_answers_with_its_schedules_and_their_next_run(owner):
    answer = owner.api.post("/api/v1/jobs", {**HTTP, "tags": ["b", "a", "a"], "schedules": [CRON]})
    job = answer.json()
    assert answer.status_code == 201
    assert (job["state"], job["revision"], job["tags"]) == ("active", 1, ["a", "b"])
    assert job["schedules"][0]["next_run_at"].endswith("Z")
    assert job["retry"]["max_attempts"] == 3
    assert owner.api.get(f"/api/v1/jobs/{job['id']}").json() == job


def test_job_is_found_by_id_and_by_name(owner, make_job):
    job = make_job(name="Nightly report 7")
    assert owner.api.get(f"/api/v1/jobs/{job['id']}").json()["name"] == "Nightly report 7"
    assert owner.api.get("/api/v1/jobs/Nightly%20report%207").json()["id"] == job["id"]


@pytest.mark.parametrize("name", ["a/b", " ", "-", "0190a0a0-0000-7000-8000-000000000000", "a\tb", "x" * 201])
def test_name_that_could_not_stand_in_a_path_is_refused(owner, name):
    answer = owner.api.post("/api/v1/jobs", {"name": name, "type": "dummy"})
    assert answer.status_code == 422
    assert "name" in answer.json()["error"]["details"]


def test_patch_merges_objects_and_null_removes_a_key(owner):
    owner.api.post("/api/v1/jobs", HTTP)
    change = {"payload": {"method": "POST", "headers": {"A": None, "B": "2"}}, "retry": {"max_attempts": 5}}
    job = owner.api.patch("/api/v1/jobs/report", change).json()
    assert job["payload"] == {"url": "https://example.com/hook", "method": "POST", "headers": {"B": "2"}}
    assert (job["retry"]["max_attempts"], job["revision"]) == (5, 2)


def test_only_what_a_run_reads_makes_a_revision(owner, make_job):
    make_job(payload={"duration_seconds": 1})
    for change in ({"description": "d"}, {"max_running": 2}, {"priority": 7}, {"tags": ["x"]}, {"payload": {}}):
        assert owner.api.patch("/api/v1/jobs/nightly", change).json()["revision"] == 1
    assert owner.api.patch("/api/v1/jobs/nightly", {"timeout_seconds": 9}).json()["revision"] == 2
    revisions = owner.api.get("/api/v1/jobs/nightly/revisions").json()["data"]
    assert [(revision["number"], revision["timeout_seconds"]) for revision in revisions] == [(2, 9), (1, 300)]


def test_tags_are_replaced_whole(owner, make_job):
    make_job(tags=["a", "b"])
    assert owner.api.patch("/api/v1/jobs/nightly", {"tags": ["b", "c"]}).json()["tags"] == ["b", "c"]
    assert owner.api.patch("/api/v1/jobs/nightly", {"tags": []}).json()["tags"] == []


def test_patch_is_checked_as_a_whole_and_changes_nothing_when_refused(owner, make_job):
    before = make_job(payload={"duration_seconds": 1})
    answer = owner.api.patch("/api/v1/jobs/nightly", {"type": "http", "description": "new"})
    assert answer.status_code in (400, 422)
    assert owner.api.get("/api/v1/jobs/nightly").json() == before


def test_a_name_twice_is_a_conflict_that_names_the_field(owner, outsider, make_job):
    make_job()
    answer = owner.api.post("/api/v1/jobs", {"name": "nightly", "type": "dummy"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "CONFLICT")
    assert list(answer.json()["error"]["details"]) == ["name"]
    assert outsider.api.post("/api/v1/jobs", {"name": "nightly", "type": "dummy"}).status_code == 201


def test_renaming_to_a_taken_name_is_a_conflict(owner, make_job):
    make_job()
    make_job(name="weekly")
    assert owner.api.patch("/api/v1/jobs/weekly", {"name": "nightly"}).status_code == 409


def test_deleted_job_frees_its_name_ends_its_schedules_and_keeps_its_executions(owner, make_job):
    job = make_job(schedules=[CRON])
    execution = owner.api.post("/api/v1/jobs/nightly/trigger").json()
    assert owner.api.delete("/api/v1/jobs/nightly").status_code == 204
    assert owner.api.get(f"/api/v1/jobs/{job['id']}").status_code == 404
    assert owner.api.get(f"/api/v1/schedules/{job['schedules'][0]['id']}").status_code == 404
    assert owner.api.get("/api/v1/schedules").json()["data"] == []
    assert owner.api.get(f"/api/v1/executions/{execution['id']}").json()["job"]["name"] == "nightly"
    assert owner.api.get("/api/v1/executions", job=job["id"]).json()["data"][0]["id"] == execution["id"]
    make_job()
    due = rows.fetch("SELECT state, due_at FROM schedule WHERE job_id = %s", job["id"])
    assert due == [("deleted", None)]


STATES = {
    "active": {"trigger": 202, "pause": 200, "resume": 409, "disable": 200, "activate": 409},
    "paused": {"trigger": 202, "pause": 409, "resume": 200, "disable": 200, "activate": 200},
    "disabled": {"trigger": 409, "pause": 409, "resume": 409, "disable": 409, "activate": 200},
}


@pytest.mark.parametrize(("state", "action"), [(state, action) for state in STATES for action in STATES[state]])
def test_each_state_allows_its_actions_and_refuses_the_others(owner, make_job, state, action):
    job = make_job()
    rows.change("UPDATE job SET state = %s WHERE id = %s", state, job["id"])
    allowed = owner.api.get("/api/v1/jobs/nightly").json()["allowed_actions"]
    answer = owner.api.post(f"/api/v1/jobs/nightly/{action}")
    assert answer.status_code == STATES[state][action]
    assert (action in allowed) == (answer.status_code < 300)
    if answer.status_code == 409:
        error = answer.json()["error"]
        assert (error["code"], error["details"]) == ("INVALID_STATE", {"state": state, "allowed_actions": allowed})


def test_held_job_takes_its_schedules_out_of_planning_and_shows_no_next_run(owner, make_job):
    job = make_job(schedules=[CRON])
    owner.api.post("/api/v1/jobs/nightly/pause")
    held = owner.api.get("/api/v1/jobs/nightly").json()
    assert held["schedules"][0]["next_run_at"] is None
    assert owner.api.get("/api/v1/jobs/nightly/next").json()["data"] == []
    assert rows.fetch("SELECT due_at FROM schedule WHERE job_id = %s", job["id"]) == [(None,)]
    owner.api.post("/api/v1/jobs/nightly/resume")
    assert rows.fetch("SELECT due_at IS NULL FROM schedule WHERE job_id = %s", job["id"]) == [(False,)]


def test_next_runs_of_all_schedules_come_in_order(owner, make_job):
    weekly = {"kind": "cron", "expression": "0 12 * * 1", "timezone": "Asia/Tokyo"}
    job = make_job(schedules=[weekly, {"kind": "cron", "expression": "0 0 * * *"}])
    runs = owner.api.get("/api/v1/jobs/nightly/next", count=16).json()["data"]
    assert len(runs) == 16
    assert [run["at"] for run in runs] == sorted(run["at"] for run in runs)
    by_schedule = {run["schedule"]: run["local"][-14:] for run in runs}
    assert by_schedule[job["schedules"][0]["id"]] == "12:00:00+09:00"


def test_body_of_an_action_that_takes_none_is_refused(owner, make_job):
    make_job()
    answer = owner.api.post("/api/v1/jobs/nightly/pause", {"until": "tomorrow"})
    assert (answer.status_code, answer.json()["error"]["details"]) == (400, {"until": ["unknown field"]})
    assert owner.api.get("/api/v1/jobs/nightly").json()["state"] == "active"


def test_deleted_jobs_waiting_executions_are_cancelled(owner, make_job):
    job = make_job()
    waiting = owner.api.post(f"/api/v1/jobs/{job['id']}/trigger").json()["id"]
    assert owner.api.delete(f"/api/v1/jobs/{job['id']}").status_code == 204
    assert owner.api.get(f"/api/v1/executions/{waiting}").json()["state"] == "cancelled"
