"""The reference executor as processes against a real stack: runs, fails, is cancelled, killed and stopped."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest

from scheduler_project.env import ROOT
from tests.acceptance import runs
from tests.support.stack import Stack, wait_for

Process = subprocess.Popen[bytes]
Start = Callable[..., Process]


@pytest.fixture
def queue(carillon: Stack) -> str:
    name = f"x-{uuid4().hex[:8]}"
    carillon.query("INSERT INTO queue (name, pool, created_at) VALUES (%s, 'external', now())", name)
    return name


@pytest.fixture
def start(carillon: Stack, queue: str) -> Iterator[Start]:
    """Starts an executor with a key that may do nothing else; returns when it is registered."""
    key = carillon.api.post("api-keys", {"name": "executors", "scopes": ["executors:serve"]})["key"]
    started: list[Process] = []

    def begin(name: str, *capabilities: str, most: int = 4) -> Process:
        arguments = [carillon.url, key, name, queue, str(most), *capabilities]
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.executor_process", *arguments],
            cwd=ROOT, env={"PYTHONPATH": f"{ROOT}:{ROOT}/clients/python"}, stdout=subprocess.PIPE,
        )  # fmt: skip
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == f"registered as {name}\n".encode()
        return process

    yield begin
    for process in started:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def run(carillon: Stack, queue: str, do: str, **more: Any) -> str:
    job = {"name": uuid4().hex, "type": "external", "queue": queue, "payload": {"payload": {"do": do, **more}}}
    return carillon.api.trigger(carillon.api.post("jobs", job)["id"])


def holder(carillon: Stack, execution: str) -> Any:
    return carillon.api.get(f"executions/{execution}")["worker"]


def logged(carillon: Stack, execution: str) -> list[str]:
    return [line["message"] for line in carillon.api.get(f"executions/{execution}/logs")["data"]]


def test_executions_run_fail_are_cancelled_and_survive_their_executor(
    carillon: Stack, queue: str, start: Start
) -> None:
    alpha = start("alpha")
    done = runs.wait_ended(carillon, run(carillon, queue, "work"), 90)
    assert (done["state"], done["result"], done["worker"]) == ("succeeded", {"did": "work", "by": "alpha"}, "alpha")
    assert logged(carillon, done["id"]) == ["doing work", "100% done"]
    failed = runs.wait_ended(carillon, run(carillon, queue, "fail"), 90)
    assert (failed["state"], failed["error"]["code"]) == ("failed", "NO_WAY")
    hanging = run(carillon, queue, "hang", always=True)
    wait_for(lambda: "doing hang" in logged(carillon, hanging), 90, "its log is told while it runs")
    carillon.api.post(f"executions/{hanging}/cancel")
    assert runs.wait_ended(carillon, hanging, 90)["state"] == "cancelled"

    orphan = run(carillon, queue, "hang")
    wait_for(lambda: holder(carillon, orphan) == "alpha", 90, "alpha holds it")
    start("beta")
    alpha.send_signal(signal.SIGKILL)
    # Its lease is over, without the wait.
    carillon.query("UPDATE executor SET lease_expires_at = now() WHERE name = 'alpha'")
    ended = runs.wait_ended(carillon, orphan, 90)
    assert (ended["state"], ended["result"]["by"], ended["crashes"]) == ("succeeded", "beta", 1)
    states = [(each["worker"], each["state"]) for each in carillon.api.get(f"executions/{orphan}/attempts")["data"]]
    assert states == [("alpha", "lost"), ("beta", "succeeded")]


def test_two_executors_share_the_work_and_one_that_is_stopped_gives_back_what_it_holds(
    carillon: Stack, queue: str, start: Start
) -> None:
    gamma, delta = start("gamma"), start("delta")
    executions = [run(carillon, queue, "work") for _ in range(12)]
    for execution in executions:
        assert runs.wait_ended(carillon, execution, 90)["attempt"] == 1
    claims = carillon.query("SELECT 1 FROM attempt WHERE execution_id = ANY(%s::uuid[])", executions)
    assert len(claims) == len(executions), "none was ever held twice"
    held = run(carillon, queue, "hang", always=True)
    wait_for(lambda: holder(carillon, held), 90, "somebody holds it")
    theirs, other = (gamma, "delta") if holder(carillon, held) == "gamma" else (delta, "gamma")
    theirs.send_signal(signal.SIGTERM)
    assert theirs.wait(90) == 0
    wait_for(lambda: holder(carillon, held) == other, 90, "the other runs the same attempt")
    attempts = carillon.api.get(f"executions/{held}/attempts")["data"]
    assert [(each["number"], each["state"]) for each in attempts] == [(1, "released"), (1, "running")]
