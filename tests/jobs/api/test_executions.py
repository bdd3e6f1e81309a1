"""/executions: asking for runs, stopping them, running again, and reading what happened."""

from __future__ import annotations

import json
from datetime import timedelta
from uuid import uuid4

import pytest

from jobs.rules.states import TERMINAL, State
from tests.support import ids, rows

WAITING = ["scheduled", "blocked", "pending", "queued"]


@pytest.fixture
def job(make_job, owner):
    made = make_job(payload={"duration_seconds": 1}, retry={"max_attempts": 4}, priority=7)
    return (made["id"], owner.tenant.id)


def test_triggered_execution_takes_over_what_the_job_says(owner, job):
    answer = owner.api.post("/api/v1/jobs/nightly/trigger", {"payload": {"fail_rate": 0.5}})
    execution = answer.json()
    assert answer.status_code == 202
    assert execution["job"] == {"id": job[0], "name": "nightly", "type": "dummy"}
    assert (execution["state"], execution["trigger"], execution["attempt"]) == ("scheduled", "manual", 1)
    assert (execution["max_attempts"], execution["priority"], execution["queue"]) == (4, 7, "default")
    assert execution["payload"] == {"duration_seconds": 1, "fail_rate": 0.5}
    assert execution["triggered_by"] == f"key:{owner.key.split('_')[1]}"
    assert execution["idempotency_key"] == execution["id"]
    shown = owner.api.get(f"/api/v1/executions/{execution['id']}").json()
    assert shown.pop("waiting_for")["code"] == "NOT_DUE"
    assert shown.pop("children") is None
    assert shown == {name: value for name, value in execution.items() if name != "deduplicated"}
    assert execution["deduplicated"] is False


def test_execution_is_made_by_naming_the_job_in_the_body(owner, job):
    for name in (job[0], "nightly"):
        answer = owner.api.post("/api/v1/executions", {"job": name})
        assert (answer.status_code, answer.json()["job"]["id"]) == (202, job[0])


def test_run_at_is_kept_and_bounded_to_ninety_days(owner, job):
    later = (rows.now() + timedelta(days=89)).isoformat()
    assert owner.api.post("/api/v1/jobs/nightly/trigger", {"run_at": later}).json()["scheduled_for"][:10] == later[:10]
    too_late = (rows.now() + timedelta(days=91)).isoformat()
    answer = owner.api.post("/api/v1/jobs/nightly/trigger", {"run_at": too_late})
    assert (answer.status_code, list(answer.json()["error"]["details"])) == (422, ["run_at"])


def test_overrides_are_checked_with_the_payload_they_go_over(owner, job):
    answer = owner.api.post("/api/v1/jobs/nightly/trigger", {"payload": {"duration_seconds": -1}})
    assert (answer.status_code, list(answer.json()["error"]["details"])) == (422, ["payload.duration_seconds"])


@pytest.mark.parametrize("state", WAITING)
def test_waiting_execution_is_cancelled_at_once(owner, job, state):
    answer = owner.api.post(f"/api/v1/executions/{rows.execution(job, state)}/cancel")
    assert (answer.status_code, answer.json()["state"]) == (200, "cancelled")


def test_running_execution_is_asked_to_stop(owner, job):
    answer = owner.api.post(f"/api/v1/executions/{rows.execution(job, 'running')}/cancel")
    assert (answer.status_code, answer.json()["state"]) == (202, "running")
    assert answer.json()["cancel_requested_at"] is not None


@pytest.mark.parametrize("state", sorted(TERMINAL))
def test_ended_execution_cannot_be_cancelled_and_can_run_again(owner, job, state):
    path = f"/api/v1/executions/{rows.execution(job, state)}"
    answer = owner.api.post(f"{path}/cancel")
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "INVALID_STATE")
    assert answer.json()["error"]["details"] == {"state": state, "allowed_actions": ["retry", "replay"]}
    assert owner.api.post(f"{path}/retry").status_code == 202


@pytest.mark.parametrize("state", sorted(set(State) - TERMINAL))
@pytest.mark.parametrize("action", ["retry", "replay"])
def test_execution_that_has_not_ended_cannot_run_again(owner, job, state, action):
    answer = owner.api.post(f"/api/v1/executions/{rows.execution(job, state)}/{action}")
    allowed = ["cancel"] if state is State.RUNNING else ["cancel", "skip"]
    assert (answer.status_code, answer.json()["error"]["details"]["allowed_actions"]) == (409, allowed)


def test_replay_is_a_new_execution_of_the_newest_revision_that_keeps_its_overrides(owner, job):
    failed = rows.execution(job, "failed", payload={"fail_rate": 1.0, "output_bytes": 9})
    owner.api.patch("/api/v1/jobs/nightly", {"payload": {"duration_seconds": 2}})
    again = owner.api.post(f"/api/v1/executions/{failed}/replay", {"payload": {"fail_rate": 0}}).json()
    assert (again["trigger"], again["replay_of"], again["revision"]) == ("replay", str(failed), 2)
    assert again["payload"] == {"duration_seconds": 2, "fail_rate": 0, "output_bytes": 9}
    assert rows.state_of(failed) == "failed"


