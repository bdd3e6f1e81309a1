"""What goes wrong under a workflow run: crashes, runs that somebody holds, graphs that cannot be read or never end."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError, connection

from jobs import sql
from jobs.engine import workflows
from tests.support import one, rows, servers
from tests.support import workflows as runs
from tests.support.workflows import Jobs

pytestmark = pytest.mark.usefixtures("as_engine", "empty_database")

HOUR = timedelta(hours=1)


@pytest.fixture
def jobs() -> Jobs:
    return runs.diamond()


def test_steps_that_wait_for_each_other_fail_instead_of_waiting_for_ever():
    jobs = Jobs()
    jobs.edges("a>b", "b>c", "c>b")
    run = runs.start(jobs["a"])
    runs.move()
    runs.succeed(run, "a")
    assert runs.states(run) == {"a": "succeeded", "b": "CONFIG_INVALID", "c": "CONFIG_INVALID"}
    assert runs.state(run) == "failed"


def test_run_that_cannot_be_read_fails_and_holds_up_nobody(jobs):
    broken, fine = runs.started(jobs), runs.started(jobs)
    rows.change("""UPDATE workflow_run SET graph = '{"steps": {"a": {}}}' WHERE id = %s""", broken)
    runs.succeed(broken, "extract")
    runs.succeed(fine, "extract")
    assert (runs.state(broken), runs.states(broken)["clean"]) == ("failed", "CONFIG_INVALID")
    assert runs.states(fine)["clean"] == "pending"
    assert runs.untold() == []


def test_large_runs_that_are_never_done_leave_the_others_their_turn(jobs, monkeypatch):
    large, small = sorted([runs.started(jobs), runs.started(jobs)])
    monkeypatch.setattr(workflows, "LONGEST", 0.0)  # as long as it takes to move one of them
    rows.change("UPDATE execution SET state = 'succeeded', finished_at = now() WHERE step = 'extract'")
    for _ in range(50):
        rows.change("UPDATE execution SET is_told = false WHERE workflow_run_id = %s AND step = 'extract'", large)
        workflows.move_on()
    assert runs.states(small)["clean"] == "scheduled"


def test_what_ends_after_its_run_is_only_noted(jobs):
    run = runs.started(jobs)
    rows.change("UPDATE workflow_run SET state = 'failed', finished_at = now()")
    runs.succeed(run, "extract")
    assert (runs.states(run)["clean"], runs.untold()) == ("blocked", [])
    rows.change("DELETE FROM workflow_run")
    rows.change("UPDATE execution SET is_told = false")
    runs.move()
    assert runs.untold() == []


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
    run = runs.started(jobs)
    assert one.succeed(runs.fence(runs.claim(runs.ids(run)["extract"])))
    with servers.superuser() as other, other.transaction():
        other.execute("SELECT 1 FROM workflow_run WHERE id = %s FOR NO KEY UPDATE", [run])
        workflows.move_on()
        assert runs.states(run)["clean"] == "blocked"
    runs.move()
    assert runs.states(run)["clean"] == "pending"
