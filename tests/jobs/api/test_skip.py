"""What waits is left out by hand, and says why."""

from __future__ import annotations

import pytest

from tests.support import rows
from tests.support.operations import bulk, drive, seen

WHY = "the customer sent the file by hand"


@pytest.fixture
def job(owner):
    return rows.job(owner.tenant.id)


def skip(owner, execution, **fields):
    return owner.api.post(f"/api/v1/executions/{execution}/skip", {"reason": WHY, **fields})


@pytest.mark.parametrize("state", ["scheduled", "blocked", "pending", "queued"])
def test_what_waits_is_skipped_and_keeps_the_reason(owner, job, state):
    execution = rows.execution(job, state)
    told = owner.api.get(f"/api/v1/executions/{execution}").json()
    assert told["allowed_actions"] == ["cancel", "skip"]
    answer = skip(owner, execution)
    told = answer.json()
    assert (answer.status_code, told["state"], told["reason"], told["ended_because"]) == (
        200, "skipped", "SKIPPED_BY_HAND", WHY,
    )  # fmt: skip
    audited = rows.fetch("SELECT action, reason FROM audit_event WHERE object_id = %s", str(execution))
    assert audited == [("execution.skipped", WHY)]
    assert rows.fetch("SELECT kind FROM event WHERE execution_id = %s", execution) == [("execution.skipped",)]
    assert WHY in owner.api.get(f"/api/v1/executions/{execution}/explain").json()["reasons"][0]["message"]


@pytest.mark.parametrize("state", ["running", "succeeded", "failed", "cancelled", "skipped"])
def test_what_does_not_wait_is_refused_and_says_what_may_be_done(owner, job, state):
    execution = rows.execution(job, state)
    answer = skip(owner, execution)
    told = answer.json()["error"]
    assert (answer.status_code, told["code"], told["details"]["state"]) == (409, "INVALID_STATE", state)
    assert "skip" not in told["details"]["allowed_actions"]
    assert rows.state_of(execution) == state


@pytest.mark.parametrize("reason", ["", "   ", "a\u0007b", "x" * 501, None])
def test_it_takes_a_reason(owner, job, reason):
    execution = rows.execution(job, "pending")
    answer = skip(owner, execution, reason=reason)
    assert answer.status_code in (400, 422)
    assert "reason" in answer.content.decode()
    assert rows.state_of(execution) == "pending"


def test_a_slot_that_never_began_does_not_count_towards_the_runs_of_its_schedule(owner, job):
    schedule = rows.schedule(job, max_runs=3, runs=2)
    slot = rows.execution(job, "scheduled", trigger="schedule", schedule_id=schedule, scheduled_for=rows.now())
    assert skip(owner, slot).status_code == 200
    assert rows.fetch("SELECT runs FROM schedule WHERE id = %s", schedule) == [(1,)]


def test_many_are_skipped_as_an_operation_and_what_runs_is_left_out(owner, job):
    waiting = [rows.execution(job, state) for state in ("scheduled", "blocked", "pending", "queued")]
    running = rows.execution(job, "running")
    named = bulk(owner, "skip", ids=[str(running), str(waiting[0])], reason=WHY)
    assert drive(named) == "succeeded"
    assert (seen(owner, named)["done"], seen(owner, named)["left_out"]) == (1, {"NOT_WAITING": 1})
    filtered = bulk(owner, "skip", filter={"job": str(job[0])}, reason=WHY)
    assert (filtered["matched"], drive(filtered)) == (3, "succeeded")
    assert [rows.state_of(key) for key in waiting] == ["skipped"] * 4
    assert rows.state_of(running) == "running"
    kept = rows.fetch("SELECT DISTINCT ended_because FROM execution WHERE id = ANY(%s)", waiting)
    assert kept == [(WHY,)]
    audited = rows.fetch(
        "SELECT count(*), min(reason) FROM audit_event WHERE action = 'execution.skipped' AND object_id = ANY(%s)",
        [str(key) for key in waiting],
    )
    assert audited == [(4, WHY)]
