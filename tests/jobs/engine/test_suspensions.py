"""Executions that have begun and wait without a worker: who wakes them, what a race or a crash loses: nothing, and for whom
they are still under way."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import transaction

from jobs import explanations
from jobs.engine import admission, gates, suspensions, transitions, watchdog, workflows
from jobs.engine.admission import Seen
from jobs.engine.timer import Timer
from jobs.models import Execution
from jobs.rules.codes import Failure, Wait
from jobs.rules.states import State
from tests.support import one, rows
from tests.support import workflows as runs

pytestmark = pytest.mark.usefixtures("as_engine", "empty_database")

HOUR, NO_TIME = timedelta(hours=1), timedelta()


def running(of: Any = None, **columns: Any) -> transitions.Claim:
    execution = rows.execution(of or rows.job(), State.QUEUED, **columns)
    claimed = one.claim(execution, attempt=1, worker_id=uuid4(), worker="w", pid=1)
    assert claimed is not None
    return claimed


def suspend(claimed: transitions.Claim, at_most: timedelta = HOUR) -> Any:
    return transitions.suspend(runs.fence(claimed), at_most=at_most)


def suspended(of: Any = None, **columns: Any) -> UUID:
    claimed = running(of, **columns)
    assert suspend(claimed)
    return claimed.id


def test_a_suspended_one_holds_no_worker_and_says_until_when_it_waits():
    execution = suspended()
    state, worker, attempt, left = rows.fetch(
        "SELECT state, worker_id, attempt, resume_at - clock_timestamp() FROM execution WHERE id = %s", execution
    )[0]
    assert (state, worker, attempt) == ("blocked", None, 1)
    assert timedelta(minutes=59) < left <= HOUR
    (told,) = rows.fetch("SELECT kind, data ->> 'again_at' IS NOT NULL FROM event WHERE execution_id = %s", execution)
    assert told == ("execution.suspended", True)
    reason = explanations.of_execution(Execution.objects.get(pk=execution)).reasons[0]
    assert (reason.code, reason.until is not None) == (Wait.SUSPENDED, True)


def _claimed_again(execution: UUID) -> transitions.Claim:
    rows.change("UPDATE execution SET state = 'queued' WHERE id = %s", execution)
    claimed = one.claim(execution, attempt=1, worker_id=uuid4(), worker="w", pid=1)
    assert claimed is not None
    return claimed


def _minutes_of(execution: UUID) -> list[int]:
    """Since when it has run, and each of its claims, in whole minutes."""
    started = "round(extract(epoch FROM clock_timestamp() - started_at) / 60)::int"
    of_it = rows.fetch(f"SELECT {started} FROM execution WHERE id = %s", execution)
    claims = rows.fetch(f"SELECT {started} FROM attempt WHERE execution_id = %s ORDER BY epoch", execution)
    return [each for (each,) in (*of_it, *claims)]


@pytest.mark.parametrize("put_off", [suspend, lambda claimed: transitions.defer(runs.fence(claimed), delay=NO_TIME)])
def test_it_has_started_when_its_attempt_first_did_but_for_limits_when_it_was_claimed(put_off):
    claimed = running()
    for minutes in (5, 3):
        assert put_off(claimed)
        for table, key in (("execution", "id"), ("attempt", "execution_id")):
            earlier = f"UPDATE {table} SET started_at = started_at - interval '1 minute' * %s WHERE {key} = %s"
            rows.change(earlier, minutes, claimed.id)
        claimed = _claimed_again(claimed.id)
    assert _minutes_of(claimed.id) == [0, 8, 3, 0], "it runs: leases and time limits count from its claim"
    assert put_off(claimed)
    assert _minutes_of(claimed.id) == [8, 8, 3, 0]
    assert one.succeed(runs.fence(_claimed_again(claimed.id)))
    assert _minutes_of(claimed.id) == [8, 8, 3, 0, 0]


def test_it_goes_on_when_its_time_has_come_or_it_is_woken_and_not_before():
    execution = suspended()
    assert suspensions.resume_due() == 0
    assert suspensions.wake([execution, uuid4()]) == 1
    assert suspensions.resume_due() == 1
    assert rows.state_of(execution) == "scheduled"
    other = running()
    assert suspend(other, NO_TIME)
    assert suspensions.resume_due() == 1


def test_a_wake_before_the_suspension_is_not_lost():
    claimed = running()
    assert suspensions.wake([claimed.id]) == 1
    assert suspend(claimed).frees_somebody, "it rings, so that it goes on at once"
    assert suspensions.resume_due() == 1


@pytest.mark.parametrize("first", ["wake", "suspend"])
def test_a_wake_and_a_suspension_at_once_wait_for_each_other(first, in_thread):
    claimed = running()
    acts = {"wake": lambda: suspensions.wake([claimed.id]), "suspend": lambda: suspend(claimed)}
    second = acts.pop("suspend" if first == "wake" else "wake")
    with transaction.atomic():
        assert acts[first]()
        later = in_thread(second)
    assert later.result()
    assert suspensions.resume_due() == 1


def test_a_wake_before_the_claim_is_forgotten_since_the_handler_looks_after_it():
    execution = suspended()
    suspensions.wake([execution])
    suspensions.resume_due()
    again = runs.claim(_pending(execution))
    assert rows.fetch("SELECT resume_at FROM execution") == [(None,)]
    assert suspend(again)
    assert suspensions.resume_due() == 0


def _pending(execution: UUID) -> UUID:
    runs.ripen()
    return execution


@pytest.mark.parametrize("state", sorted(State))
def test_what_has_not_begun_or_has_ended_is_not_woken(state):
    execution = rows.execution(rows.job(), state)
    assert suspensions.wake([execution]) == (state == State.RUNNING)


def test_a_crash_while_it_is_suspended_loses_nothing():
    execution = suspended()
    assert watchdog.recover_lost() == 0
    rows.change("UPDATE execution SET resume_at = now()")
    assert Timer().round() >= 0
    assert rows.state_of(execution) in ("scheduled", "pending")


def test_a_worker_lost_before_it_suspended_is_tried_again_and_cannot_suspend_any_more():
    claimed = running()
    rows.change("UPDATE execution SET worker_id = %s", rows.worker(lease=-1))
    assert watchdog.recover_lost() == 1
    assert suspend(claimed) is None
    assert rows.fetch("SELECT state, attempt FROM execution") == [("scheduled", 2)]


def test_cancelled_it_ends_at_once_and_is_woken_no_more():
    execution = suspended()
    assert transitions.cancel(execution) is State.CANCELLED
    assert suspensions.wake([execution]) == suspensions.resume_due() == 0


def test_beyond_its_total_time_it_has_failed():
    execution = suspended(rows.job(max_total_seconds=100))
    assert admission.expire_late() == 0
    rows.change("UPDATE execution SET expires_at = now()")
    assert admission.expire_late() == 1
    assert rows.fetch("SELECT state, error_code FROM execution WHERE id = %s", execution) == [
        (State.FAILED, Failure.TIMEOUT)
    ]


def test_a_suspended_slot_of_a_gated_job_is_no_slot_at_a_gate():
    job = rows.job()
    rows.dependency(rows.job(job[1]), job, mode="gate")
    at = rows.now()
    execution = suspended(job, trigger="schedule", scheduled_for=at, decide_at=at, schedule_id=rows.schedule(job))
    gates.Heard().poke()
    assert gates.decide_due() == 0
    assert rows.state_of(execution) == "blocked"


@pytest.mark.parametrize(("overlap", "becomes"), [("skip", "OVERLAP"), ("queue_one", "slot"), ("allow", "")])
def test_its_jobs_next_slot_finds_it_still_under_way(overlap, becomes, queue):
    job = rows.job(overlap=overlap, queue_id=queue.name)
    columns = {"trigger": "schedule", "queue_id": queue.name, "schedule_id": rows.schedule(job)}
    suspended(job, scheduled_for=rows.now(), ripened_at=rows.now(), **columns)
    rows.worker(queues=(queue.name,))
    following = rows.execution(job, scheduled_for=rows.now(), **columns)
    admission.admit_all(Seen())
    reason, parked = rows.fetch("SELECT reason, waiting_on FROM execution WHERE id = %s", following)[0]
    assert reason or parked.partition(":")[0] == becomes


@pytest.mark.parametrize(
    "waits", ["", "UPDATE execution SET state = 'scheduled', not_before = now() + interval '1 hour'"]
)
def test_a_slot_that_goes_on_or_is_tried_again_is_not_overtaken_by_the_next(waits, queue):
    job = rows.job(overlap="queue_all", queue_id=queue.name)
    columns = {"trigger": "schedule", "queue_id": queue.name, "schedule_id": rows.schedule(job)}
    first = suspended(job, scheduled_for=rows.now(), ripened_at=rows.now(), **columns)
    if waits:
        rows.change(waits)
    rows.worker(queues=(queue.name,))
    earlier = rows.now() - HOUR
    following = rows.execution(job, "pending", scheduled_for=earlier, not_before=earlier, ripened_at=earlier, **columns)
    suspensions.wake([first])
    suspensions.resume_due()
    for _ in range(2):
        admission.admit_all(Seen())
        assert rows.state_of(following) == "pending"
    assert rows.state_of(first) == ("scheduled" if waits else "queued")
    assert rows.fetch("SELECT waiting_on FROM execution WHERE id = %s", following) == [(f"slot:{job[0]}",)]
    rows.change("UPDATE execution SET state = 'succeeded', finished_at = now() WHERE id = %s", first)
    Timer().round()
    assert rows.state_of(following) == "queued"


def test_a_suspended_step_is_under_way_for_its_run():
    jobs = runs.Jobs()
    jobs.edges("extract>clean", "clean>load")
    run = runs.started(jobs)
    runs.succeed(run, "extract")
    assert suspend(runs.claim(runs.ids(run)["clean"]))
    with transaction.atomic():
        workflows.move(run)
    assert runs.states(run) == {"extract": "succeeded", "clean": "blocked", "load": "blocked"}
    suspensions.wake([runs.ids(run)["clean"]])
    suspensions.resume_due()
    runs.ripen()
    runs.succeed(run, "clean")
    runs.succeed(run, "load")
    assert runs.state(run) == "succeeded"
