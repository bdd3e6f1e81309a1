"""Every state × event pair, on the real statements, as the engine's log-in."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from jobs import sql
from jobs.engine import records, transitions
from jobs.engine.records import Fence, Problem, Tail
from jobs.rules.starts import Start
from jobs.rules.states import TERMINAL, TRANSITIONS, Event, State
from tests.support import one, rows

pytestmark = pytest.mark.usefixtures("as_engine", "empty_database")

PROBLEM = Problem(code="EXECUTION_FAILED", message="it broke")


def _fence(execution_id: UUID, epoch: int = 1) -> Fence:
    return Fence(id=execution_id, attempt_id=uuid4(), epoch=epoch)


def _ripen(_: UUID) -> object:
    return transitions.ripen(now=sql.run("clock")[0].now, limit=10)[0]


def _settle(id_: UUID) -> object:
    """As if it waited for events of a schedule to settle, unless it has started."""
    job, tenant = rows.fetch("SELECT job_id, tenant_id FROM execution WHERE id = %s", id_)[0]
    schedule = rows.schedule((job, tenant), kind="event", expression="", event="order.paid")
    rows.change(
        "UPDATE execution SET schedule_id = %s, trigger = 'event', not_before = now() + interval '1 hour' WHERE id = %s",
        schedule, id_,
    )  # fmt: skip
    row = records.NewExecution(
        id=uuid4(), tenant_id=tenant, job_id=job, schedule_id=schedule, revision=1, trigger="event", not_before=rows.now(),
        queue_id="default", priority=5, timeout_seconds=1, max_attempts=1,
    )  # fmt: skip
    return transitions.settle([(row, timedelta(hours=1))])


def _withdraw(_: UUID) -> object:
    rows.change("UPDATE queue SET paused_at = now()")
    try:
        return transitions.withdraw(limit=10)
    finally:
        rows.change("UPDATE queue SET paused_at = NULL")


ACTIONS: dict[Event, Callable[[UUID], object]] = {
    Event.UNBLOCK: transitions.unblock,
    Event.SETTLE: _settle,
    Event.RIPEN: _ripen,
    Event.ADMIT: lambda _: transitions.admit(queue="default", room=10)[0],
    Event.WITHDRAW: _withdraw,
    Event.POSTPONE: lambda id_: transitions.postpone([(id_, Start(rows.now()))]),
    Event.CLAIM: lambda id_: one.claim(id_, attempt=1, worker_id=uuid4(), worker="w", pid=1),
    Event.SUCCEED: lambda id_: one.succeed(_fence(id_)),
    Event.RETRY: lambda id_: transitions.retry(_fence(id_), PROBLEM, delay=timedelta(seconds=1)),
    Event.RELEASE: lambda id_: transitions.release(_fence(id_)),
    Event.DEFER: lambda id_: transitions.defer(_fence(id_), delay=timedelta(seconds=1)),
    Event.SUSPEND: lambda id_: transitions.suspend(_fence(id_), at_most=timedelta(seconds=1)),
    Event.EXHAUST: lambda id_: transitions.exhaust(_fence(id_), PROBLEM),
    Event.REJECT: lambda id_: transitions.reject(id_, "no such type"),
    Event.CANCEL: lambda id_: transitions.cancel(id_) is State.CANCELLED,
    Event.ACKNOWLEDGE_CANCEL: lambda id_: transitions.acknowledge_cancel(_fence(id_)),
    Event.SKIP: lambda id_: transitions.skip(id_, "MISFIRE"),
}


def test_every_event_has_an_action():
    assert set(ACTIONS) == set(Event)


@pytest.mark.parametrize("state", list(State))
@pytest.mark.parametrize("event", list(Event))
def test_event_moves_a_state_exactly_when_the_table_says_so(event, state):
    execution = rows.execution(rows.job(), state)
    moved = ACTIONS[event](execution)
    transition = TRANSITIONS[event]
    legal = state in transition.sources
    assert bool(moved) == legal
    assert rows.state_of(execution) == (transition.target if legal else state)


@pytest.mark.parametrize("event", [event for event, transition in TRANSITIONS.items() if transition.fenced])
def test_a_stale_epoch_changes_nothing(event):
    execution = rows.execution(rows.job(), State.RUNNING, epoch=2)
    before = rows.fetch("SELECT * FROM execution WHERE id = %s", execution)
    assert not ACTIONS[event](execution)
    assert rows.fetch("SELECT * FROM execution WHERE id = %s", execution) == before
    assert rows.fetch("SELECT count(*) FROM event")[0][0] == 0


def test_claim_opens_an_attempt_and_raises_the_epoch():
    execution = rows.execution(rows.job(), State.QUEUED)
    worker = uuid4()
    claim = one.claim(execution, attempt=1, worker_id=worker, worker="w@host", pid=77)
    assert claim is not None
    assert (claim.epoch, claim.attempt, claim.last_seq) == (1, 1, 0)
    assert claim.spec is not None
    assert claim.spec["type"] == "dummy"
    stored = rows.fetch("SELECT id, number, epoch, state, worker_id, worker_pid FROM attempt")
    assert stored == [(claim.attempt_id, 1, 1, "running", worker, 77)]


def test_claim_of_another_attempt_than_published_finds_nothing():
    execution = rows.execution(rows.job(), State.QUEUED, attempt=2)
    assert one.claim(execution, attempt=1, worker_id=uuid4(), worker="w", pid=1) is None


def _claimed() -> transitions.Claim:
    execution = rows.execution(rows.job(), State.QUEUED)
    claim = one.claim(execution, attempt=1, worker_id=uuid4(), worker="w", pid=1)
    assert claim is not None
    return claim


def _fence_of(claim: transitions.Claim) -> Fence:
    return Fence(id=claim.id, attempt_id=claim.attempt_id, epoch=claim.epoch)


def test_success_stores_result_attempt_log_and_event_together():
    claim = _claimed()
    tail = Tail(first_seq=1, lines=[["2026-01-01T00:00:00+00:00", "info", "stdout", "hello"]])
    assert one.succeed(_fence_of(claim), result={"n": 1}, tail=tail)
    assert rows.fetch("SELECT result, finished_at IS NOT NULL FROM execution") == [({"n": 1}, True)]
    assert rows.fetch("SELECT state, result FROM attempt") == [("succeeded", {"n": 1})]
    assert rows.fetch("SELECT first_seq, last_seq, lines->0->>3 FROM execution_log") == [(1, 1, "hello")]
    assert rows.fetch("SELECT kind, data->>'attempt' FROM event") == [("execution.succeeded", "1")]
    assert rows.fetch("SELECT count(*) FROM dead_letter") == [(0,)]


def test_exhaustion_buries_the_execution():
    claim = _claimed()
    assert transitions.exhaust(_fence_of(claim), PROBLEM)
    assert rows.fetch("SELECT execution_id, error_code, error_message, state FROM dead_letter") == [
        (claim.id, "EXECUTION_FAILED", "it broke", "open")
    ]
    assert rows.fetch("SELECT state, error_code FROM attempt") == [("failed", "EXECUTION_FAILED")]


def test_retry_counts_up_and_waits():
    claim = _claimed()
    assert transitions.retry(_fence_of(claim), PROBLEM, delay=timedelta(minutes=5))
    attempt, wait, owner = rows.fetch("SELECT attempt, not_before - clock_timestamp(), worker_id FROM execution")[0]
    assert attempt == 2
    assert timedelta(minutes=4) < wait <= timedelta(minutes=5)
    assert owner is None


@pytest.mark.parametrize(("act", "state"), [("release", "released"), ("defer", "deferred"), ("suspend", "suspended")])
def test_given_back_attempts_keep_their_number(act, state):
    claim = _claimed()
    options = {"defer": {"delay": timedelta(0)}, "suspend": {"at_most": timedelta(0)}}.get(act, {})
    assert getattr(transitions, act)(_fence_of(claim), **options)
    assert rows.fetch("SELECT attempt, crashes FROM execution") == [(1, 0)]
    assert rows.fetch("SELECT number, state FROM attempt") == [(1, state)]


def test_log_numbers_go_on_over_attempts():
    claim = _claimed()
    lines = [["2026-01-01T00:00:00+00:00", "info", "stdout", str(n)] for n in range(3)]
    transitions.release(_fence_of(claim), tail=Tail(first_seq=1, lines=lines))
    transitions.admit(queue="default", room=10)
    again = one.claim(claim.id, attempt=1, worker_id=uuid4(), worker="w", pid=1)
    assert again is not None
    assert (again.epoch, again.last_seq) == (2, 3)


def test_a_cancel_of_a_running_execution_is_a_wish():
    execution = rows.execution(rows.job(), State.RUNNING)
    assert transitions.cancel(execution) is State.RUNNING
    first = rows.fetch("SELECT state, cancel_requested_at FROM execution")[0]
    assert first[0] == "running"
    transitions.cancel(execution)
    assert rows.fetch("SELECT state, cancel_requested_at FROM execution")[0] == first


@pytest.mark.parametrize("state", sorted(TERMINAL))
def test_cancel_of_an_ended_execution_says_no(state):
    execution = rows.execution(rows.job(), state)
    assert transitions.cancel(execution) is None


def test_creating_the_same_id_twice_makes_one_row():
    job, tenant = rows.job()
    row = records.NewExecution(
        id=uuid4(), tenant_id=tenant, job_id=job, revision=1, trigger="manual", not_before=rows.now(), queue_id="default",
        priority=5, timeout_seconds=1, max_attempts=1,
    )  # fmt: skip
    assert transitions.create([row]) == [row.id]
    assert transitions.create([row]) == []


def test_fingerprint_ignores_numbers_ids_and_quoted_text():
    one = Problem(code="X", message="row 17 of 'orders' at 0xff failed")
    two = Problem(code="X", message="row 4 of 'users' at 0x1 failed")
    other = Problem(code="X", message="row 4 of 'users' at 0x1 vanished")
    assert records.fingerprint(one) == records.fingerprint(two) != records.fingerprint(other)


@pytest.mark.parametrize("event", [Event.RETRY, Event.RELEASE, Event.DEFER, Event.SUSPEND])
def test_what_somebody_wants_cancelled_does_not_go_on_later(event):
    execution = rows.execution(rows.job(), State.RUNNING)
    transitions.cancel(execution)
    assert ACTIONS[event](execution)
    assert rows.fetch("SELECT state, finished_at IS NOT NULL FROM execution") == [("cancelled", True)]
    assert rows.fetch("SELECT kind FROM event") == [("execution.cancelled",)]
    assert rows.fetch("SELECT count(*) FROM dead_letter") == [(0,)]


@pytest.mark.parametrize("event", [Event.RETRY, Event.RELEASE, Event.DEFER, Event.SUSPEND])
def test_what_runs_for_a_deleted_job_does_not_go_on_later(event):
    execution = rows.execution(rows.job(state="deleted"), State.RUNNING)
    assert ACTIONS[event](execution)
    assert rows.state_of(execution) == State.CANCELLED


def test_deleted_jobs_waiting_executions_are_cancelled_and_no_others():
    job, other = rows.job(), rows.job()
    found = {state: rows.execution(job, state) for state in State}
    untouched = rows.execution(other, State.PENDING)
    assert transitions.cancel_waiting_of(tenant_id=job[1], job_id=job[0]) == 4
    waiting = TRANSITIONS[Event.CANCEL].sources
    assert {state: rows.state_of(execution) for state, execution in found.items()} == {
        state: State.CANCELLED if state in waiting else state for state in State
    }
    assert rows.state_of(untouched) == State.PENDING
    assert rows.fetch("SELECT DISTINCT kind, count(*) FROM event GROUP BY 1") == [("execution.cancelled", 4)]
