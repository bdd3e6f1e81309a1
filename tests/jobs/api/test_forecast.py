"""`/forecast`: what will run when, by the rules alone, in bounded work."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from jobs import forecasts
from tests.support import rows

DAY = datetime(2030, 3, 4, tzinfo=UTC)
WINDOW = {"from": DAY.isoformat(), "until": (DAY + timedelta(days=1)).isoformat()}


@pytest.fixture
def job(owner):
    return rows.job(owner.tenant.id, name="nightly")


def at(job: Any, expression: str, **columns: Any) -> Any:
    known = {"expression": expression, "next_run_at": DAY - timedelta(days=1)}
    return rows.schedule(job, **(known | columns))


def forecast(owner: Any, **query: Any) -> Any:
    answer = owner.api.get("/api/v1/forecast", **(WINDOW | query))
    assert answer.status_code == 200, answer.content
    return answer.json()


def test_nothing_runs_where_nothing_is_planned(owner):
    told = forecast(owner)
    assert (told["slots"], told["groups"], told["schedules"], told["held"]) == ([], None, 0, 0)


def test_slots_of_all_schedules_come_in_order(owner, outsider, job):
    other = rows.job(owner.tenant.id, name="other")
    first, second = at(job, "30 2 * * *", timezone="Europe/Berlin"), at(other, "0 */12 * * *")
    at(rows.job(outsider.tenant.id), "0 5 * * *")
    told = forecast(owner)
    assert [(slot["at"], slot["schedule"]) for slot in told["slots"]] == [
        ("2030-03-04T00:00:00Z", str(second)),
        ("2030-03-04T01:30:00Z", str(first)),
        ("2030-03-04T12:00:00Z", str(second)),
    ]
    assert told["slots"][1]["local"] == "2030-03-04T02:30:00+01:00"
    assert told["slots"][1]["job"] == {"id": str(job[0]), "name": "nightly", "type": "dummy"}
    assert (told["capped"], told["schedules"]) == (False, 2)


def test_a_page_says_that_there_is_more(owner, job):
    at(job, "0 * * * *")
    told = forecast(owner, limit=2)
    assert ([slot["at"][11:16] for slot in told["slots"]], told["capped"]) == (["00:00", "01:00"], True)


def test_what_is_held_is_left_out_and_counted(owner, job):
    at(job, "0 5 * * *", state="paused", due_at=None)
    at(rows.job(owner.tenant.id, state="disabled"), "0 5 * * *")
    at(job, "0 5 * * *", state="ended", due_at=None)
    at(job, "no rule")
    told = forecast(owner)
    assert (told["slots"], told["held"], told["unreadable"]) == ([], 2, 1)


def test_groups_count_the_same_slots(owner, job):
    queue = f"q-{uuid4().hex}"
    rows.insert("queue", name=queue, created_at=rows.now())
    other = rows.job(owner.tenant.id, name="busy", queue_id=queue)
    at(job, "15 2,14 * * *")
    at(other, "* * * * * *")
    hours = forecast(owner, group_by="hour")["groups"]
    assert len(hours) == 24
    assert hours[2] == {
        "key": "2030-03-04T02:00:00Z", "name": "", "slots": 3601, "worker_minutes": None, "worker_minutes_p95": None,
        "jobs_unknown": 2, "capacity_worker_minutes": hours[2]["capacity_worker_minutes"],
    }  # fmt: skip
    assert hours[3]["slots"] == 3600
    queues = forecast(owner, group_by="queue")["groups"]
    assert [(group["key"], group["slots"]) for group in queues] == [(queue, 86_400), ("default", 2)]
    jobs = forecast(owner, group_by="job")["groups"]
    assert (jobs[1]["key"], jobs[1]["name"], jobs[1]["slots"]) == (str(job[0]), "nightly", 2)


def test_schedules_that_are_spread_share_no_slots(owner, job):
    for _ in range(8):
        at(job, "H H * * *")
    hours = forecast(owner, group_by="hour")["groups"]
    assert sum(group["slots"] for group in hours) == 8
    assert len(hours) > 1


def test_hours_at_the_edges_of_the_window_are_cut(owner, job):
    at(job, "* * * * *")
    window = {"from": "2030-03-04T00:30:00Z", "until": "2030-03-04T02:10:00Z"}
    assert [group["slots"] for group in forecast(owner, group_by="hour", **window)["groups"]] == [30, 60, 10]


def test_the_work_is_bounded_and_that_is_said(owner, job, monkeypatch):
    for _ in range(5):
        at(job, "0 * * * *")
    monkeypatch.setattr(forecasts, "MOST_STEPS", forecasts.STEPS_OF_A_RULE + 2)
    for query in ({}, {"group_by": "hour"}, {"group_by": "job"}):
        told = forecast(owner, **query)
        assert (told["capped"], told["schedules"] < 5) == (True, True), query
    monkeypatch.setattr(forecasts, "MOST_STEPS", 100_000)
    monkeypatch.setattr(forecasts, "MOST_SCHEDULES", 3)
    assert forecast(owner)["schedules"] == 3


def test_schedules_that_run_later_are_not_looked_at_for_the_first_page(owner, job, monkeypatch):
    built: list[Any] = []
    real = forecasts.planner.trigger_of
    monkeypatch.setattr(forecasts.planner, "trigger_of", lambda row, *known: built.append(row) or real(row, *known))
    for hour in range(12):
        at(job, f"{hour} {hour} * * *", next_run_at=DAY + timedelta(hours=hour, minutes=hour))
    assert len(forecast(owner, limit=3)["slots"]) == 3
    assert len(built) <= 5
    assert forecast(owner, limit=3)["schedules"] <= 5


@pytest.mark.parametrize(
    "query",
    [
        {"group_by": "day"},
        {"until": WINDOW["from"]},
        {"until": "2030-06-01T00:00:00Z"},
        {"limit": "0"},
        {"from": "now"},
    ],
)
def test_a_question_that_cannot_be_answered_is_refused(owner, query):
    answer = owner.api.get("/api/v1/forecast", **(WINDOW | query))
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "VALIDATION_FAILED")
