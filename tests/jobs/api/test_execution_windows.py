"""Jitter, a number of runs and hours of a schedule over the API: told, previewed, refused."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.support import rows, shut

DAILY = {"kind": "cron", "expression": "0 12 * * *"}
NIGHT = {"hours": [{"from": "22:00", "until": "05:00"}]}


def add(owner: Any, job: Any, **fields: Any) -> Any:
    return owner.api.post("/api/v1/schedules", {**DAILY, "job": job["id"], **fields})


def test_what_comes_tells_when_it_starts(owner, make_job):
    job = make_job()
    made = add(owner, job, execution_window=NIGHT, max_runs=2)
    assert made.status_code == 201, made.content
    following = owner.api.get(f"/api/v1/jobs/{job['id']}/next?count=5").json()["data"]
    assert [run["note"] for run in following] == ["OUTSIDE_WINDOW"] * 2
    assert [datetime.fromisoformat(run["starts_at"]) - datetime.fromisoformat(run["at"]) for run in following] == [
        timedelta(hours=10)
    ] * 2
    until = (rows.now() + timedelta(days=10)).isoformat()
    planned = owner.api.get("/api/v1/forecast", until=until, group_by="job").json()["groups"]
    assert {group["key"]: group["slots"] for group in planned}[job["id"]] == 2
    hours = owner.api.get("/api/v1/forecast", until=until, group_by="hour").json()["groups"]
    assert {hour["key"][11:13] for hour in hours} == {"22"}


def test_a_preview_tells_the_start_of_a_stored_schedule_and_that_a_new_one_spreads(owner, make_job):
    made = add(owner, make_job(), jitter_seconds=600).json()
    asked = {**DAILY, "jitter_seconds": 600, "count": 2}
    new = owner.api.post("/api/v1/schedules/preview", asked).json()
    assert new["spread_seconds"] == 600
    assert [slot["starts_at"] for slot in new["next"]] == [None, None]
    told = owner.api.get(f"/api/v1/schedules/{made['id']}/preview", count=2).json()
    assert told["spread_seconds"] == 600
    stored = told["next"]
    following = owner.api.get(f"/api/v1/jobs/{made['job']}/next?count=2").json()["data"]
    assert [slot["starts_at"] for slot in stored] == [run["starts_at"] for run in following]
    assert all(slot["at"] <= slot["starts_at"] for slot in stored)
    refused = owner.api.post("/api/v1/schedules/preview", {**asked, "schedule": made["id"]})
    assert (refused.status_code, list(refused.json()["error"]["details"])) == (400, ["schedule"])


def test_a_preview_tells_what_hours_do(owner):
    asked = {**DAILY, "count": 1, "after": "2026-06-01T00:00:00Z"}
    waits = owner.api.post("/api/v1/schedules/preview", {**asked, "execution_window": NIGHT}).json()["next"][0]
    assert (waits["note"], waits["starts_at"]) == ("OUTSIDE_WINDOW", "2026-06-01T22:00:00Z")
    skipped = {**NIGHT, "outside": "skip"}
    left_out = owner.api.post("/api/v1/schedules/preview", {**asked, "execution_window": skipped}).json()["next"][0]
    assert (left_out["note"], left_out["starts_at"]) == ("OUTSIDE_WINDOW", None)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"execution_window": {"hours": [{"from": "25:00", "until": "05:00"}]}}, "execution_window.hours[0].from"),
        ({"execution_window": {"hours": [], "outside": "wait"}}, "execution_window.hours"),
        ({"execution_window": {}}, "execution_window.hours"),
        ({"execution_window": {**NIGHT, "outside": "skip"}}, "execution_window"),
        ({"jitter_seconds": -1}, "jitter_seconds"),
        ({"jitter_seconds": 86_401}, "jitter_seconds"),
        ({"max_runs": 0}, "max_runs"),
        ({"max_runs": 2**31}, "max_runs"),
    ],
)
def test_what_cannot_be_kept_is_refused_by_its_place(owner, make_job, fields, field):
    answer = add(owner, make_job(), **fields)
    assert answer.status_code == 422, answer.content
    assert field in answer.json()["error"]["details"]


def test_no_fewer_runs_than_it_has_made(owner, make_job):
    made = add(owner, make_job(), max_runs=5).json()
    rows.change("UPDATE schedule SET runs = 3 WHERE id = %s", made["id"])
    path = f"/api/v1/schedules/{made['id']}"
    refused = owner.api.patch(path, {"max_runs": 3})
    assert (refused.status_code, list(refused.json()["error"]["details"])) == (422, ["max_runs"])
    assert owner.api.patch(path, {"max_runs": 4}).json()["runs"] == 3


def test_what_waits_for_other_hours_waits_for_those_it_has_now(owner, make_job):
    job = make_job()
    made = add(owner, job, execution_window=shut.around(rows.now(), is_open=False)).json()
    slot = rows.now() - timedelta(minutes=5)
    execution = rows.execution(
        (job["id"], owner.tenant.id), trigger="schedule", schedule_id=made["id"], scheduled_for=slot,
        not_before=rows.now() + timedelta(hours=1), start_before=rows.now() + timedelta(hours=2),
    )  # fmt: skip
    told = owner.api.get(f"/api/v1/executions/{execution}/explain").json()
    assert told["reasons"][0]["code"] == "OUTSIDE_WINDOW"
    owner.api.patch(f"/api/v1/schedules/{made['id']}", {"execution_window": shut.around(rows.now(), is_open=True)})
    assert rows.fetch("SELECT not_before <= now() FROM execution WHERE id = %s", execution) == [(True,)]
    owner.api.patch(f"/api/v1/schedules/{made['id']}", {"execution_window": None})
    assert rows.fetch("SELECT not_before, start_before FROM execution WHERE id = %s", execution) == [(slot, None)]
