"""Workflow runs from step to step, to their end."""

from __future__ import annotations

from datetime import timedelta

import pytest

from jobs import explanations
from jobs.engine import transitions
from jobs.models import Execution
from jobs.rules.states import State
from tests.support import one, rows
from tests.support import workflows as runs
from tests.support.workflows import Jobs

pytestmark = pytest.mark.usefixtures("as_engine", "empty_database")

HOUR = timedelta(hours=1)


@pytest.fixture
def jobs() -> Jobs:
    return runs.diamond()


def test_step_starts_when_all_before_it_have_succeeded(jobs):
    run = runs.started(jobs)
    runs.succeed(run, "extract")
    assert runs.states(run) == {"extract": "succeeded", "clean": "pending", "count": "pending", "load": "blocked"}
    runs.succeed(run, "clean")
    assert runs.states(run)["load"] == "blocked"
    runs.succeed(run, "count")
    assert (runs.states(run)["load"], runs.state(run)) == ("pending", "running")
    runs.succeed(run, "load")
    assert (runs.state(run), runs.untold()) == ("succeeded", [])


def test_failure_skips_what_needs_it_and_runs_what_waits_for_it(jobs):
    jobs.edge("extract", "alarm", "one_failed")
    jobs.edge("load", "report", "all_done")
    run = runs.started(jobs)
    runs.end(run, {"extract": "fail"})
    skipped = "DEPENDENCY_FAILED"
    assert runs.states(run) == {
        "extract": "EXECUTION_FAILED", "clean": skipped, "count": skipped, "load": skipped, "alarm": "pending", "report": "pending",
    }  # fmt: skip
    runs.succeed(run, "alarm", "report")
    assert runs.state(run) == "succeeded"  # by its leaves


def test_run_fails_with_a_leaf_that_failed_or_could_not_run(jobs):
    run = runs.started(jobs)
    runs.succeed(run, "extract")
    runs.end(run, {"clean": "fail", "count": "succeed"})
    assert runs.states(run)["load"] == "DEPENDENCY_FAILED"
    assert (runs.state(run), runs.untold()) == ("failed", [])


def test_rule_that_cannot_be_met_any_more_skips(jobs):
    jobs.edge("extract", "alarm", "one_failed")
    jobs.edge("alarm", "after", "none_failed")
    run = runs.started(jobs)
    runs.succeed(run, "extract")
    assert runs.states(run)["alarm"] == "RULE_NOT_MET"
    assert runs.states(run)["after"] == "pending"


def test_retry_of_a_step_is_not_its_end(jobs):
    run = runs.started(jobs)
    claimed = runs.claim(runs.ids(run)["extract"])
    ended = transitions.retry(runs.fence(claimed), runs.PROBLEM, delay=timedelta())
    assert ended is not None
    runs.move()
    assert runs.states(run)["clean"] == "blocked"
    runs.succeed(run, "extract")
    assert runs.states(run)["clean"] == "pending"


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("upstream.extract.result.rows > 5", "pending"),
        ("upstream.extract.result.rows > 50", "CONDITION_FALSE"),
        ("upstream['extract'].state == 'succeeded'", "pending"),
        ("upstream.extract.result.missing > 5", "CONFIG_INVALID"),
        ("upstream.extract.result", "CONFIG_INVALID"),
        ("upstream.nobody.state == 'succeeded'", "CONFIG_INVALID"),
        ("this is no expression", "CONFIG_INVALID"),
    ],
)
def test_condition_decides_over_results(condition, expected):
    jobs = Jobs()
    jobs.edge("extract", "load", condition=condition)
    run = runs.started(jobs)
    runs.succeed(run, "extract", result={"rows": 7})
    assert runs.states(run)["load"] == expected
    assert runs.state(run) == {"pending": "running", "CONDITION_FALSE": "succeeded"}.get(expected, "failed")


def test_condition_reads_what_was_skipped_in_the_same_move():
    jobs = Jobs()
    jobs.edges("a>b", "b>c")
    jobs.edge("c", "d", "all_done", condition="upstream.c.state == 'skipped'")
    run = runs.start(jobs["a"])
    runs.move()
    runs.end(run, {"a": "fail"})
    assert runs.states(run) == {
        "a": "EXECUTION_FAILED", "b": "DEPENDENCY_FAILED", "c": "DEPENDENCY_FAILED", "d": "pending",
    }  # fmt: skip


def test_end_of_a_step_rings_and_that_of_others_does_not(jobs):
    run = runs.started(jobs)
    step = runs.claim(runs.ids(run)["extract"])
    other = rows.execution(rows.job(), State.RUNNING)
    assert one.succeed(runs.fence(step)) == transitions.Ended(frees_somebody=True)
    ended = one.succeed(transitions.Fence(id=other, attempt_id=other, epoch=1))
    assert ended == transitions.Ended(frees_somebody=False)


def test_blocked_step_says_for_which_steps_it_waits(jobs):
    run = runs.started(jobs)
    runs.succeed(run, "extract")
    runs.succeed(run, "clean")
    told = explanations.of_execution(Execution.objects.get(pk=runs.ids(run)["load"]))
    assert (told.reasons[0].code, told.reasons[0].clause) == (
        "AWAITING_UPSTREAM", "the jobs before it have not ended; it waits for count (pending)",
    )  # fmt: skip


def test_skipped_step_says_how_the_steps_before_it_ended(jobs):
    run = runs.started(jobs)
    runs.end(run, {"extract": "fail"})
    told = explanations.of_execution(Execution.objects.get(pk=runs.ids(run)["clean"]))
    assert told.reasons[0].code == "DEPENDENCY_FAILED"
    assert told.reasons[0].clause.endswith("; extract is failed")


def test_a_run_tells_of_each_start_and_of_each_end_once():
    def told(run):
        query = """SELECT kind, job_id, data ->> 'reruns' FROM event WHERE data ->> 'workflow_run' = %s ORDER BY created_at"""
        return [(kind.removeprefix("workflow_run."), job, reruns) for kind, job, reruns in rows.fetch(query, str(run))]

    jobs = runs.diamond()
    run = runs.started(jobs)
    root = jobs["extract"][0]
    assert told(run) == [("started", root, "0")]
    runs.end(run, {"extract": "fail"})
    runs.move()
    assert told(run) == [("started", root, "0"), ("failed", root, "0")]
    skipped = runs.new(jobs["extract"])
    transitions.create([skipped])
    transitions.skip(skipped.id, "OVERLAP")
    runs.move()
    assert told(runs.run_of(skipped.id)) == [("skipped", root, "0")]
