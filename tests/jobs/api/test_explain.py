"""`explain`: the one reason first, as its tenant sees it, and nothing of other tenants."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from jobs import engines
from jobs.rules import identity
from jobs.rules.states import State
from tests.support import actors, ids, rows
from tests.support.actors import Actor, Api


@pytest.fixture
def job(owner, queue):
    return rows.job(owner.tenant.id, queue_id=queue, name="nightly")


def explained(api: Api, path: str) -> Any:
    answer = api.get(f"/api/v1/{path}/explain")
    assert answer.status_code == 200, answer.content
    return answer.json()


def event(job: Any, kind: str = "execution.succeeded", seconds_ago: float = 1) -> None:
    rows.insert(
        "event", id=ids.child_of(identity.request_id(rows.now())), tenant_id=job[1], kind=kind, job_id=job[0],
        execution_id=uuid4(), data={}, created_at=rows.now() - timedelta(seconds=seconds_ago),
    )  # fmt: skip


def test_every_state_is_explained_in_one_line_and_a_code(owner, job, queue):
    for state in State:
        columns = {"reason": "OVERLAP"} if state == State.SKIPPED else {}
        columns |= {"error_code": "TIMEOUT"} if state == State.FAILED else {}
        told = explained(owner.api, f"executions/{rows.execution(job, state, queue_id=queue, **columns)}")
        assert told["state"] == state
        assert told["summary"]
        assert told["reasons"][0]["code"]
        assert told["reasons"][0]["message"].endswith(".")


def test_without_an_engine_that_is_said_first(owner, job, queue, monkeypatch):
    pending, due = rows.execution(job, "pending", queue_id=queue), rows.execution(job, "scheduled", queue_id=queue)
    later = rows.execution(job, "scheduled", queue_id=queue, not_before=rows.now() + timedelta(hours=1))
    monkeypatch.setattr(engines, "STALE", timedelta(seconds=10))
    rows.change("INSERT INTO pulse VALUES ('dispatch', now()) ON CONFLICT (name) DO UPDATE SET at = excluded.at")
    assert explained(owner.api, f"executions/{due}")["reasons"][0]["code"] == "NOT_DUE"
    rows.change("UPDATE pulse SET at = now() - interval '1 minute' WHERE name = 'dispatch'")
    for execution in (pending, due):
        told = explained(owner.api, f"executions/{execution}")
        assert told["reasons"][0]["code"] == "NO_ENGINE"
        assert "no engine has been heard of; since" in told["summary"]
    assert explained(owner.api, f"executions/{later}")["reasons"][0]["code"] == "NOT_DUE"
    rows.change("UPDATE schedule SET next_run_at = now() - interval '30 seconds' WHERE id = %s", rows.schedule(job))
    told = explained(owner.api, f"jobs/{job[0]}")
    assert told["summary"].startswith("Active: no engine has been heard of, so nothing starts; since")
    assert "A run is due since" in told["reasons"][-1]["message"]


def test_a_parked_one_says_the_cap_its_place_and_the_measured_pace(owner, job, queue):
    rows.change("UPDATE job SET max_running = 2 WHERE id = %s", job[0])
    for _ in range(2):
        rows.execution(job, "running", queue_id=queue)
    parked = [rows.execution(job, "pending", queue_id=queue, waiting_on=f"job:{job[0]}", priority=p) for p in (9, 5)]
    told = explained(owner.api, f"executions/{parked[1]}")
    reason = told["reasons"][0]
    assert (reason["code"], reason["limit"], reason["used"]) == ("JOB_CAP", 2, 2)
    assert (told["position"], told["estimate_seconds"]) == (2, None)
    for _ in range(5):
        event(job)
        event(rows.job(owner.tenant.id, queue_id=queue))  # of its tenant, and not what it waits for
    told = explained(owner.api, f"executions/{parked[1]}")
    assert told["estimate_seconds"] == pytest.approx(2 / (5 / 300), rel=0.1)
    assert told["summary"] == "Waiting: its job is at 2/2 in flight; position 2; about 2 min"


def test_what_others_have_in_flight_is_for_the_platform_alone(owner, job, queue):
    rows.change("UPDATE queue SET max_running = 2 WHERE name = %s", queue)
    other = rows.job(queue_id=queue)
    for _ in range(2):
        rows.execution(other, "running", queue_id=queue)
    for _ in range(9):
        event(other)
    waiting = rows.execution(job, "pending", queue_id=queue)
    told = explained(owner.api, f"executions/{waiting}")
    assert told["reasons"][0] | {"message": ""} == {
        "code": "QUEUE_CAP", "message": "", "limit": 2, "used": None, "until": None, "execution": None,
    }  # fmt: skip
    assert told["estimate_seconds"] is None
    assert "2/2" not in str(told)
    operator = actors.operator()
    answer = operator.api.get(f"/api/v1/executions/{waiting}/explain", tenant=owner.tenant.slug)
    assert answer.json()["reasons"][0]["used"] == 2


def test_a_key_cap_says_how_many_hold_the_key(owner, job, queue):
    key = {"concurrency_key": "customer:17", "queue_id": queue}
    rows.execution(job, "running", **key)
    waiting = rows.execution(job, "pending", waiting_on=f"key:{owner.tenant.id}:customer:17", **key)
    reason = explained(owner.api, f"executions/{waiting}")["reasons"][0]
    assert (reason["code"], reason["limit"], reason["used"]) == ("KEY_CAP", 1, 1)
    assert "customer:17" not in reason["message"]


def test_a_running_one_names_its_worker_and_whether_its_lease_holds(owner, job, queue):
    worker = rows.worker(queues=(queue,))
    execution = rows.execution(job, "running", queue_id=queue, worker_id=worker)
    assert explained(owner.api, f"executions/{execution}")["reasons"][0]["code"] == "RUNNING"
    rows.change("UPDATE worker SET lease_expires_at = now() - interval '1 s' WHERE id = %s", worker)
    assert explained(owner.api, f"executions/{execution}")["reasons"][0]["code"] == "LEASE_EXPIRED"


def test_a_late_slot_names_the_pause_that_kept_it(owner, job):
    schedule = rows.schedule(job, misfire="skip")
    owner.api.post("/api/v1/jobs/nightly/pause")
    slot = rows.now()
    owner.api.post("/api/v1/jobs/nightly/resume")
    skipped = rows.execution(
        job, "skipped", reason="MISFIRE", schedule_id=schedule, trigger="schedule", scheduled_for=slot,
    )  # fmt: skip
    message = explained(owner.api, f"executions/{skipped}")["reasons"][0]["message"]
    assert "the schedule's misfire is skip" in message
    assert f"its job was held from {slot:%Y-%m-%d}" in message
    assert " by key:" in message


def test_a_cancelled_one_names_who_asked_and_why(owner, job, queue):
    waiting = rows.execution(job, "pending", queue_id=queue)
    path, why = f"/api/v1/executions/{waiting}/cancel", {"X-Audit-Reason": "wrong day"}
    owner.api._client.post(path, {}, content_type="application/json", headers=why)
    message = explained(owner.api, f"executions/{waiting}")["reasons"][0]["message"]
    assert "by key:" in message
    assert "reason: wrong day" in message


def test_a_failed_one_tells_of_its_attempts_and_its_dead_letter(owner, job):
    execution = rows.execution(job, "failed", error_code="TIMEOUT", attempt=3, max_attempts=3, epoch=3)
    rows.insert(
        "dead_letter", id=uuid4(), tenant_id=job[1], job_id=job[0], execution_id=execution, state="open",
        error_code="TIMEOUT", error_message="", error_fingerprint="", closed_by="", created_at=rows.now(),
    )  # fmt: skip
    told = explained(owner.api, f"executions/{execution}")
    assert told["summary"] == (
        "Failed: it ran longer than its time limit (TIMEOUT); all 3 attempts are used up; an open dead letter"
    )


def test_a_job_says_who_paused_it_and_how_its_last_slot_went(owner, job, queue):
    rows.schedule(job)
    rows.execution(job, "skipped", reason="OVERLAP", queue_id=queue, trigger="schedule", scheduled_for=rows.now())
    owner.api.post("/api/v1/jobs/nightly/pause")
    told = explained(owner.api, "jobs/nightly")
    assert [reason["code"] for reason in told["reasons"]] == ["JOB_PAUSED"]
    assert "held since" in told["reasons"][0]["message"]
    assert (told["state"], told["next_run_at"], told["last"]["state"]) == ("paused", None, "skipped")
    assert "was skipped: the run before it was still under way" in told["summary"]


def reasons_of_job(owner: Actor, job: Any) -> list[str]:
    return [reason["code"] for reason in explained(owner.api, f"jobs/{job[0]}")["reasons"]]


def test_a_job_tells_what_must_be_lifted_first(owner, job, queue):
    assert reasons_of_job(owner, job) == ["NO_SCHEDULE"]
    schedule = rows.schedule(job, next_run_at=rows.now() + timedelta(hours=1))
    assert reasons_of_job(owner, job) == ["NEXT_RUN"]
    rows.change("UPDATE schedule SET state = 'invalid', problem = 'bad', due_at = NULL WHERE id = %s", schedule)
    assert reasons_of_job(owner, job) == ["SCHEDULE_INVALID"]
    rows.execution(job, "pending", queue_id=queue)
    assert reasons_of_job(owner, job) == ["FREE_WORKER", "SCHEDULE_INVALID"]
    rows.change("UPDATE tenant SET max_unfinished = 1 WHERE id = %s", owner.tenant.id)
    rows.change("UPDATE worker SET lease_expires_at = now() WHERE %s = ANY(queues)", queue)
    rows.change("UPDATE queue SET paused_at = now() WHERE name = %s", queue)
    rows.change("UPDATE job SET state = 'disabled' WHERE id = %s", job[0])
    assert reasons_of_job(owner, job)[:4] == ["JOB_DISABLED", "QUEUE_PAUSED", "NO_WORKER", "QUOTA"]


def test_executions_are_told_of_to_who_may_read_them(owner, job, queue):
    rows.execution(job, "failed", error_code="TIMEOUT", queue_id=queue)
    blind = actors.with_scopes(owner, ["jobs:read"])
    told = explained(blind.api, "jobs/nightly")
    assert told["last"] is None
    assert "TIMEOUT" not in str(told)
    assert "TIMEOUT" in explained(owner.api, "jobs/nightly")["summary"]


@pytest.mark.parametrize(
    ("columns", "code"),
    [
        ({}, "NEXT_RUN"),
        ({"state": "paused", "due_at": None}, "SCHEDULE_PAUSED"),
        ({"state": "ended", "due_at": None}, "SCHEDULE_ENDED"),
        ({"state": "invalid", "due_at": None, "problem": "bad"}, "SCHEDULE_INVALID"),
    ],
)
def test_a_schedule_says_whether_it_makes_anything(owner, job, columns, code):
    schedule = rows.schedule(job, **({"next_run_at": rows.now() + timedelta(hours=1)} | columns))
    assert explained(owner.api, f"schedules/{schedule}")["reasons"][0]["code"] == code


def test_what_is_another_tenants_is_not_there(outsider, job):
    paths = (f"jobs/{job[0]}", "jobs/nightly", f"schedules/{rows.schedule(job)}", f"executions/{rows.execution(job)}")
    for path in paths:
        assert outsider.api.get(f"/api/v1/{path}/explain").status_code == 404
