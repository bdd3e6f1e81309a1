"""Workflow runs from one end to the other: what people ask of them, and the engine that moves them."""

from __future__ import annotations

import pytest

from jobs.engine import transitions
from tests.support import logins, rows, workflows

RUNS = "/api/v1/workflow-runs"


@pytest.fixture
def run(owner):
    """extract before clean and count, both before load; clean has failed."""
    jobs = workflows.Jobs(owner.tenant.id)
    jobs.edges("extract>clean", "extract>count", "clean>load", "count>load")
    with logins.engine():
        run = workflows.started(jobs)
        workflows.end(run, {"extract": "succeed"})
        workflows.end(run, {"clean": "fail", "count": "succeed"})
    assert workflows.states(run)["load"] == "DEPENDENCY_FAILED"
    assert workflows.state(run) == "failed"
    return run


def test_a_failed_run_is_resumed_and_comes_to_its_end(owner, run):
    answer = owner.api.post(f"{RUNS}/{run}/resume", {})
    assert answer.status_code == 202, answer.content
    with logins.engine():
        workflows.move()
        assert workflows.states(run) == {
            "extract": "succeeded",
            "count": "succeeded",
            "clean": "pending",
            "load": "blocked",
        }
        workflows.end(run, {"clean": "succeed"})
        workflows.end(run, {"load": "succeed"})
    assert owner.api.get(f"{RUNS}/{run}").json()["state"] == "succeeded"


def test_a_run_is_rerun_from_its_root(owner, run):
    assert owner.api.post(f"{RUNS}/{run}/rerun", {"step": "extract"}).status_code == 202
    with logins.engine():
        workflows.ripen()
        for step in ("extract", "clean", "count", "load"):
            workflows.end(run, {step: "succeed"})
    assert set(workflows.states(run).values()) == {"succeeded"}
    assert workflows.state(run) == "succeeded"


def test_a_step_that_waits_for_no_end_is_due_again_while_its_upstream_still_runs(owner):
    jobs = workflows.Jobs(owner.tenant.id)
    jobs.edges("extract>load")
    jobs.edge("load", "notice", "always")
    jobs.edge("extract", "notice", "always")
    with logins.engine():
        run = workflows.started(jobs)
        workflows.end(run, {"notice": "succeed"})
        workflows.claim(workflows.ids(run)["extract"])
    former = workflows.ids(run)["notice"]
    answer = owner.api.post(f"{RUNS}/{run}/rerun", {"step": "notice"})
    assert answer.status_code == 202, answer.content
    assert workflows.ids(run)["notice"] != former
    assert workflows.states(run) == {"extract": "running", "load": "blocked", "notice": "scheduled"}


def test_a_later_step_whose_job_is_disabled_is_left_out_and_its_own_is_refused(owner, run):
    rows.change("UPDATE job SET state = 'disabled' WHERE name = 'load' AND tenant_id = %s", owner.tenant.id)
    refused = owner.api.post(f"{RUNS}/{run}/rerun", {"step": "load"})
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "INVALID_STATE")
    assert owner.api.post(f"{RUNS}/{run}/resume", {}).status_code == 202
    assert workflows.states(run)["load"] == "DISABLED"
    with logins.engine():
        workflows.move()
        workflows.end(run, {"clean": "succeed"})
    assert workflows.states(run) == {
        "extract": "succeeded", "count": "succeeded", "clean": "succeeded", "load": "DISABLED"
    }  # fmt: skip
    assert workflows.state(run) == "succeeded"


def test_a_resumed_run_that_is_cancelled_ends(owner, run):
    owner.api.post(f"{RUNS}/{run}/resume", {})
    assert owner.api.post(f"{RUNS}/{run}/cancel", {}).status_code == 202
    with logins.engine():
        workflows.move()
    assert workflows.state(run) == "cancelled"


def test_what_hangs_on_a_step_that_is_no_longer_kept_is_not_resumed(owner, run):
    rows.change("DELETE FROM execution WHERE workflow_run_id = %s AND step = 'extract'", run)
    refused = owner.api.post(f"{RUNS}/{run}/resume", {})
    assert refused.status_code == 409
    assert "extract" in refused.json()["error"]["message"]


def test_a_step_that_expired_makes_its_run_fail(owner):
    jobs = workflows.Jobs(owner.tenant.id)
    jobs.edges("extract>load")
    with logins.engine():
        run = workflows.started(jobs)
        workflows.end(run, {"extract": "succeed"})
        transitions.skip(workflows.ids(run)["load"], "EXPIRED")
        workflows.move()
    assert workflows.state(run) == "failed"
