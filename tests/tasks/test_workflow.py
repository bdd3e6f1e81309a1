"""Jobs of type ``workflow``: the real handler and runner, and an engine that may be another in every round."""

from __future__ import annotations

import pytest
from django.db import OperationalError

from jobs import explanations
from jobs.engine import dispatch, sub_runs, transitions, workflows
from jobs.models import Execution
from jobs.rules import identity
from tests.support import children, rows
from tests.support.children import World

pytestmark = pytest.mark.usefixtures("as_engine", "empty_database", "quick")

CHAIN = {
    "extract": {"job": "extract", "payload": {"result": {"rows": "{{ parameters.rows }}"}}},
    "load": {
        "job": "load",
        "payload": {"result": "{{ upstream.extract.result.rows }} of {{ parameters.day }}"},
        "upstreams": [{"step": "extract", "condition": "upstream.extract.result.rows > 0"}],
    },
}


@pytest.fixture
def world() -> World:
    made = World()
    made.job("extract")
    made.job("load")
    made.job(
        "both", type="workflow", payload={"steps": CHAIN, "parameters": {"rows": 3, "day": "{{ execution.attempt }}"}}
    )
    return made


def test_steps_run_in_order_read_parameters_and_upstreams_and_are_its_result(world):
    execution = world.start("both")
    assert (rows.state_of(execution), children.attempts(execution)) == ("blocked", [(1, "suspended")])
    assert children.members(execution) == {"extract": ("scheduled", ""), "load": ("blocked", "")}
    world.settle()
    state, result, _ = children.outcome(execution)
    assert state == "succeeded"
    assert result == {
        "children": 2, "succeeded": 2, "failed": 0, "cancelled": 0, "skipped": 0, "truncated": False,
        "steps": {
            "extract": {"state": "succeeded", "result": {"rows": 3}},
            "load": {"state": "succeeded", "result": "3 of 1"},
        },
    }  # fmt: skip
    assert children.attempts(execution) == [(1, "suspended"), (1, "succeeded")]
    stored = rows.fetch("SELECT payload FROM execution WHERE step = 'load'")
    assert stored == [({"result": "3 of 1"},)], "data, as any override: a replay of the step alone has it as well"


def test_what_it_waits_for_is_said(world):
    execution = world.start("both")
    summary = explanations.of_execution(Execution.objects.get(pk=execution)).reasons[0].clause
    assert "it waits for 2 of 2 children" in summary


def test_a_step_whose_condition_does_not_hold_is_skipped(world):
    execution = world.start("both", payload='{"parameters": {"rows": 0, "day": 1}}')
    world.settle()
    assert children.members(execution)["load"] == ("skipped", "CONDITION_FALSE")
    assert children.outcome(execution)[0] == "succeeded"


def test_a_failed_step_fails_it_by_name_and_a_retry_runs_only_what_did_not_succeed(world):
    world.job("flaky", payload={"fail_rate": 1}, retry={"max_attempts": 1})
    steps = {"extract": {"job": "extract"}, "shaky": {"job": "flaky", "upstreams": [{"step": "extract"}]}}
    steps["after"] = {"job": "load", "upstreams": [{"step": "shaky"}]}
    world.job("three", type="workflow", payload={"steps": steps}, retry={"max_attempts": 2, "delay_seconds": 100})
    execution = world.start("three", max_attempts=2)
    world.settle()
    rows.change("UPDATE job SET payload = '{}' WHERE name = 'flaky'")
    rows.change("UPDATE job_revision SET spec = spec || '{\"payload\": {}}' WHERE spec #>> '{payload,fail_rate}' = '1'")
    problem = rows.fetch("SELECT error_message FROM attempt WHERE execution_id = %s AND state = 'failed'", execution)
    assert problem[0][0].startswith("1 of 3 steps failed: shaky (EXECUTION_FAILED: failed by chance")
    rows.change("UPDATE execution SET not_before = now() WHERE id = %s", execution)
    world.settle()
    assert children.outcome(execution)[0] == "succeeded"
    ran = rows.fetch("SELECT step, count(*) FROM execution WHERE step <> '' GROUP BY step ORDER BY step")
    assert ran == [("after", 2), ("extract", 1), ("shaky", 2)]


