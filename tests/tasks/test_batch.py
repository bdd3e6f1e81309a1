"""Several executions of one message: claimed together, run in turn, stored together; one in trouble harms no other."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import DataError, OperationalError

from jobs import sql
from jobs.engine import dispatch, leases, transitions
from jobs.handlers import Cancelled, HandlerError
from jobs.rules.codes import Failure
from jobs.rules.states import State
from tasks import attendant, batch, runner, worker_process
from tests.support import attempts, rows
from tests.support.attempts import Action, Outcome, until_stopped
from tests.support.processes import eventually

pytestmark = pytest.mark.usefixtures("as_engine", "empty_database", "quick")


@pytest.fixture(autouse=True)
def _in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that is slow is no member that takes long: where one does, its action says so."""
    monkeypatch.setattr(batch, "LONGEST_TURN", 600)


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of those that were run, in order."""
    run, names = sql.run, []

    def noted(name: str, /, **parameters: Any) -> Any:
        names.append(name)
        return run(name, **parameters)

    monkeypatch.setattr(sql, "run", noted)
    return names


def published(count: int, **columns: Any) -> list[UUID]:
    job = rows.job(type=attempts.JOB_TYPE, **columns)
    return [rows.execution(job, State.QUEUED) for _ in range(count)]


def run(members: Sequence[UUID], action: Action) -> list[Outcome]:
    with attempts.job_type(action):
        runner.run([(member, 1) for member in members])
    return [Outcome(member) for member in members]


def states(outcomes: Sequence[Outcome]) -> list[str]:
    return [outcome.state for outcome in outcomes]


def test_members_are_claimed_by_one_statement_and_stored_by_one(statements, monkeypatch):
    monkeypatch.setattr(batch, "FLUSH_AFTER", 600)
    outcomes = run(published(20), lambda params, context: str(context.execution_id))
    assert states(outcomes) == [State.SUCCEEDED] * 20
    assert [outcome.result for outcome in outcomes] == [str(outcome.id) for outcome in outcomes]
    assert statements.count("claim") == 1
    assert statements.count("end_running") == 1


def test_they_run_in_the_order_of_the_message():
    ran = []
    members = published(5)
    run(list(reversed(members)), lambda params, context: ran.append(context.execution_id))
    assert ran == list(reversed(members))


def test_all_count_from_one_instant():
    """Each one's start is told in seconds since the claim: were that another instant for each, turns would overlap."""
    seen = []

    def look(params, context):
        seen.extend(rows.fetch("SELECT count(*), count(DISTINCT started_at) FROM execution WHERE state = 'running'"))

    run(published(20), look)
    assert seen[0] == (20, 1)


def test_each_has_its_own_times_log_and_attempt():
    def slow(params, context):
        context.log(f"I am {context.execution_id}")
        begun = leases.boot_time()
        eventually(lambda: leases.boot_time() > begun + 0.05)

    first, second, third = run(published(3), slow)
    assert first.started_at < first.finished_at <= second.started_at < second.finished_at <= third.started_at
    for each in (first, second, third):
        assert each.messages == [f"I am {each.id}"]
        assert each.attempts == [(1, "succeeded", "")]
        assert rows.fetch(
            "SELECT a.started_at = e.started_at AND a.finished_at = e.finished_at FROM attempt a"
            " JOIN execution e ON e.id = a.execution_id WHERE e.id = %s", each.id,
        ) == [(True,)]  # fmt: skip


def test_a_failing_member_is_tried_again_and_the_others_succeed():
    members = published(5)

    def fail_third(params, context):
        if context.execution_id == members[2]:
            raise HandlerError("it broke")

    outcomes = run(members, fail_third)
    assert states(outcomes) == [State.SUCCEEDED] * 2 + [State.SCHEDULED] + [State.SUCCEEDED] * 2
    assert outcomes[2].error_message == "it broke"


def test_a_success_the_database_refuses_ends_alone(monkeypatch):
    members = published(3)
    succeed_all = transitions.succeed_all

    def refusing(endings):
        if any(ending.result == "bad" for ending in endings):
            sql.run("forbidden")
        return succeed_all(endings)

    monkeypatch.setitem(sql.statements(), "forbidden", "SELECT 1 / 0")
    monkeypatch.setattr(transitions, "succeed_all", refusing)
    outcomes = run(members, lambda params, context: "bad" if context.execution_id == members[1] else "good")
    assert states(outcomes) == [State.SUCCEEDED, State.FAILED, State.SUCCEEDED]
    assert (outcomes[1].error_code, outcomes[1].buried) == (Failure.EXECUTION_FAILED, True)


