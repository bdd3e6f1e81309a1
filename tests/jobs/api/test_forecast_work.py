"""`/forecast` tells how much work the slots are, by what the jobs' last runs took, beside what workers can do."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from jobs import forecasts, workloads
from jobs.triggers.business_days import BusinessDays
from tests.support import actors, rows

DAY = datetime(2030, 3, 4, tzinfo=UTC)
WINDOW = {"from": DAY.isoformat(), "until": (DAY + timedelta(days=1)).isoformat()}


def at(job: Any, expression: str, **columns: Any) -> Any:
    known = {
        "expression": expression,
        "next_run_at": DAY - timedelta(days=1),
        "planned_until": DAY - timedelta(hours=1),
    }
    return rows.schedule(job, **(known | columns))


def took(job: Any, *seconds: float) -> None:
    for length in seconds:
        began = rows.now() - timedelta(hours=1)
        rows.execution(job, "succeeded", started_at=began, finished_at=began + timedelta(seconds=length))


def groups(actor: Any, by: str, **query: Any) -> Any:
    answer = actor.api.get("/api/v1/forecast", **(WINDOW | {"group_by": by} | query))
    assert answer.status_code == 200, answer.content
    return answer.json()["groups"]


@pytest.fixture
def queue() -> str:
    name = f"q-{uuid4().hex}"
    rows.insert("queue", name=name, created_at=rows.now())
    return name


def test_work_is_what_the_jobs_own_runs_took(owner):
    job = rows.job(owner.tenant.id)
    at(job, "*/15 2 * * *")
    took(job, 60, 60, 60, 240)
    (hour,) = groups(owner, "hour")
    assert (hour["slots"], hour["worker_minutes"], hour["worker_minutes_p95"], hour["jobs_unknown"]) == (4, 4, 16, 0)
    (by_job,) = groups(owner, "job")
    assert (by_job["worker_minutes"], by_job["capacity_worker_minutes"]) == (4, None)


def test_what_nobody_knows_is_unknown_and_not_nothing(owner):
    known, unknown = rows.job(owner.tenant.id), rows.job(owner.tenant.id)
    took(known, 30, 30, 30)
    took(unknown, 30, 30)
    at(known, "0 2 * * *")
    at(unknown, "30 2,3 * * *")
    two, three = groups(owner, "hour")
    assert (two["slots"], two["worker_minutes"], two["jobs_unknown"]) == (2, 0.5, 1)
    assert (three["slots"], three["worker_minutes"], three["worker_minutes_p95"], three["jobs_unknown"]) == (
        1,
        None,
        None,
        1,
    )


def test_schedules_that_share_a_rule_add_up(owner):
    for seconds in (60, 120):
        job = rows.job(owner.tenant.id)
        took(job, *[seconds] * 3)
        at(job, "0 * * * *")
        at(job, "0 * * * *")
    hours = groups(owner, "hour")
    assert {(hour["slots"], hour["worker_minutes"]) for hour in hours} == {(4, 6)}


def test_work_is_told_beside_what_live_workers_can_do(owner, queue):
    before = workloads.crew(rows.now()).slots
    rows.worker(queues=(queue,), concurrency=3)
    rows.worker(queues=(queue,), concurrency=5, draining=True)
    rows.worker(queues=(queue,), concurrency=7, lease=-1)
    at(rows.job(owner.tenant.id, queue_id=queue), "0 * * * *")
    half = {"from": (DAY + timedelta(minutes=30)).isoformat(), "until": (DAY + timedelta(hours=2)).isoformat()}
    (hour,) = groups(owner, "hour", **half)
    assert hour["capacity_worker_minutes"] == 60 * (before + 3)
    (of_queue,) = groups(owner, "queue", **half)
    assert of_queue["capacity_worker_minutes"] == 90 * 3


def test_runs_beyond_those_that_are_left_are_no_work(owner):
    job = rows.job(owner.tenant.id)
    at(job, "0 * * * *", max_runs=5, runs=2)
    at(job, "0 * * * *", max_runs=2, runs=2)
    at(job, "0 23 * * *", max_runs=100)
    assert [(hour["key"][11:13], hour["slots"]) for hour in groups(owner, "hour")] == [
        ("00", 1), ("01", 1), ("02", 1), ("23", 1),
    ]  # fmt: skip
    slots = owner.api.get("/api/v1/forecast", **WINDOW).json()["slots"]
    assert [slot["at"][11:13] for slot in slots] == ["00", "01", "02", "23"]
    (by_job,) = groups(owner, "job")
    assert by_job["slots"] == 4


def test_what_waits_for_events_is_counted_and_foretells_nothing(owner):
    rows.schedule(rows.job(owner.tenant.id), kind="event", expression="", event="order.paid")
    told = owner.api.get("/api/v1/forecast", **WINDOW).json()
    assert (told["on_events"], told["unreadable"], told["slots"]) == (1, 0, [])


def test_a_tenant_sees_itself_alone(owner, outsider):
    at(rows.job(owner.tenant.id), "0 5 * * *")
    at(rows.job(outsider.tenant.id), "0 5 * * *")
    (own,) = groups(owner, "tenant")
    assert (own["key"], own["name"], own["slots"]) == (str(owner.tenant.id), owner.tenant.slug, 1)


@pytest.mark.usefixtures("empty_database")
def test_the_platform_sees_all_tenants_and_who_is_none_of_it_does_not():
    owner, outsider = actors.owner(), actors.owner()
    for actor, hours in ((owner, "5,6"), (outsider, "5")):
        job = rows.job(actor.tenant.id)
        took(job, 60, 60, 60)
        at(job, f"0 {hours} * * *", due_at=DAY - timedelta(days=1))
    rows.schedule(rows.job(owner.tenant.id), state="paused", due_at=None)
    platform = actors.operator()
    told = [(group["name"], group["slots"], group["worker_minutes"]) for group in groups(platform, "tenant")]
    assert told == [(owner.tenant.slug, 2, 2), (outsider.tenant.slug, 1, 1)]
    assert [hour["slots"] for hour in groups(platform, "hour")] == [2, 1]
    told = platform.api.get("/api/v1/forecast", **WINDOW).json()
    assert told["held"] == 1
    assert [slot["at"][11:13] for slot in told["slots"]] == ["05", "05", "06"]
    narrow = actors.operator(["jobs:read"])
    assert narrow.api.get("/api/v1/forecast", **WINDOW).status_code in (403, 422)


def test_many_rules_of_their_own_leave_an_answer_and_not_an_empty_one(owner, monkeypatch):
    job = rows.job(owner.tenant.id)
    for minute in range(12):
        at(job, f"{minute} * * * *")
    monkeypatch.setattr(forecasts, "MOST_STEPS", 5 * forecasts.STEPS_OF_A_RULE)
    told = owner.api.get("/api/v1/forecast", **WINDOW, group_by="hour").json()
    assert (told["capped"], 0 < told["schedules"] < 12) == (True, True)
    assert [hour["slots"] for hour in told["groups"]] == [told["schedules"]] * 24


def test_rules_that_calendars_shift_cost_what_they_are_and_the_bound_holds(owner, monkeypatch):
    assert owner.api.post("/api/v1/calendars", {"name": "odd", "dates": [{"date": "2030-03-04"}]}).status_code == 201
    job = rows.job(owner.tenant.id)
    use = [{"calendar": "odd", "use": "exclude", "on_hit": "next_business_day"}]
    for minute in range(3):
        at(job, f"{minute}/15 * * * *", calendars=json.dumps(use))
    asked: list[Any] = []
    made: list[Any] = []
    after = BusinessDays.after

    def counted(*of: Any) -> Iterator[Any]:
        asked.append(of)
        for slot in after(*of):
            made.append(slot)
            yield slot

    monkeypatch.setattr(BusinessDays, "after", counted)
    month = {"until": (DAY + timedelta(days=31)).isoformat()}
    assert sum(hour["slots"] for hour in groups(owner, "hour", **month)) > 0
    assert len(asked) == 3, "gone through once each, and not for every hour"
    monkeypatch.setattr(forecasts, "MOST_STEPS", 4000)
    for by in ("hour", "job"):
        made.clear()
        answer = owner.api.get("/api/v1/forecast", **(WINDOW | month | {"group_by": by})).json()
        assert answer["capped"]
        assert 0 < len(made) <= 4000, "and no more than the bound allows"
