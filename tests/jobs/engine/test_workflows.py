"""Workflow runs from their roots to their ends, with real commits."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import OperationalError, connection, transaction

from jobs import explanations, sql
from jobs.engine import transitions, workflows
from jobs.models import Execution, WorkflowRun
from jobs.rules import identity
from jobs.rules.states import State
from tests.support import one, rows, servers
from tests.support import workflows as runs
from tests.support.workflows import Jobs

pytestmark = pytest.mark.usefixtures("as_engine", "empty_database")

HOUR = timedelta(hours=1)


@pytest.fixture
def jobs() -> Jobs:
    """extract before clean and count, both before load."""
    made = Jobs()
    made.edges("extract>clean", "extract>count", "clean>load", "count>load")
    return made


def started(jobs: Jobs, **columns: Any) -> Any:
    run = runs.start(jobs["extract"], **columns)
    runs.move()
    return run


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
    run = started(jobs)
    assert runs.state(run) == "running"
    assert runs.states(run) == {"extract": "pending", "clean": "blocked", "count": "blocked", "load": "blocked"}
    steps = rows.fetch("SELECT graph -> 'steps' FROM workflow_run")[0][0]
    assert steps["extract"] == {"job": str(jobs["extract"][0]), "upstreams": []}
    assert {edge["step"] for edge in steps["load"]["upstreams"]} == {"clean", "count"}
    assert steps["clean"]["upstreams"] == [{"step": "extract", "rule": "all_success", "condition": ""}]
    assert set(rows.fetch("SELECT trigger FROM execution WHERE step <> 'extract'")) == {("dependency",)}


def test_step_starts_when_all_before_it_have_succeeded(jobs):
    run = started(jobs)
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
    run = started(jobs)
    runs.end(run, {"extract": "fail"})
    skipped = "DEPENDENCY_FAILED"
    assert runs.states(run) == {
        "extract": "EXECUTION_FAILED", "clean": skipped, "count": skipped, "load": skipped, "alarm": "pending", "report": "pending",
    }  # fmt: skip
    runs.succeed(run, "alarm", "report")
    assert runs.state(run) == "succeeded"  # by its leaves


def test_run_fails_with_a_leaf_that_failed_or_could_not_run(jobs):
    run = started(jobs)
    runs.succeed(run, "extract")
    runs.end(run, {"clean": "fail", "count": "succeed"})
    assert runs.states(run)["load"] == "DEPENDENCY_FAILED"
    assert (runs.state(run), runs.untold()) == ("failed", [])


def test_rule_that_cannot_be_met_any_more_skips(jobs):
    jobs.edge("extract", "alarm", "one_failed")
    jobs.edge("alarm", "after", "none_failed")
    run = started(jobs)
    runs.succeed(run, "extract")
    assert runs.states(run)["alarm"] == "RULE_NOT_MET"
    assert runs.states(run)["after"] == "pending"


def test_retry_of_a_step_is_not_its_end(jobs):
    run = started(jobs)
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
    run = started(jobs)
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
    run = started(jobs)
    transitions.skip(runs.ids(run)["extract"], "EXPIRED")
    runs.move()
    assert (runs.state(run), set(runs.states(run).values())) == ("skipped", {"EXPIRED"})


def test_root_that_is_cancelled_after_its_run_was_planned_takes_all_steps_along(jobs):
    run = started(jobs)
    transitions.cancel(runs.ids(run)["extract"])
    runs.move()
    assert (runs.state(run), set(runs.states(run).values())) == ("cancelled", {"cancelled"})


def test_root_that_was_skipped_by_hand_is_a_step_like_others(jobs):
    jobs.edge("extract", "report", "all_done")
    run = started(jobs)
    transitions.skip(runs.ids(run)["extract"], "SKIPPED_BY_HAND")
    runs.move()
    assert runs.states(run)["report"] == "pending"
    assert runs.states(run)["clean"] == "RULE_NOT_MET"


def test_disabled_jobs_step_is_skipped(jobs):
    rows.change("UPDATE job SET state = 'disabled' WHERE name = 'clean'")
    run = started(jobs)
    assert runs.states(run)["clean"] == "DISABLED"
    runs.succeed(run, "extract")
    assert runs.states(run)["load"] == "RULE_NOT_MET"


def test_run_without_room_for_all_steps_gets_none_and_fails(jobs):
    rows.change("UPDATE tenant SET max_unfinished = 3")
    run = started(jobs)
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
    run = started(jobs, priority=-5, operation_id=operation, triggered_by="ann")
    stored = rows.fetch(
        """SELECT priority, timeout_seconds, max_attempts, concurrency_key, operation_id, payload, triggered_by
           FROM execution WHERE id = %s""",
        runs.ids(run)["last"],
    )
    assert stored == [(-3, 9, 4, "of:me", operation, None, "ann")]


def test_cancelled_run_lets_nothing_go_and_ends_when_what_ran_has_ended(jobs):
    run = started(jobs)
    runs.succeed(run, "extract")
    running = runs.claim(runs.ids(run)["clean"])
    rows.change("UPDATE workflow_run SET cancel_requested_at = now()")
    runs.move()
    assert runs.states(run) == {"extract": "succeeded", "clean": "running", "count": "cancelled", "load": "cancelled"}
    assert runs.state(run) == "running"
    assert rows.fetch("SELECT cancel_requested_at IS NOT NULL FROM execution WHERE state = 'running'") == [(True,)]
    assert not workflows.move_on()
    assert transitions.acknowledge_cancel(runs.fence(running))
    runs.move()
    assert runs.state(run) == "cancelled"


def test_run_is_cancelled_in_the_callers_transaction(jobs):
    run = started(jobs)
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


def test_steps_that_wait_for_each_other_fail_instead_of_waiting_for_ever():
    jobs = Jobs()
    jobs.edges("a>b", "b>c", "c>b")
    run = runs.start(jobs["a"])
    runs.move()
    runs.succeed(run, "a")
    assert runs.states(run) == {"a": "succeeded", "b": "CONFIG_INVALID", "c": "CONFIG_INVALID"}
    assert runs.state(run) == "failed"


def test_run_that_cannot_be_read_fails_and_holds_up_nobody(jobs):
    broken, fine = started(jobs), started(jobs)
    rows.change("""UPDATE workflow_run SET graph = '{"steps": {"a": {}}}' WHERE id = %s""", broken)
    runs.succeed(broken, "extract")
    runs.succeed(fine, "extract")
    assert (runs.state(broken), runs.states(broken)["clean"]) == ("failed", "CONFIG_INVALID")
    assert runs.states(fine)["clean"] == "pending"
    assert runs.untold() == []


def test_what_ends_after_its_run_is_only_noted(jobs):
    run = started(jobs)
    rows.change("UPDATE workflow_run SET state = 'failed', finished_at = now()")
    runs.succeed(run, "extract")
    assert (runs.states(run)["clean"], runs.untold()) == ("blocked", [])
    rows.change("DELETE FROM workflow_run")
    rows.change("UPDATE execution SET is_told = false")
    runs.move()
    assert runs.untold() == []


def test_rerun_in_the_callers_transaction_goes_on_from_its_step(jobs):
    run = started(jobs)
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


def test_end_of_a_step_rings_and_that_of_others_does_not(jobs):
    run = started(jobs)
    step = runs.claim(runs.ids(run)["extract"])
    other = rows.execution(rows.job(), State.RUNNING)
    assert one.succeed(runs.fence(step)) == transitions.Ended(frees_somebody=True)
    ended = one.succeed(transitions.Fence(id=other, attempt_id=other, epoch=1))
    assert ended == transitions.Ended(frees_somebody=False)


class Crash:
    """Lets only so many statements through, the ORM's and the named ones."""

    def __init__(self, after: int, monkeypatch: Any) -> None:
        self.left = after
        run = sql.run
        monkeypatch.setattr(sql, "run", lambda *args, **named: self.count() or run(*args, **named))

    def count(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise OperationalError("the connection is gone")

    def __call__(self, execute: Any, *args: Any) -> Any:
        self.count()
        return execute(*args)


EVERYTHING = """
    SELECT 'execution', id::text, state, is_told::text FROM execution
    UNION ALL SELECT 'run', id::text, state, graph::text FROM workflow_run
    UNION ALL SELECT 'event', id::text, kind, '' FROM event ORDER BY 1, 2
"""


@pytest.mark.parametrize("stage", ["plan", "advance"])
def test_crash_at_any_statement_loses_nothing_and_repeats_nothing(stage, monkeypatch):
    jobs = Jobs()
    jobs.edges("extract>clean", "clean>after")
    jobs.edge("extract", "alarm", "one_failed")
    jobs.edge("extract", "load", condition="upstream.extract.result.rows > 5")
    statements = 0
    while True:
        run = runs.start(jobs["extract"])
        if stage == "advance":
            runs.move()
            ended = one.succeed(runs.fence(runs.claim(runs.ids(run)["extract"])), result={"rows": 7})
            assert ended is not None
        before = rows.fetch(EVERYTHING)
        with monkeypatch.context() as patched:
            crash = Crash(statements, patched)
            try:
                with connection.execute_wrapper(crash):
                    workflows.move_on()
            except OperationalError:
                crashed = True
            else:
                crashed = False
        if not crashed:
            break
        assert rows.fetch(EVERYTHING) == before
        runs.move()
        expected = {"clean": "blocked", "after": "blocked", "alarm": "blocked", "load": "blocked", "extract": "pending"}
        if stage == "advance":
            expected |= {"clean": "pending", "load": "pending", "alarm": "RULE_NOT_MET", "extract": "succeeded"}
        assert runs.states(run) == expected
        statements += 1
    assert statements > 6


def test_run_that_somebody_holds_is_left_to_them(jobs):
    run = started(jobs)
    assert one.succeed(runs.fence(runs.claim(runs.ids(run)["extract"])))
    with servers.superuser() as other, other.transaction():
        other.execute("SELECT 1 FROM workflow_run WHERE id = %s FOR NO KEY UPDATE", [run])
        assert not workflows.move_on()
        assert runs.states(run)["clean"] == "blocked"
    runs.move()
    assert runs.states(run)["clean"] == "pending"


def test_blocked_step_says_for_which_steps_it_waits(jobs):
    run = started(jobs)
    runs.succeed(run, "extract")
    runs.succeed(run, "clean")
    told = explanations.of_execution(Execution.objects.get(pk=runs.ids(run)["load"]))
    assert (told.reasons[0].code, told.reasons[0].clause) == (
        "AWAITING_UPSTREAM", "the jobs before it have not ended; count is pending",
    )  # fmt: skip


def test_skipped_step_says_how_the_steps_before_it_ended(jobs):
    run = started(jobs)
    runs.end(run, {"extract": "fail"})
    told = explanations.of_execution(Execution.objects.get(pk=runs.ids(run)["clean"]))
    assert told.reasons[0].code == "DEPENDENCY_FAILED"
    assert told.reasons[0].clause.endswith("; extract is failed")