def test_execution_of_a_disabled_job_cannot_run_again(owner, job):
    failed = rows.execution(job, "failed")
    owner.api.post("/api/v1/jobs/nightly/disable")
    answer = owner.api.post(f"/api/v1/executions/{failed}/retry")
    assert (answer.status_code, answer.json()["error"]["details"]["state"]) == (409, "disabled")


def test_times_error_and_result_of_an_ended_execution(owner, job):
    due = rows.now() - timedelta(minutes=1)
    started, finished = due + timedelta(seconds=2), due + timedelta(seconds=5)
    failed = rows.execution(
        job, "failed", not_before=due, started_at=started, finished_at=finished, result={"status": 500},
        error_code="EXECUTION_FAILED", error_message="it broke", error_fingerprint="f",
    )  # fmt: skip
    shown = owner.api.get(f"/api/v1/executions/{failed}").json()
    assert (shown["wait_seconds"], shown["duration_seconds"], shown["result"]) == (2.0, 3.0, {"status": 500})
    assert shown["error"] == {"code": "EXECUTION_FAILED", "message": "it broke", "fingerprint": "f"}


def test_wait_is_unknown_while_a_retry_waits(owner, job):
    waiting = rows.execution(job, "scheduled", started_at=rows.now(), not_before=rows.now() + timedelta(minutes=1))
    assert owner.api.get(f"/api/v1/executions/{waiting}").json()["wait_seconds"] is None


def test_attempts_are_listed_first_to_last_with_their_worker_and_error(owner, job):
    execution = rows.execution(job, "succeeded")
    for number, state, code in ((1, "lost", "WORKER_LOST"), (2, "succeeded", "")):
        rows.insert(
            "attempt", id=ids.child_of(execution), tenant_id=job[1], execution_id=execution, number=number,
            epoch=number, state=state, worker_id=uuid4(), worker_pid=1, worker="w@host", started_at=rows.now(),
            error_code=code, error_message="gone" if code else "",
        )  # fmt: skip
    lost, good = owner.api.get(f"/api/v1/executions/{execution}/attempts").json()["data"]
    assert (lost["number"], lost["state"], lost["error"]) == (1, "lost", {"code": "WORKER_LOST", "message": "gone"})
    assert (good["number"], good["state"], good["worker"], good["error"]) == (2, "succeeded", "w@host", None)


def test_running_execution_names_its_worker(owner, job):
    worker = rows.worker(name="w@here")
    running = rows.execution(job, "running", worker_id=worker)
    assert owner.api.get(f"/api/v1/executions/{running}").json()["worker"] == "w@here"
    assert owner.api.get("/api/v1/executions").json()["data"][0]["worker"] == "w@here"


@pytest.fixture
def logged(job):
    """Two attempts: lines 1 to 3 in one piece, 4 to 6 in another."""
    execution = rows.execution(job, "succeeded")
    for attempt, first in ((1, 1), (2, 4)):
        lines = [
            [rows.now().isoformat(), level, "stdout", f"line {first + place}"]
            for place, level in enumerate(("info", "error", "debug"))
        ]
        rows.change(
            "INSERT INTO execution_log (id, tenant_id, execution_id, attempt, epoch, first_seq, last_seq, lines)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s, %s::text::jsonb)",
            ids.child_of(execution), job[1], execution, attempt, attempt, first, first + 2, json.dumps(lines),
        )  # fmt: skip
    return f"/api/v1/executions/{execution}/logs"


def test_log_is_read_in_order_over_all_attempts(owner, logged):
    answer = owner.api.get(logged).json()
    assert [(line["seq"], line["attempt"]) for line in answer["data"]] == [
        (1, 1),
        (2, 1),
        (3, 1),
        (4, 2),
        (5, 2),
        (6, 2),
    ]
    assert answer["data"][1] | {"at": None} == {
        "seq": 2, "attempt": 1, "at": None, "level": "error", "stream": "stdout", "message": "line 2",
    }  # fmt: skip
    assert answer["next_cursor"] is None


def test_log_is_paged_by_the_number_of_its_lines(owner, logged):
    first = owner.api.get(logged, limit=4).json()
    assert ([line["seq"] for line in first["data"]], first["next_cursor"]) == ([1, 2, 3, 4], "4")
    rest = owner.api.get(logged, after=first["next_cursor"], limit=2).json()
    assert ([line["seq"] for line in rest["data"]], rest["next_cursor"]) == ([5, 6], None)


def test_log_is_filtered_by_level(owner, logged):
    assert [line["seq"] for line in owner.api.get(logged, level="error").json()["data"]] == [2, 5]
    assert len(owner.api.get(logged, level=["error", "info"]).json()["data"]) == 4
    assert owner.api.get(logged, level="loud").status_code == 422
