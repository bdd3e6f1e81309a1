"""When the engine looks again, and that it goes on whatever happens to its connection."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from jobs.engine import admission, planner, timer, transitions
from jobs.engine.timer import Timer
from jobs.rules.states import State
from tests.support import one, rows, servers, workflows
from tests.support.processes import eventually
from tests.support.workflows import Jobs

pytestmark = pytest.mark.usefixtures("as_engine", "empty_database")


@pytest.fixture
def running() -> Iterator[Callable[[], Timer]]:
    """Starts timers that are stopped afterwards."""
    started: list[Timer] = []

    def start() -> Timer:
        started.append(Timer())
        started[-1].start()
        return started[-1]

    yield start
    for thread in started:
        thread.stop()
        thread.join(60)
        assert not thread.is_alive()


def test_idle_engine_looks_once_a_second():
    assert Timer().round() == timer.IDLE


@pytest.fixture
def far(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without anything to do it would look again in an hour: what it says is less is what it read, however slow the machine is."""
    monkeypatch.setattr(timer, "IDLE", 3600.0)


def test_next_round_is_when_the_next_execution_ripens(far):
    rows.execution(rows.job(), not_before=rows.now() + timedelta(seconds=100))
    assert 0 < Timer().round() < 100


def test_next_round_is_when_the_next_schedule_must_be_planned(far):
    ahead = planner.AHEAD.total_seconds()
    rows.schedule(rows.job(), kind="once", expression="", run_at=rows.now() + timedelta(seconds=ahead + 100))
    assert 0 < Timer().round() < 100  # planned, and to be looked at again
    rows.change("UPDATE schedule SET due_at = now() + interval '3 hours'")
    assert Timer().round() == timer.IDLE


def test_overdue_slot_is_planned_by_one_round_and_admitted_by_the_next(queue):
    rows.worker(queues=(queue.name,))
    run_at = rows.now() - timedelta(seconds=1)
    job = rows.job(queue_id=queue.name)
    rows.schedule(job, kind="once", expression="", run_at=run_at, planned_until=run_at - timedelta(seconds=1))
    engine = Timer()
    assert engine.round() <= 0
    engine.round()
    assert rows.fetch("SELECT state FROM execution") == [(State.QUEUED,)]


def test_what_a_workflow_run_lets_go_is_admitted_by_the_round_that_follows_at_once(queue):
    rows.worker(queues=(queue.name,))
    jobs = Jobs(queue_id=queue.name)
    jobs.edges("a>b")
    root = workflows.new(jobs["a"], queue_id=queue.name)
    transitions.create([root])
    engine = Timer()
    engine.round()
    run = workflows.run_of(root.id)
    assert workflows.states(run) == {"a": "queued", "b": "blocked"}
    assert one.succeed(workflows.fence(workflows.claim(root.id)))
    assert engine.round() == 0
    engine.round()
    assert workflows.states(run) == {"a": "succeeded", "b": "queued"}


def test_next_round_is_when_the_root_of_a_workflow_run_is_due(far):
    jobs = Jobs()
    jobs.edges("a>b")
    transitions.create([workflows.new(jobs["a"], not_before=rows.now() + timedelta(hours=3))])
    assert Timer().round() == timer.IDLE
    rows.change("UPDATE workflow_run SET due_at = now() + interval '100 seconds'")
    assert 0 < Timer().round() < 100


def test_full_window_is_looked_at_before_it_runs_dry(queue):
    rows.worker(queues=(queue.name,), concurrency=1)
    for _ in range(5):
        rows.execution(rows.job(), State.PENDING, queue_id=queue.name)
    assert Timer().round() < timer.IDLE


def test_round_comes_again_soon_while_another_engine_admits():
    with servers.superuser() as other:
        other.execute("SELECT pg_advisory_lock(%s)", [admission.LOCK_KEY])
        assert Timer().round() == timer.BUSY


def test_each_round_leaves_a_pulse():
    Timer().round()
    assert rows.fetch("SELECT name, at > now() - interval '1 minute' FROM pulse") == [("dispatch", True)]


def test_ring_wakes_the_timer(queue, running, monkeypatch):
    monkeypatch.setattr(timer, "IDLE", 3600.0)
    rows.worker(queues=(queue.name,))
    engine = running()
    assert eventually(lambda: rows.fetch("SELECT 1 FROM pulse"))
    rows.execution(rows.job(), queue_id=queue.name)
    engine.ring()
    assert eventually(queue.ids)


def test_timer_finds_work_by_itself_when_nobody_rings(queue, running):
    rows.worker(queues=(queue.name,))
    running()
    assert eventually(lambda: rows.fetch("SELECT 1 FROM pulse"))
    rows.execution(rows.job(), queue_id=queue.name)
    assert eventually(queue.ids)


def test_timer_outlives_its_connection(queue, running):
    rows.worker(queues=(queue.name,))
    with capture_logs() as logs:
        running()
        assert eventually(lambda: rows.fetch("SELECT 1 FROM pulse"))
        rows.fetch(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'carillon_engine' AND datname = current_database()"
        )
        rows.execution(rows.job(), queue_id=queue.name)
        assert eventually(queue.ids)
    assert "engine.round_failed" in {entry["event"] for entry in logs}