def test_member_that_takes_long_holds_up_nobody(monkeypatch, statements):
    rung = []
    monkeypatch.setattr(dispatch, "ring", lambda: rung.append(1))
    members = published(4)

    def second_is_slow(params, context):
        if context.execution_id != members[1]:
            return None
        monkeypatch.setattr(batch, "LONGEST_TURN", 0.1)
        # Seen from within the slow one: who ended before is stored, who waits behind is given back.
        return eventually(lambda: states([Outcome(member) for member in members if member != members[1]])
                          == [State.SUCCEEDED, State.PENDING, State.PENDING])  # fmt: skip

    outcomes = run(members, second_is_slow)
    assert outcomes[1].result is True
    assert states(outcomes) == [State.SUCCEEDED, State.SUCCEEDED, State.PENDING, State.PENDING]
    assert rung
    for given_back in outcomes[2:]:
        assert (given_back.attempt, given_back.crashes) == (1, 0)
        assert given_back.attempts == [(1, "released", "")]


def test_worker_that_has_drained_begins_no_further_member(monkeypatch):
    def drain(params, context):
        monkeypatch.setattr(worker_process._drain_at, "value", leases.boot_time())

    assert states(run(published(3), drain)) == [State.SUCCEEDED, State.PENDING, State.PENDING]


def test_cancelled_before_its_turn_it_does_not_run_again(monkeypatch):
    members = published(2)

    def cancel_the_other(params, context):
        monkeypatch.setattr(batch, "LONGEST_TURN", 0.1)
        transitions.cancel(members[1])
        return eventually(lambda: Outcome(members[1]).state == State.CANCELLED)

    outcomes = run(members, cancel_the_other)
    assert outcomes[0].result is True
    assert states(outcomes) == [State.SUCCEEDED, State.CANCELLED]


def test_members_somebody_else_has_taken_are_left_alone():
    members = published(3)
    rows.change("UPDATE execution SET state = 'cancelled', finished_at = now() WHERE id = %s", members[1])
    ran = []
    outcomes = run(members, lambda params, context: ran.append(context.execution_id))
    assert ran == [members[0], members[2]]
    assert states(outcomes) == [State.SUCCEEDED, State.CANCELLED, State.SUCCEEDED]


def test_member_that_is_stopped_for_good_leaves_the_stored_and_the_waiting_in_order(monkeypatch):
    """A lost claim in the middle: what ran before it counts, what waits behind it goes back."""
    members = published(3)

    def lose(params, context):
        if context.execution_id == members[1]:
            monkeypatch.setattr(batch, "LONGEST_TURN", 0.01)
            rows.change("UPDATE execution SET epoch = epoch + 1 WHERE id = %s", context.execution_id)
            until_stopped()

    outcomes = run(members, lose)
    assert states(outcomes) == [State.SUCCEEDED, State.RUNNING, State.PENDING]


def test_broker_that_hangs_takes_nothing_from_the_grace(monkeypatch, settings, later):
    """What goes back rings; the one that stops has its whole grace all the same, and ends by itself."""
    settings.CANCEL_GRACE = timedelta(seconds=20)
    monkeypatch.setattr(attendant, "ASK_EVERY", 0.0)
    monkeypatch.setattr(batch, "LONGEST_TURN", 0.01)
    monkeypatch.setattr(dispatch, "ring", lambda: later(21))
    members, stopped = published(2), []

    def cancelled(params, context):
        transitions.cancel(context.execution_id)
        try:
            until_stopped()
        except Cancelled:
            stopped.append(context.execution_id)
            raise

    outcomes = run(members, cancelled)
    assert stopped == members[:1]
    assert states(outcomes) == [State.CANCELLED, State.PENDING]


def test_database_that_is_away_for_a_moment_loses_no_success(monkeypatch):
    succeed_all, tries = transitions.succeed_all, []

    def away_twice(endings):
        tries.append(len(endings))
        if len(tries) < 3:
            raise OperationalError("the database system is starting up")
        return succeed_all(endings)

    monkeypatch.setattr(transitions, "succeed_all", away_twice)
    outcomes = run(published(5), lambda params, context: "kept")
    assert states(outcomes) == [State.SUCCEEDED] * 5
    assert len(tries) >= 3


def test_what_cannot_be_given_back_at_once_is_given_back_in_the_end(monkeypatch):
    release_all, refused = transitions.release_all, []

    def refuse_once(fences):
        refused.append(1)
        if len(refused) == 1:
            raise DataError("whatever it is")
        return release_all(fences)

    monkeypatch.setattr(batch, "LONGEST_TURN", 0.0)
    monkeypatch.setattr(attendant, "FLUSH_EVERY", 60)
    monkeypatch.setattr(transitions, "release_all", refuse_once)
    members = published(3)
    with pytest.raises(DataError):
        run(members, lambda params, context: None)
    assert states([Outcome(member) for member in members]) == [State.SUCCEEDED, State.PENDING, State.PENDING]


def test_a_batch_of_one_is_stored_at_once(statements):
    (outcome,) = run(published(1), lambda params, context: None)
    assert outcome.state == State.SUCCEEDED
    assert rows.fetch("SELECT batch_size FROM execution") == [(1,)]
