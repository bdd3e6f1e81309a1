"""Executions that are stopped: cancelled, out of time, unwilling."""

from __future__ import annotations

from typing import Any

import pytest

from tests.acceptance import runs
from tests.support.processes import marked
from tests.support.stack import Stack, wait_for

#: A cancel reaches a running handler within two seconds; then it has its grace of five.
REACHED, GRACE = 2, 5
ENDLESS: dict[str, dict[str, Any]] = {
    "dummy": {"type": "dummy", "payload": {"duration_seconds": 600}},
    "script": {"type": "script", "payload": {"script": "echo begun\nsleep 600"}},
    "stubborn-shell": {"type": "script", "payload": {"script": "trap '' TERM INT HUP\necho begun\nwhile :; do sleep 1; done"}},
    "stubborn-python": {"type": "script", "payload": {"interpreter": "python", "script": (
        "import signal, time\n"
        "for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}: signal.signal(number, signal.SIG_IGN)\n"
        "print('begun')\n"
        "while True: time.sleep(1)\n")}},
}  # fmt: skip


@pytest.mark.parametrize("kind", ENDLESS)
def test_a_running_execution_is_cancelled_and_nothing_of_it_is_left(carillon: Stack, kind: str) -> None:
    job = carillon.api.post("jobs", {"name": f"endless-{kind}", **ENDLESS[kind]})["id"]
    execution = carillon.api.trigger(job)
    runs.wait_running(carillon, execution)
    asked = carillon.api.send("POST", f"executions/{execution}/cancel", {})
    assert (asked.status_code, asked.json()["state"]) == (202, "running")
    run = runs.wait_ended(carillon, execution, REACHED + GRACE)
    assert (run["state"], run["attempt"], run["error"]) == ("cancelled", 1, None)
    assert runs.attempts(carillon, [execution]) == {(1, "cancelled"): 1}
    wait_for(lambda: not marked(execution), 5, "no process of it is left")


def test_an_execution_out_of_time_is_retried_then_buried_and_can_be_redriven(carillon: Stack) -> None:
    job = carillon.api.post("jobs", {
        "name": "out-of-time", "type": "script", "payload": {"script": "echo begun\nsleep 600"}, "timeout_seconds": 1,
        "retry": {"max_attempts": 2, "delay_seconds": 1, "jitter": False},
    })["id"]  # fmt: skip
    execution = carillon.api.trigger(job)
    run = runs.wait_ended(carillon, execution, 90)
    assert (run["state"], run["error"]["code"], run["attempt"]) == ("failed", "TIMEOUT", 2)
    tries = carillon.api.get(f"executions/{execution}/attempts")["data"]
    assert [(one["number"], one["state"], one["error"]["code"]) for one in tries] == [
        (1, "failed", "TIMEOUT"),
        (2, "failed", "TIMEOUT"),
    ]
    assert not marked(execution)
    (letter,) = carillon.api.get("dead-letters", job=job)["data"]
    assert (letter["execution"], letter["state"], letter["error"]["code"]) == (execution, "open", "TIMEOUT")

    redriven = carillon.api.post(f"dead-letters/{letter['id']}/redrive")
    assert redriven["state"] == "redriven"
    again = carillon.api.get(f"executions/{redriven['redriven_as']}")
    assert (again["trigger"], again["replay_of"]) == ("replay", execution)
    runs.wait_running(carillon, again["id"])
