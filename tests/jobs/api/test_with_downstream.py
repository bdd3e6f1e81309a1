"""What runs again starts the jobs that depend on it where that is asked for, and nowhere else."""

from __future__ import annotations

from uuid import uuid4

import pytest

from tests.support import logins, rows, workflows
from tests.support.operations import bulk, drive, seen, steps
from tests.support.slots import backfill, end, hourly
from tests.support.workflows import Jobs


@pytest.fixture
def jobs(owner) -> Jobs:
    made = Jobs(owner.tenant.id)
    made.edges("extract>load")
    return made


def runs(jobs) -> list[str]:
    """The triggers of roots."""
    query = "SELECT e.trigger FROM execution e JOIN workflow_run w ON w.root_execution_id = e.id WHERE e.tenant_id = %s"
    found = rows.fetch(query, jobs.tenant)
    return [trigger for (trigger,) in found]


def letter_of(job, execution):
    identifier = uuid4()
    rows.insert(
        "dead_letter", id=identifier, tenant_id=job[1], job_id=job[0], execution_id=execution, state="open",
        error_code="TIMEOUT", error_message="too slow", error_fingerprint="f", closed_by="", created_at=rows.now(),
    )  # fmt: skip
    return identifier


@pytest.mark.parametrize(("asked", "found"), [({}, []), ({"with_downstream": True}, ["replay"])])
def test_a_replay_and_a_redrive_start_it_only_if_asked(owner, jobs, asked, found):
    for way in ("executions", "dead-letters"):
        former = rows.execution(jobs["extract"], "failed")
        subject = former if way == "executions" else letter_of(jobs["extract"], former)
        action = "replay" if way == "executions" else "redrive"
        answer = owner.api.post(f"/api/v1/{way}/{subject}/{action}", asked)
        assert answer.status_code == 202, answer.content
    assert runs(jobs) == found * 2
    assert owner.api.post(f"/api/v1/executions/{former}/replay", {"with_downstream": "maybe"}).status_code == 422


def test_a_slot_that_is_run_anyway_starts_it_only_if_asked(owner, jobs):
    hours = hourly(jobs["extract"])
    for back, asked in ((1, {}), (2, {"with_downstream": True})):
        skipped = hours.live(back, "skipped", reason="HOLIDAY")
        assert owner.api.post(f"/api/v1/executions/{skipped}/run-anyway", asked).status_code == 202
    body = {"scheduled_for": hours.at(3).isoformat(), "with_downstream": True}
    assert owner.api.post(f"/api/v1/schedules/{hours.schedule}/run-anyway", body).status_code == 202
    assert runs(jobs) == ["backfill", "backfill"]


@pytest.mark.parametrize("action", ["replay", "redrive"])
def test_many_that_run_again_start_it_only_if_asked(owner, jobs, action):
    rows.execution(jobs["extract"], "failed")
    operation = bulk(owner, action, all=True, with_downstream=True)
    assert (drive(operation), seen(owner, operation)["with_downstream"], runs(jobs)) == ("succeeded", True, ["replay"])
    rows.execution(jobs["extract"], "failed")
    operation = bulk(owner, action, all=True)
    drive(operation)
    assert (seen(owner, operation)["with_downstream"], len(runs(jobs))) == (False, 1)


def test_what_runs_nothing_has_nothing_downstream(owner):
    body = {"action": "cancel", "all": True, "reason": "because", "with_downstream": True}
    answer = owner.api.post("/api/v1/executions/bulk", body)
    assert (answer.status_code, list(answer.json()["error"]["details"])) == (422, ["with_downstream"])


def test_slots_of_a_backfill_start_it_and_count_alone(owner, jobs):
    hours = hourly(jobs["extract"])
    operation = backfill(owner, hours, 1, with_downstream=True)
    steps(operation)
    rows.change("UPDATE execution SET waiting_on = '' WHERE tenant_id = %s", jobs.tenant)
    rows.change("UPDATE workflow_run SET due_at = now() WHERE tenant_id = %s", jobs.tenant)
    with logins.engine():
        workflows.move()
    query = "SELECT step, state, operation_id::text FROM execution WHERE step = 'load' AND tenant_id = %s"
    found = rows.fetch(query, jobs.tenant)
    assert found == [("load", "blocked", operation["id"])] * 2
    end(hours)
    steps(operation)
    told = seen(owner, operation)
    assert [told[name] for name in ("state", "made", "done", "failed")] == ["running", 2, 2, 0]
    rows.change(
        "UPDATE execution SET state = 'failed', finished_at = now() WHERE step = 'load' AND tenant_id = %s", jobs.tenant
    )
    steps(operation)
    told = seen(owner, operation)
    assert [told[name] for name in ("state", "made", "done", "failed")] == ["succeeded", 2, 2, 0]


def test_a_backfill_starts_nothing_by_itself(owner, jobs):
    operation = backfill(owner, hourly(jobs["extract"]), 1)
    steps(operation)
    assert (seen(owner, operation)["made"], runs(jobs)) == (2, [])
