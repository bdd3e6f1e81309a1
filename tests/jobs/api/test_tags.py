"""Tags over the API: which there are, holding what carries one, and what its executions say."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.support import people, rows, tags


@pytest.fixture
def tag(owner, make_job):
    """A tag with a slash of a job of the owner's, and that job."""
    job = make_job(tags=["vendor/x", "other"])
    return "vendor/x", job


def _named(actor, name):
    return next((row for row in actor.api.get("/api/v1/tags").json()["data"] if row["tag"] == name), None)


def test_tags_in_use_are_listed_with_how_many_jobs_carry_them(owner, outsider, tag, make_job):
    make_job(name="weekly", tags=["vendor/x"])
    found = owner.api.get("/api/v1/tags").json()["data"]
    assert [(row["tag"], row["jobs"], row["paused"]) for row in found] == [("other", 1, False), ("vendor/x", 2, False)]
    assert outsider.api.get("/api/v1/tags").json()["data"] == []
    owner.api.delete(f"/api/v1/jobs/{tag[1]['id']}")
    assert [row["tag"] for row in owner.api.get("/api/v1/tags").json()["data"]] == ["vendor/x"]


def test_a_pause_says_why_by_whom_and_until_when_everywhere(owner, tag):
    name, job = tag
    until = (rows.now() + timedelta(hours=1)).isoformat()
    paused = owner.api.post(f"/api/v1/tags/{name}/pause", {"reason": "The vendor is down.", "until": until})
    assert paused.status_code == 200, paused.content
    author = f"key:{owner.key.split('_')[1]}"
    said = {
        "paused": True,
        "reason": "The vendor is down.",
        "paused_by": author,
        "allowed_actions": ["pause", "resume"],
    }
    assert {field: paused.json()[field] for field in said} == said
    assert _named(owner, name) == paused.json()
    rows.worker()
    execution = rows.execution((job["id"], owner.tenant.id), "pending", waiting_on=f"tag:{job['id']}")
    explained = owner.api.get(f"/api/v1/executions/{execution}/explain").json()
    (reason,) = explained["reasons"]
    assert (reason["code"], reason["until"]) == ("TAG_PAUSED", paused.json()["until"])
    assert "vendor/x by API key test: The vendor is down" in explained["summary"]
    assert "TAG_PAUSED" in str(owner.api.get(f"/api/v1/jobs/{job['id']}/explain").json())


def test_runs_to_come_say_that_a_tag_holds_them_and_no_window(owner, make_job):
    job = make_job(tags=["a"], schedules=[{"kind": "cron", "expression": "0 0 * * *"}])
    owner.api.post("/api/v1/tags/a/pause", {"reason": "The vendor is down."})
    following = owner.api.get(f"/api/v1/jobs/{job['id']}/next?count=2").json()["data"]
    assert [run["note"] for run in following] == ["TAG_PAUSED"] * 2


def test_resuming_makes_it_go_on_and_looks_at_its_schedules_at_once(owner, make_job):
    job = make_job(tags=["a"], schedules=[{"kind": "cron", "expression": "0 0 * * *"}])
    owner.api.post("/api/v1/tags/a/pause", {"reason": "r"})
    rows.change("UPDATE schedule SET due_at = now() + interval '1 day' WHERE job_id = %s", job["id"])
    answer = owner.api.post("/api/v1/tags/a/resume", {})
    assert (answer.status_code, answer.json()["paused"], answer.json()["reason"]) == (200, False, None)
    assert rows.fetch("SELECT due_at <= now() FROM schedule WHERE job_id = %s", job["id"]) == [(True,)]
    again = owner.api.post("/api/v1/tags/a/resume", {})
    assert (again.status_code, again.json()["error"]["code"]) == (409, "INVALID_STATE")


def test_a_job_that_loses_a_paused_tag_has_its_schedules_looked_at(owner, make_job):
    job = make_job(tags=["a"], schedules=[{"kind": "cron", "expression": "0 0 * * *"}])
    owner.api.post("/api/v1/tags/a/pause", {"reason": "r"})
    rows.change("UPDATE schedule SET due_at = now() + interval '1 day' WHERE job_id = %s", job["id"])
    assert owner.api.patch(f"/api/v1/jobs/{job['id']}", {"tags": ["b"]}).status_code == 200
    assert rows.fetch("SELECT due_at <= now() FROM schedule WHERE job_id = %s", job["id"]) == [(True,)]


def test_a_pause_ends_by_the_clock(owner, make_job):
    job = make_job()
    tags.paused((job["id"], owner.tenant.id), "over", until=rows.now() - timedelta(seconds=1))
    assert (_named(owner, "over")["paused"], _named(owner, "over")["until"]) == (False, None)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "reason"),
        ({"reason": " "}, "reason"),
        ({"reason": "r", "until": "2020-01-01T00:00:00Z"}, "until"),
        ({"reason": "r", "until": "2199-01-01T00:00:00Z"}, "until"),
    ],
)
def test_a_pause_that_cannot_be_is_refused_by_field(owner, tag, body, field):
    answer = owner.api.post("/api/v1/tags/other/pause", body)
    assert (answer.status_code, list(answer.json()["error"]["details"])) == (422, [field])


@pytest.mark.parametrize("name", ["nobody-has-it", "a\0b", "x" * 300])
def test_a_tag_that_no_job_carries_is_not_there(owner, tag, name):
    assert owner.api.post(f"/api/v1/tags/{name}/pause", {"reason": "r"}).status_code == 404


def test_another_tenants_tag_of_the_same_name_is_another(owner, outsider, tag):
    assert outsider.api.post("/api/v1/tags/other/pause", {"reason": "r"}).status_code == 404
    assert _named(owner, "other")["paused"] is False


def test_an_editor_of_own_jobs_neither_pauses_nor_resumes_one(owner, tag):
    tags.paused((tag[1]["id"], owner.tenant.id), "held")
    editor = people.member(owner.tenant, "editor", own_jobs_only=True).api()
    for path, body in (("other/pause", {"reason": "r"}), ("held/resume", {})):
        assert people.code(editor.post(f"/api/v1/tags/{path}", body)) == (403, "MISSING_SCOPE")
    assert (_named(owner, "other")["paused"], _named(owner, "held")["paused"]) == (False, True)


def test_the_trail_says_why_it_was_paused_and_why_it_was_resumed(owner, tag):
    owner.api.post("/api/v1/tags/other/pause", {"reason": "The vendor is down."})
    owner.api._client.post(
        "/api/v1/tags/other/resume", {}, content_type="application/json", headers={"X-Audit-Reason": "It is up again."}
    )
    said = rows.fetch(
        "SELECT action, reason FROM audit_event WHERE tenant_id = %s AND object_type = 'tag' ORDER BY at",
        owner.tenant.id,
    )
    assert said == [("tag.paused", "The vendor is down."), ("tag.resumed", "It is up again.")]
