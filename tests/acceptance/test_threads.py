"""A worker of threads beside one of processes: many wait in it at once, and it lives and dies like the other."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from tests.acceptance import runs
from tests.support.stack import Stack, wait_for


@pytest.fixture
def threads(carillon: Stack) -> Iterator[Stack]:
    """With a worker for the queue ``io``."""
    carillon.configure("io", environment={"CARILLON_DRAIN_SECONDS": "3", "CARILLON_LEASE_SECONDS": "12"})
    carillon.start("io")
    yield carillon
    for member in carillon.members("io"):
        member.end(signal.SIGKILL)


def waiting_jobs(carillon: Stack, count: int, *, seconds: float, name: str) -> list[str]:
    job = {"name": name, "type": "dummy", "queue": "io", "payload": {"duration_seconds": seconds}}
    identifier = carillon.api.post("jobs", job)["id"]
    return [carillon.api.trigger(identifier) for _ in range(count)]


def test_sixteen_wait_at_once_in_one_process_and_one_of_them_is_cancelled(threads: Stack) -> None:
    executions = waiting_jobs(threads, 16, seconds=600, name="many-at-once")
    wait_for(lambda: runs.states(threads, executions)["running"] == 16, 90, "all run at once")
    owners = threads.query("SELECT DISTINCT worker_pid FROM execution WHERE id = ANY(%s::uuid[])", executions)
    assert [row.worker_pid for row in owners] == [threads.the("io").pid]
    threads.api.send("POST", f"executions/{executions[3]}/cancel", {})
    assert runs.wait_ended(threads, executions[3], 10)["state"] == "cancelled"
    assert runs.states(threads, executions) == {"running": 15, "cancelled": 1}
    for execution in executions:
        threads.api.send("POST", f"executions/{execution}/cancel", {})
    wait_for(lambda: runs.states(threads, executions)["cancelled"] == 16, 90, "all are cancelled")


def test_what_runs_when_the_worker_ends_runs_elsewhere_uncharged(threads: Stack) -> None:
    executions = waiting_jobs(threads, 5, seconds=8, name="drained")
    wait_for(lambda: runs.states(threads, executions)["running"] == 5, 90, "all run")
    threads.the("io").end(signal.SIGTERM)
    assert runs.attempts(threads, executions) == {(1, "released"): 5}
    threads.start("io")
    wait_for(lambda: runs.states(threads, executions)["succeeded"] == 5, 60, "all have succeeded")
    assert runs.attempts(threads, executions) == {(1, "released"): 5, (1, "succeeded"): 5}


def test_what_runs_when_the_worker_is_killed_runs_again(threads: Stack) -> None:
    executions = waiting_jobs(threads, 5, seconds=3, name="killed")
    wait_for(lambda: runs.states(threads, executions)["running"] == 5, 90, "all run")
    threads.kill("io")
    threads.start("io")
    wait_for(lambda: runs.states(threads, executions)["succeeded"] == 5, 90, "all have succeeded")
    assert runs.attempts(threads, executions) == {(1, "lost"): 5, (2, "succeeded"): 5}


def test_a_job_that_needs_a_process_is_refused_there(threads: Stack) -> None:
    job = {"name": "script-in-a-thread", "type": "script", "queue": "io", "payload": {"script": "true"}}
    answer = threads.api.send("POST", "jobs", job)
    assert answer.status_code == 422
    assert "needs a process of its own" in answer.json()["error"]["details"]["queue"][0]
