"""A workflow run begins: made with its root, planned when that is due, and over when that does not run."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest

from jobs.engine import transitions
from jobs.rules import identity
from tests.support import rows
from tests.support import workflows as runs
from tests.support.workflows import Jobs

pytestmark = pytest.mark.usefixtures("as_engine", "empty_database")

HOUR = timedelta(hours=1)


@pytest.fixture
def jobs() -> Jobs:
    return runs.diamond()


def test_run_is_made_with_its_root(jobs):
    at = rows.now() + HOUR
    root = runs.new(jobs["extract"], not_before=at, triggered_by="ann")
    transitions.create([root])
    transitions.create([root])
    stored = rows.fetch(
        "SELECT id, root_job_id, root_execution_id, state, graph, due_at, triggered_by FROM workflow_run"
    )
    assert stored == [(runs.run_of(root.id), jobs["extract"][0], root.id, "planned", {}, at, "ann")]
    assert rows.fetch("SELECT step, trigger FROM execution") == [("extract", "manual")]
    assert identity.milliseconds(stored[0][0]) == identity.milliseconds(root.id)


@pytest.mark.parametrize(
    ("columns", "job", "runs_made"),
    [
        ({}, "load", 0),
        ({"state": "skipped", "reason": "MISFIRE"}, "extract", 0),
        ({"with_downstream": False}, "extract", 0),
        ({"trigger": "replay"}, "extract", 0),
        ({"trigger": "backfill"}, "extract", 0),
        ({"trigger": "backfill", "with_downstream": True}, "extract", 1),
        ({"trigger": "schedule"}, "extract", 1),
        ({"workflow_run_id": uuid4(), "step": "x", "state": "blocked"}, "extract", 0),
    ],
)
def test_only_what_starts_something_makes_a_run(jobs, columns, job, runs_made):
    transitions.create([runs.new(jobs[job], **columns)])
    assert rows.fetch("SELECT count(*) FROM workflow_run") == [(runs_made,)]


def test_gate_starts_nothing():
    jobs = Jobs()
    jobs.edge("a", "b", mode="gate")
    transitions.create([runs.new(jobs["a"])])
    assert rows.fetch("SELECT count(*) FROM workflow_run") == [(0,)]


def test_due_run_has_its_graph_and_a_blocked_step_each(jobs):
    jobs.edge("other", "load")  # not in the reach of extract
    jobs.edge("load", "gone")
    rows.change("UPDATE job SET state = 'deleted' WHERE name = 'gone'")
    run = runs.started(jobs)
    assert runs.state(run) == "running"
    assert runs.states(run) == {"extract": "pending", "clean": "blocked", "count": "blocked", "load": "blocked"}
    steps = rows.fetch("SELECT graph -> 'steps' FROM workflow_run")[0][0]
    assert steps["extract"] == {"job": str(jobs["extract"][0]), "upstreams": []}
    assert {edge["step"] for edge in steps["load"]["upstreams"]} == {"clean", "count"}
    assert steps["clean"]["upstreams"] == [{"step": "extract", "rule": "all_success", "condition": ""}]
    assert set(rows.fetch("SELECT trigger FROM execution WHERE step <> 'extract'")) == {("dependency",)}


def test_run_of_a_later_root_is_planned_when_that_is_due(jobs):
    root = runs.new(jobs["extract"], not_before=rows.now() + HOUR)
    transitions.create([root])
    runs.move()
    run = runs.run_of(root.id)
    assert runs.state(run) == "planned"
    rows.change("UPDATE workflow_run SET due_at = now()")  # as if its root had been due, and was moved meanwhile
    runs.move()
    assert rows.fetch("SELECT state, due_at FROM workflow_run") == [("planned", root.not_before)]


def test_root_that_is_skipped_ends_its_run(jobs):
    root = runs.new(jobs["extract"])
    transitions.create([root])
    transitions.skip(root.id, "OVERLAP")
    runs.move()
    run = runs.run_of(root.id)
    assert (runs.state(run), runs.states(run), runs.untold()) == ("skipped", {"extract": "OVERLAP"}, [])


def test_root_that_is_cancelled_long_before_it_is_due_ends_its_run(jobs):
    root = runs.new(jobs["extract"], not_before=rows.now() + HOUR)
    transitions.create([root])
    transitions.cancel(root.id)
    runs.move()
    assert runs.state(runs.run_of(root.id)) == "cancelled"


def test_root_that_is_skipped_after_its_run_was_planned_takes_all_steps_along(jobs):
    jobs.edge("extract", "report", "all_done")
    run = runs.started(jobs)
    transitions.skip(runs.ids(run)["extract"], "EXPIRED")
    runs.move()
    assert (runs.state(run), set(runs.states(run).values())) == ("skipped", {"EXPIRED"})


def test_root_that_is_cancelled_after_its_run_was_planned_takes_all_steps_along(jobs):
    run = runs.started(jobs)
    transitions.cancel(runs.ids(run)["extract"])
    runs.move()
    assert (runs.state(run), set(runs.states(run).values())) == ("cancelled", {"cancelled"})


def test_root_that_was_skipped_by_hand_is_a_step_like_others(jobs):
    jobs.edge("extract", "report", "all_done")
    run = runs.started(jobs)
    transitions.skip(runs.ids(run)["extract"], "SKIPPED_BY_HAND")
    runs.move()
    assert runs.states(run)["report"] == "pending"
    assert runs.states(run)["clean"] == "RULE_NOT_MET"


def test_disabled_jobs_step_is_skipped(jobs):
    rows.change("UPDATE job SET state = 'disabled' WHERE name = 'clean'")
    run = runs.started(jobs)
    assert runs.states(run)["clean"] == "DISABLED"
    runs.succeed(run, "extract")
    assert runs.states(run)["load"] == "RULE_NOT_MET"


def test_run_without_room_for_all_steps_gets_none_and_fails(jobs):
    rows.change("UPDATE tenant SET max_unfinished = 3")
    run = runs.started(jobs)
    assert runs.states(run) == {"extract": "pending", "clean": "QUOTA", "count": "QUOTA", "load": "QUOTA"}
    runs.succeed(run, "extract")
    assert runs.state(run) == "failed"


def test_steps_have_what_their_jobs_say_and_the_roots_place_in_line(jobs):
    jobs.add(
        "last",
        priority=7,
        timeout_seconds=9,
        retry={"max_attempts": 4},
        concurrency_key="of:{who}",
        payload={"who": "me"},
    )
    jobs.edge("load", "last")
    operation = uuid4()
    run = runs.start(jobs["extract"], priority=-5, operation_id=operation, triggered_by="ann")
    runs.move()
    assert set(runs.ids(run)) == {
        "extract"
    }  # it waits for the operation's pace, and its steps take up no room meanwhile
    rows.change("UPDATE execution SET waiting_on = ''")
    rows.change("UPDATE workflow_run SET due_at = now()")
    runs.move()
    stored = rows.fetch(
        """SELECT priority, timeout_seconds, max_attempts, concurrency_key, operation_id, payload, triggered_by
           FROM execution WHERE id = %s""",
        runs.ids(run)["last"],
    )
    assert stored == [(-3, 9, 4, "of:me", operation, None, "ann")]


def test_root_whose_job_was_renamed_meanwhile_is_called_as_in_the_graph(jobs):
    run = runs.start(jobs["extract"])
    rows.change("UPDATE job SET name = 'fetch' WHERE name = 'extract'")
    runs.move()
    assert set(runs.states(run)) == {"fetch", "clean", "count", "load"}
    runs.succeed(run, "fetch")
    assert runs.states(run)["clean"] == "pending"
