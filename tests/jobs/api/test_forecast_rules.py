"""`/forecast` where calendars, hours, a number of runs, maintenance windows and events meet: no more and no less than will run."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.support import actors, rows

#: A Monday.
DAY = datetime(2030, 3, 4, tzinfo=UTC)
WINDOW = {"from": DAY.isoformat(), "until": (DAY + timedelta(days=4)).isoformat()}
NIGHT = {"hours": [{"from": "22:00", "until": "05:00"}]}


def at(job: Any, expression: str, **columns: Any) -> Any:
    early = DAY - timedelta(hours=1)
    return rows.schedule(job, **({"expression": expression, "next_run_at": early, "planned_until": early} | columns))


def holidays(owner: Any, *days: str, name: str = "days") -> None:
    dates = [{"date": day} for day in days]
    made = owner.api.post("/api/v1/calendars", {"name": name, "kind": "dates", "dates": dates})
    assert made.status_code == 201, made.content


def told(owner: Any, **query: Any) -> Any:
    answer = owner.api.get("/api/v1/forecast", **(WINDOW | query))
    assert answer.status_code == 200, answer.content
    return answer.json()


def slots(owner: Any, **query: Any) -> list[str]:
    return [slot["at"][5:16] for slot in told(owner, **query)["slots"]]


def counted(owner: Any, by: str, **query: Any) -> int:
    return sum(group["slots"] for group in told(owner, group_by=by, **query)["groups"])


def test_days_that_calendars_leave_out_are_no_work(owner):
    holidays(owner, "2030-03-05")
    job = rows.job(owner.tenant.id)
    at(job, "0 12 * * *", calendars=[{"calendar": "days"}])
    at(job, "0 13 * * *", calendars=[{"calendar": "days", "use": "include"}])
    assert slots(owner) == ["03-04T12:00", "03-05T13:00", "03-06T12:00", "03-07T12:00"]
    assert {by: counted(owner, by) for by in ("hour", "queue", "job", "tenant")} == dict.fromkeys(
        ("hour", "queue", "job", "tenant"), 4
    )


@pytest.mark.parametrize(
    ("expression", "columns", "runs"),
    [
        ("30 2 * * *", {"dst_gap": "skip"}, 3),  # 31 March has no 02:30
        ("30 2 * * *", {"dst_gap": "run_after_gap"}, 4),
        ("*/20 2 * * *", {"dst_gap": "skip"}, 9),
        ("0,1-59 0-23 * * *", {"dst_gap": "skip"}, 4 * 1440 - 60),  # more than a day has hours: not made one by one
    ],
)
def test_what_a_clock_change_leaves_out_is_no_work(owner, expression, columns, runs):
    at(rows.job(owner.tenant.id), expression, timezone="Europe/Berlin", **columns)
    window = {"from": "2030-03-28T23:00:00Z", "until": "2030-04-01T22:00:00Z"}
    assert {by: counted(owner, by, **window) for by in ("hour", "job")} == {"hour": runs, "job": runs}


def test_a_night_that_comes_twice_is_worked_once(owner):
    at(rows.job(owner.tenant.id), "0,1-59 0-23 * * *", timezone="Europe/Berlin", dst_fold="first")
    window = {"from": "2030-10-26T22:00:00Z", "until": "2030-10-27T23:00:00Z"}
    told_by_hour = {group["key"][5:13]: group["slots"] for group in told(owner, group_by="hour", **window)["groups"]}
    assert sum(told_by_hour.values()) == counted(owner, "queue", **window) == 24 * 60
    assert "10-27T01" not in told_by_hour


def test_days_left_out_use_up_none_of_the_runs_that_are_left(owner):
    holidays(owner, "2030-03-04", "2030-03-05")
    at(rows.job(owner.tenant.id), "0 12 * * *", calendars=[{"calendar": "days"}], max_runs=1)
    assert slots(owner) == ["03-06T12:00"]
    assert (counted(owner, "hour"), counted(owner, "job")) == (1, 1)


def test_slots_that_a_clock_change_leaves_out_use_up_none_either(owner):
    rule = {"timezone": "Europe/Berlin", "max_runs": 3, "planned_until": datetime(2030, 10, 26, tzinfo=UTC)}
    at(rows.job(owner.tenant.id), "30 2 * * *", **rule)
    window = {"from": "2030-10-26T00:00:00Z", "until": "2030-11-05T00:00:00Z"}
    assert slots(owner, **window) == ["10-26T00:30", "10-27T00:30", "10-28T01:30"]
    assert (counted(owner, "hour", **window), counted(owner, "job", **window)) == (3, 3)


def test_slots_that_hours_leave_out_use_up_none_either(owner):
    at(rows.job(owner.tenant.id), "0 * * * *", execution_window={**NIGHT, "outside": "skip"}, max_runs=7)
    at(rows.job(owner.tenant.id), "0 12 * * *", max_runs=1)
    expected = [f"03-04T0{hour}:00" for hour in range(5)] + ["03-04T12:00", "03-04T22:00", "03-04T23:00"]
    assert slots(owner) == expected
    assert (counted(owner, "hour"), counted(owner, "job")) == (8, 8)


def test_runs_before_the_window_use_up_what_is_left(owner):
    at(rows.job(owner.tenant.id), "0 12 * * *", execution_window=NIGHT, max_runs=3)
    later = {"from": (DAY + timedelta(days=2)).isoformat()}
    assert slots(owner, **later) == ["03-06T12:00"]
    assert (counted(owner, "hour", **later), counted(owner, "job", **later)) == (1, 1)


def test_hours_are_those_in_which_work_starts_and_none_is_outside_of_the_question(owner):
    at(rows.job(owner.tenant.id), "0 12 * * *", execution_window=NIGHT)
    short = {"until": (DAY + timedelta(hours=14)).isoformat()}
    assert told(owner, group_by="hour", **short)["groups"] == []
    assert [group["key"][5:16] for group in told(owner, group_by="hour")["groups"]] == [
        f"03-0{day}T22:00" for day in (4, 5, 6, 7)
    ]
    assert all(group["capacity_worker_minutes"] >= 0 for group in told(owner, group_by="hour")["groups"])


@pytest.mark.usefixtures("empty_database")
def test_tenants_calendars_of_one_name_are_not_taken_for_one_another():
    for day in ("2030-03-04", "2030-03-05"):
        owner = actors.owner()
        holidays(owner, day)
        calendars = [{"calendar": "days", "use": "include"}]
        at(rows.job(owner.tenant.id), "0 12 * * *", calendars=calendars, due_at=DAY - timedelta(hours=1))
    platform = actors.operator()
    assert slots(platform) == ["03-04T12:00", "03-05T12:00"]
    assert [group["key"][5:16] for group in told(platform, group_by="hour")["groups"]] == ["03-04T12:00", "03-05T12:00"]
    assert [group["slots"] for group in told(platform, group_by="tenant")["groups"]] == [1, 1]


def test_all_of_it_at_once(owner):
    holidays(owner, "2030-03-05")
    job = rows.job(owner.tenant.id)
    at(
        job, "0 12 * * *", execution_window=NIGHT, max_runs=2, jitter_seconds=600,
        calendars=[{"calendar": "days", "on_hit": "next_business_day"}],
    )  # fmt: skip
    at(job, "0 3 * * *", jitter_seconds=60)
    rows.schedule(job, kind="event", expression="", event="order.paid")
    shut = {
        "job": str(job[0]), "starts_at": (DAY + timedelta(hours=2)).isoformat(),
        "ends_at": (DAY + timedelta(hours=4)).isoformat(), "action": "skip",
        "scope": "job",
        "reason": "new disks",
    }  # fmt: skip
    made = owner.api.post("/api/v1/maintenance-windows", shut)
    assert made.status_code == 201, made.content
    answer = told(owner)
    assert [(slot["at"][5:16], slot["note"]) for slot in answer["slots"]] == [
        ("03-04T03:00", "MAINTENANCE"),
        ("03-04T12:00", "OUTSIDE_WINDOW"),
        ("03-05T03:00", None),
        ("03-06T03:00", None),
        ("03-06T12:00", "OUTSIDE_WINDOW"),
        ("03-07T03:00", None),
    ]
    assert (answer["on_events"], answer["capped"]) == (1, False)
    assert {by: counted(owner, by) for by in ("hour", "job")} == {"hour": 6, "job": 6}


def test_a_calendar_that_leaves_out_every_day_costs_no_eternity(owner):
    holidays(owner, "2020-01-01")
    job = rows.job(owner.tenant.id)
    schedule = at(job, "* * * * * *", calendars=[{"calendar": "days", "use": "include"}])
    assert (slots(owner), counted(owner, "hour")) == ([], 0)
    assert owner.api.get(f"/api/v1/jobs/{job[0]}/next").json()["data"] == []
    preview = owner.api.get(f"/api/v1/schedules/{schedule}/preview").json()
    assert "NEVER_FIRES" in [warning["code"] for warning in preview["warnings"]]
