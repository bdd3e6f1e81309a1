"""Maintenance windows over the API: made, ended early, told of in what they hold."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from jobs.engine import planner
from jobs.services import maintenance
from tests.support import actors, rows, shut

PATH = "/api/v1/maintenance-windows"
HOUR = timedelta(hours=1)


def soon(hours: float = 1) -> str:
    return (rows.now() + hours * HOUR).isoformat()


def make(owner: Any, **fields: Any) -> dict[str, Any]:
    answer = owner.api.post(PATH, {"scope": "tenant", "reason": "The database moves.", "ends_at": soon(), **fields})
    assert answer.status_code == 201, answer.content
    return answer.json()


def test_one_that_begins_at_once_is_open_until_it_is_ended(owner):
    made = make(owner)
    assert (made["state"], made["allowed_actions"], made["scope"]) == ("open", ["end"], "tenant")
    ended = owner.api.post(f"{PATH}/{made['id']}/end", {}).json()
    assert (ended["state"], ended["opens_at"], ended["allowed_actions"]) == ("over", None, [])
    again = owner.api.post(f"{PATH}/{made['id']}/end", {})
    assert (again.status_code, again.json()["error"]["details"]["state"]) == (409, "over")


def test_one_that_comes_again_tells_its_next_times_and_opens_again_after_it_was_ended(owner):
    made = make(owner, ends_at=None, expression="0 2 * * 6", timezone="Europe/Berlin", duration_seconds=7200)
    times = owner.api.get(f"{PATH}/{made['id']}/next?count=3").json()["data"]
    assert times[0]["opens_at"] == made["opens_at"]
    assert len(times) == 3
    rows.change(
        "UPDATE maintenance_window SET opens_at = now() - interval '1 hour', closes_at = now() + interval '1 hour'"
        " WHERE id = %s",
        made["id"],
    )
    ended = owner.api.post(f"{PATH}/{made['id']}/end", {}).json()
    assert ended["state"] == "coming"
    assert datetime.fromisoformat(ended["opens_at"]) > rows.now()


def test_what_the_planner_has_to_go_through_is_bounded(owner, monkeypatch):
    often = {"scope": "tenant", "reason": "Often.", "expression": "*/10 * * * *", "duration_seconds": 600}
    answer = owner.api.post(PATH, often)
    assert (answer.status_code, list(answer.json()["error"]["details"])) == (422, ["expression"])
    assert owner.api.post(PATH, often | {"expression": "*/30 * * * *"}).status_code == 201
    monkeypatch.setattr(maintenance, "MOST_LATELY", 2)
    made = make(owner)
    assert owner.api.delete(f"{PATH}/{made['id']}").status_code == 204
    again = owner.api.post(PATH, {"scope": "tenant", "reason": "Once more.", "ends_at": soon()})
    assert again.status_code == 409, "deleted, and yet the planner asks of it"


def test_ending_it_lets_held_schedules_be_planned_again(owner, make_job):
    made = make(owner)
    job = make_job(schedules=[{"kind": "cron", "expression": "* * * * * *"}])
    # As the planner leaves it.
    until = datetime.fromisoformat(made["closes_at"]) + planner.AHEAD
    rows.change("UPDATE schedule SET due_at = %s WHERE job_id = %s", until, job["id"])
    due = "SELECT due_at > now() + interval '10 minutes' FROM schedule WHERE job_id = %s"
    assert rows.fetch(due, job["id"]) == [(True,)]
    owner.api.post(f"{PATH}/{made['id']}/end", {})
    assert rows.fetch(due, job["id"]) == [(False,)]


def test_other_times_are_in_force_at_once(owner):
    made = make(owner)
    later = soon(5)
    changed = owner.api.patch(f"{PATH}/{made['id']}", {"ends_at": later}).json()
    assert datetime.fromisoformat(changed["closes_at"]) == datetime.fromisoformat(later)
    closed = owner.api.patch(f"{PATH}/{made['id']}", {"starts_at": soon(2)}).json()
    assert closed["state"] == "coming"


def test_deleted_it_is_gone_and_no_longer_open(owner):
    made = make(owner)
    assert owner.api.delete(f"{PATH}/{made['id']}").status_code == 204
    assert owner.api.get(f"{PATH}/{made['id']}").status_code == 404
    assert rows.fetch("SELECT opens_at FROM maintenance_window WHERE id = %s", made["id"]) == [(None,)]


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"reason": "  "}, "reason"),
        ({"ends_at": None}, "ends_at"),
        ({"ends_at": "2001-01-01T00:00:00Z"}, "ends_at"),
        ({"starts_at": "2199-01-01T00:00:00Z"}, "ends_at"),
        ({"starts_at": "2026-01-01T00:00:00Z", "ends_at": "2199-01-01T00:00:00Z"}, "ends_at"),
        ({"duration_seconds": 60}, "duration_seconds"),
        ({"expression": "0 2 * * *", "duration_seconds": 3600}, "ends_at"),
        ({"ends_at": None, "expression": "0 2 * * *"}, "duration_seconds"),
        ({"ends_at": None, "expression": "61 2 * * *", "duration_seconds": 60}, "expression"),
        ({"ends_at": None, "expression": "0 2 * * *", "timezone": "Mars/Base", "duration_seconds": 60}, "timezone"),
        ({"ends_at": None, "expression": "0 * * * *", "duration_seconds": 3601}, "duration_seconds"),
        ({"scope": "job"}, "job"),
        ({"job": "nightly"}, "job"),
        ({"scope": "queue"}, "queue"),
        ({"scope": "queue", "queue": "nowhere"}, "queue"),
        ({"queue": "default"}, "queue"),
    ],
)
def test_what_makes_no_window_is_refused_by_its_field(owner, fields, field):
    answer = owner.api.post(PATH, {"scope": "tenant", "reason": "r", "ends_at": soon(), **fields})
    assert answer.status_code == 422, answer.content
    assert field in answer.json()["error"]["details"]


def test_the_platforms_windows_are_seen_by_all_and_changed_by_its_own_people(owner):
    refused = owner.api.post(PATH, {"scope": "platform", "reason": "r", "ends_at": soon()})
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "MISSING_SCOPE")
    window = shut.maintenance(None, queue_id="nowhere")
    assert owner.api.get(f"{PATH}/{window}").json()["scope"] == "platform"
    assert owner.api.post(f"{PATH}/{window}/end", {}).status_code == 403
    made = actors.with_scopes(owner, ["jobs:read", "jobs:write", "platform"]).api.post(
        PATH, {"scope": "platform", "queue": "default", "reason": "r", "ends_at": soon(), "starts_at": soon(0.9)}
    )
    assert (made.status_code, made.json()["queue"]) == (201, "default")
    rows.change("DELETE FROM maintenance_window WHERE tenant_id IS NULL")


@pytest.mark.parametrize("scope", [{"scope": "tenant"}, {"scope": "queue", "queue": "default"}])
def test_everybodys_work_is_held_by_administrators_and_a_jobs_by_whoever_may_change_it(owner, make_job, scope):
    job = make_job()
    editor = actors.with_scopes(owner, ["jobs:read", "jobs:write"])
    refused = editor.api.post(PATH, {**scope, "reason": "r", "ends_at": soon()})
    assert (refused.status_code, refused.json()["error"]["details"]["required"]) == (403, "admin"), refused.content
    made = make(owner, **scope)
    for act in (
        lambda: editor.api.post(f"{PATH}/{made['id']}/end", {}),
        lambda: editor.api.patch(f"{PATH}/{made['id']}", {"reason": "Another."}),
        lambda: editor.api.delete(f"{PATH}/{made['id']}"),
    ):
        assert act().status_code == 403
    assert owner.api.get(f"{PATH}/{made['id']}").json()["state"] == "open"
    own = make(editor, scope="job", job=job["name"])
    assert editor.api.post(f"{PATH}/{own['id']}/end", {}).status_code == 200


def test_what_is_held_says_so_with_the_reason_and_the_end(owner, make_job):
    job = make_job(schedules=[{"kind": "cron", "expression": "0 0 * * *"}])
    made = make(owner, scope="job", job=job["name"], ends_at=soon(30))
    execution = rows.execution((job["id"], owner.tenant.id), "pending", waiting_on=f"shut:{job['id']}")
    told = owner.api.get(f"/api/v1/executions/{execution}/explain").json()
    assert told["reasons"][0]["code"] == "MAINTENANCE"
    assert "The database moves." in told["summary"]
    assert told["reasons"][0]["until"] == made["closes_at"]
    for path in (f"jobs/{job['id']}", f"schedules/{job['schedules'][0]['id']}"):
        reasons = owner.api.get(f"/api/v1/{path}/explain").json()["reasons"]
        assert "MAINTENANCE" in [reason["code"] for reason in reasons]
    following = owner.api.get(f"/api/v1/jobs/{job['id']}/next?count=3").json()["data"]
    assert [run["note"] for run in following] in (["MAINTENANCE", None, None], ["MAINTENANCE", "MAINTENANCE", None])
    waiting = owner.api.get("/api/v1/executions?waiting_on=MAINTENANCE").json()["data"]
    assert [row["id"] for row in waiting] == [str(execution)]
    until = (rows.now() + 26 * HOUR).isoformat()
    assert owner.api.get("/api/v1/forecast", until=until).json()["slots"][0]["note"] == "MAINTENANCE"
    assert owner.api.post(f"{PATH}/{made['id']}/end", {}).status_code == 200
    told = "SELECT count(*) FROM event WHERE kind = 'maintenance.ended' AND job_id = %s"
    assert rows.fetch(told, job["id"]) == [(1,)]