@pytest.mark.parametrize("broken", ["transitions.create", "workflows.move"])
def test_a_crash_as_they_are_made_leaves_nothing_and_the_next_attempt_makes_them(world, broken, monkeypatch):
    module, name = {"transitions": transitions, "workflows": workflows}[broken.split(".")[0]], broken.split(".")[1]

    def crash(*_):
        raise RuntimeError("the process died")

    with monkeypatch.context() as patched:
        patched.setattr(module, name, crash)
        execution = world.start("both", max_attempts=2)
    assert rows.fetch("SELECT count(*) FROM workflow_run") == [(0,)]
    assert children.members(execution) == {}
    rows.change("UPDATE execution SET state = 'queued', attempt = 1, finished_at = NULL WHERE id = %s", execution)
    world.settle()
    assert children.outcome(execution)[0] == "succeeded"


def test_asked_twice_it_meets_its_own_children(world):
    execution = world.start("both")
    rows.change("UPDATE execution SET resume_at = now() WHERE id = %s", execution)  # woken for nothing
    world.round()
    assert rows.fetch("SELECT count(*) FROM execution WHERE step <> ''") == [(2,)]
    world.settle()
    assert children.outcome(execution)[0] == "succeeded"


@pytest.mark.parametrize("end", ["cancelled", "failed", "deleted job"])
def test_whatever_ends_it_ends_its_children_even_if_nobody_told_them(world, end):
    execution = world.start("both")
    run = identity.sub_run_id(execution)
    match end:
        case "cancelled":
            transitions.cancel(execution)
        case "failed":  # as at the end of max_total_seconds
            transitions.reject(execution, "out of time")
        case _:
            job, tenant = world.jobs["both"]
            transitions.cancel_waiting_of(tenant_id=tenant, job_id=job)
    assert sub_runs.cancel_orphans() == 1  # in whichever engine
    while workflows.move_on():
        pass
    assert set(children.members(execution).values()) == {("cancelled", "")}
    assert rows.fetch("SELECT state FROM workflow_run WHERE id = %s", run) == [("cancelled",)]
    assert sub_runs.cancel_orphans() == 0


def test_cancelled_children_fail_it_for_good(world):
    execution = world.start("both", max_attempts=3)
    rows.change("UPDATE workflow_run SET cancel_requested_at = now()")
    world.settle()
    assert children.outcome(execution)[::2] == ("failed", "its children were cancelled")


def test_within_each_other_they_end_at_a_depth(world):
    world.job("loop", type="workflow", payload={"steps": {"again": {"job": "loop"}}}, retry={"max_attempts": 1})
    execution = world.start("loop")
    world.settle()
    assert children.outcome(execution)[0] == "failed"
    found = rows.fetch("SELECT error_message FROM execution ORDER BY id DESC LIMIT 1")
    assert rows.fetch("SELECT count(*) FROM workflow_run") == [(5,)], found


def test_a_job_of_another_tenant_or_one_that_is_gone_is_refused_by_name(world):
    theirs = World()
    theirs.job("secret job")
    world.job("thief", type="workflow", payload={"steps": {"steal": {"job": "secret job"}}})
    execution = world.start("thief")
    assert children.outcome(execution)[2] == (
        "steal: there is no job 'secret job' in this tenant: make it, or correct the name"
    )
    world.job("by id", type="workflow", payload={"steps": {"steal": {"job": str(theirs.jobs["secret job"][0])}}})
    assert "there is no job" in children.outcome(world.start("by id"))[2]


def test_children_count_against_the_quota_of_unfinished_executions(world):
    rows.change("UPDATE tenant SET max_unfinished = 2")
    execution = world.start("both")
    assert children.outcome(execution)[2] == "the tenant's quota of unfinished executions has no room for 2 more"
    assert children.members(execution) == {}


def test_while_the_database_is_away_it_is_given_back(world, monkeypatch, settings):
    settings.LEASE = settings.LEASE * 0
    with monkeypatch.context() as patched:

        def away(*_):
            raise OperationalError("away")

        patched.setattr(sub_runs, "_make", away)
        execution = world.start("both")
    assert children.attempts(execution)[0] == (1, "released")
    world.settle()
    assert children.outcome(execution)[0] == "succeeded"


def test_its_end_wakes_it_at_once(world, monkeypatch):
    rung = []
    monkeypatch.setattr(dispatch, "ring", lambda: rung.append(1))
    world.start("both")
    assert rung, "so that its first steps start at once"
