"""Steps of operations: what one costs others, and what becomes of one that cannot go on."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from jobs import sql
from jobs.engine import operations, selection, transitions
from jobs.engine.timer import Timer
from jobs.rules.states import State
from jobs.services.operation_kinds import KINDS
from tests.support import many, rows
from tests.support import operations as support

pytestmark = pytest.mark.usefixtures("as_engine", "empty_database")


def made(of: Any, **columns: Any) -> Any:
    now = rows.now()
    return support.row(of[1], next_step_at=now - rows.timedelta(seconds=1), created_at=now, **columns)


def fetch(operation: Any, column: str) -> Any:
    return rows.fetch(f"SELECT {column} FROM operation WHERE id = %s", operation)[0][0]


def statements(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Names of the statements that are run from here on."""
    said: Counter[str] = Counter()
    run = sql.run

    def counted(name: str, /, **parameters: Any) -> list[Any]:
        said[name] += 1
        return run(name, **parameters)

    monkeypatch.setattr(sql, "run", counted)
    return said


def test_rounds_of_admission_and_planning_run_no_statement_more_beside_running_operations(queue, monkeypatch):
    job = rows.job(queue_id=queue.name)
    many.executions(job, 150, State.PENDING, queue_id=queue.name)
    rows.worker(queues=(queue.name,), concurrency=2)
    timer, said = Timer(), statements(monkeypatch)
    timer.round()

    def most_in_a_round() -> int:
        said.clear()
        costs = []
        for _ in range(4):
            before = sum(said.values())
            timer.round()
            costs.append(sum(said.values()) - before)
        return max(costs)

    alone = most_in_a_round()
    for conditions in ({"state__in": ["scheduled"]}, {"state__in": ["pending"], "priority": 9}):
        made(job, rate_per_second=500.0, conditions=conditions)
    assert most_in_a_round() <= alone
    assert not {name for name in said if "operation" in name or "select_" in name}


def test_a_step_takes_a_bounded_number_of_statements_however_much_is_stored(monkeypatch):
    costs = []
    for total in (5, 500):
        job = rows.job()
        many.executions(job, total, "pending")
        operation = made(job, rate_per_second=500.0, matched=total)
        said = statements(monkeypatch)
        assert operations.step(KINDS)
        costs.append(sum(said.values()))
        assert fetch(operation, "done") == min(total, 100)
        rows.change("UPDATE operation SET state = 'aborted', finished_at = now() WHERE finished_at IS NULL")
    assert costs[0] == costs[1]


def test_rows_that_somebody_holds_are_waited_for_by_nobody_and_cancelled_later():
    import psycopg

    from tests.support import servers

    job = rows.job()
    first, held, last = sorted(rows.execution(job, "pending") for _ in range(3))
    operation = made(job, matched=3)
    with psycopg.connect(servers.URLS["engine"]) as somebody:
        somebody.execute("SELECT 1 FROM execution WHERE id = %s FOR NO KEY UPDATE", [held])
        assert operations.step(KINDS)
        assert [rows.state_of(key) for key in (first, held, last)] == ["cancelled", "pending", "pending"]
        assert (fetch(operation, "done"), fetch(operation, "state")) == (1, "running")
    rows.change("UPDATE operation SET next_step_at = now()")
    assert operations.step(KINDS)
    assert [rows.state_of(key) for key in (first, held, last)] == ["cancelled"] * 3
    assert (fetch(operation, "done"), fetch(operation, "state")) == (3, "succeeded")


def test_one_that_cannot_go_on_fails_says_why_and_holds_up_no_other():
    job = rows.job()
    broken = made(job, conditions={"nonsense": 1})
    rows.execution(job, "pending")
    good = made(job)
    assert operations.step(KINDS)
    assert operations.step(KINDS)
    assert (fetch(broken, "state"), fetch(good, "state")) == ("failed", "succeeded")
    assert fetch(broken, "ended_because").startswith("FieldError")
    assert rows.fetch("SELECT action FROM audit_event WHERE object_id = %s", str(broken)) == [("operation.failed",)]


def test_a_kind_that_this_engine_does_not_know_is_left_to_one_that_does():
    operation = made(rows.job(), kind="levitate")
    assert not operations.step(KINDS)
    assert fetch(operation, "state") == "running"
    assert operations.seconds_until_next(KINDS) == operations.IDLE


def test_nothing_is_due_before_its_time():
    support.row(rows.tenant())
    assert not operations.step(KINDS)
    assert operations.seconds_until_next(KINDS) == operations.IDLE


def test_a_page_looks_at_a_bounded_number_and_goes_on_where_it_was(monkeypatch):
    monkeypatch.setattr(selection, "WINDOW", 10)
    monkeypatch.setattr(selection, "WINDOWS", 2)
    job = rows.job()
    keys = sorted(many.executions(job, 45, "pending"), key=lambda key: key.int)
    rows.change("UPDATE execution SET priority = 9 WHERE id = ANY(%s)", [keys[3], keys[25], keys[44]])
    wanted = selection.Selection(tenant_id=job[1], states=["pending"], conditions={"priority": 9}, made_by=rows.now())
    found, after, pages = [], None, 0
    while True:
        page = selection.page(wanted, after=after, size=5)
        found, after, pages = found + list(page.ids), page.cursor, pages + 1
        if page.exhausted:
            break
    assert (found, pages) == ([keys[3], keys[25], keys[44]], 3)


def test_one_that_goes_from_state_to_state_is_not_passed_over():
    job = rows.job()
    keys = sorted(many.executions(job, 4, "pending"), key=lambda key: key.int)
    wanted = selection.Selection(
        tenant_id=job[1], states=["scheduled", "pending", "running"], conditions={}, made_by=rows.now()
    )
    first = selection.page(wanted, after=None, size=2)
    rows.change("UPDATE execution SET state = 'scheduled' WHERE id = %s", keys[3])
    assert [*first.ids, *selection.page(wanted, after=first.cursor, size=2).ids] == keys


def test_many_are_cancelled_by_one_statement_and_those_that_ended_are_not_among_them():
    job = rows.job()
    keys = {
        word: rows.execution(job, word) for word in ("scheduled", "blocked", "pending", "queued", "running", "failed")
    }
    assert transitions.cancel_all(list(keys.values())) == {keys[word] for word in keys if word != "failed"}
    found = {word: rows.state_of(key) for word, key in keys.items()}
    assert {word for word, state in found.items() if state == "cancelled"} == {
        "scheduled",
        "blocked",
        "pending",
        "queued",
    }
    assert (found["running"], found["failed"]) == ("running", "failed")
