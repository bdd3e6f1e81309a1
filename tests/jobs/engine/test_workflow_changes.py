"""Workflow runs that somebody cancels, or has go on from a step."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import transaction

from jobs import sql
from jobs.engine import transitions, workflows
from jobs.models import WorkflowRun
from jobs.rules import identity
from jobs.rules.states import State
from tests.support import rows
from tests.support import workflows as runs
from tests.support.workflows import Jobs

pytestmark = pytest.mark.usefixtures("as_engine", "empty_database")

HOUR = timedelta(hours=1)


@pytest.fixture
def jobs() -> Jobs:
    return runs.diamond()


def test_cancelled_run_lets_nothing_go_and_ends_when_what_ran_has_ended(jobs):
    run = runs.started(jobs)
    runs.succeed(run, "extract")
    running = runs.claim(runs.ids(run)["clean"])
    rows.change("UPDATE workflow_run SET cancel_requested_at = now()")
    runs.move()
    assert runs.states(run) == {"extract": "succeeded", "clean": "running", "count": "cancelled", "load": "cancelled"}
    assert runs.state(run) == "running"
    assert rows.fetch("SELECT cancel_requested_at IS NOT NULL FROM execution WHERE state = 'running'") == [(True,)]
    assert sql.run("runs_to_move", limit=10, most=10) == []
    assert transitions.acknowledge_cancel(runs.fence(running))
    runs.move()
    assert runs.state(run) == "cancelled"


def test_run_is_cancelled_in_the_callers_transaction(jobs):
    run = runs.started(jobs)
    with transaction.atomic():
        workflows.cancel(WorkflowRun.objects.select_for_update().get(pk=run))
    assert (runs.state(run), set(runs.states(run).values())) == ("cancelled", {"cancelled"})


@pytest.mark.parametrize("claimed", [False, True])
def test_run_cancelled_before_it_is_planned_never_is(jobs, claimed):
    root = runs.new(jobs["extract"])
    transitions.create([root])
    runs.ripen()
    running = runs.claim(root.id) if claimed else None
    run = runs.run_of(root.id)
    with transaction.atomic():
        workflows.cancel(WorkflowRun.objects.select_for_update().get(pk=run))
    if running:
        assert runs.state(run) == "planned"
        assert transitions.acknowledge_cancel(runs.fence(running))
        runs.move()
    assert (runs.state(run), runs.states(run)) == ("cancelled", {"extract": "cancelled"})


def test_rerun_in_the_callers_transaction_goes_on_from_its_step(jobs):
    run = runs.started(jobs)
    runs.succeed(run, "extract")
    runs.end(run, {"clean": "fail", "count": "succeed"})
    with transaction.atomic():
        again = WorkflowRun.objects.select_for_update().get(pk=run)
        again.state, again.finished_at, again.reruns = "running", None, 1
        again.save()
        for step in ("clean", "load"):
            rows_of_step = {"step": step, "workflow_run_id": run, "state": State.BLOCKED, "trigger": "dependency"}
            rows.change("UPDATE execution SET superseded = true WHERE step = %s", step)
            transitions.create([runs.new(jobs[step], id=identity.step_id(run, step, 1), **rows_of_step)])
        assert workflows.move(run)
    runs.ripen()
    assert runs.states(run) == {"extract": "succeeded", "clean": "pending", "count": "succeeded", "load": "blocked"}
    runs.succeed(run, "clean")
    runs.succeed(run, "load")
    assert runs.state(run) == "succeeded"
