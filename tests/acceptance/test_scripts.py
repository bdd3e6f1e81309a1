"""Scripts on a real worker: what they say is heard at once, and none outlives it."""

from __future__ import annotations

import time
from typing import Any

from tests.acceptance import runs
from tests.support.processes import marked
from tests.support.stack import Stack, wait_for

SAYS_WHEN = "date +said:%s.%N; (setsid sleep 600 &); sleep 600"


def _lines(carillon: Stack, execution: str) -> list[Any]:
    found: list[Any] = carillon.api.get(f"executions/{execution}/logs")["data"]
    return [line["message"] for line in found if line["message"].startswith("said:")]


def test_what_a_script_says_is_read_while_it_runs_and_killing_its_worker_ends_it(carillon: Stack) -> None:
    job = carillon.api.post("jobs", {"name": "says-when", "type": "script", "payload": {"script": SAYS_WHEN}})["id"]
    execution = carillon.api.trigger(job)
    wait_for(lambda: _lines(carillon, execution), 30, "its first line is in the log")
    print(f"read {time.time() - float(_lines(carillon, execution)[0].partition(':')[2]):.2f} s after it was said")  # noqa: T201
    assert runs.state(carillon, execution) == "running"
    assert marked(execution)
    carillon.kill("worker")
    wait_for(lambda: not marked(execution), 5, "no process of it is left")
    carillon.api.send("POST", f"executions/{execution}/cancel", {})
