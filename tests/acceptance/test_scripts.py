"""Scripts on a real worker: what they say is heard at once, and none outlives it."""

from __future__ import annotations

import time
from typing import Any

from tests.acceptance import runs
from tests.support.patience import slowness
from tests.support.processes import marked
from tests.support.stack import Stack, wait_for

TIMES = 5
SAYS_WHEN = f"for i in {' '.join(map(str, range(TIMES)))}; do date +said:%s.%N; sleep 0.3; done; (setsid sleep 600 &); sleep 600"


def _lines(carillon: Stack, execution: str) -> list[Any]:
    found: list[Any] = carillon.api.get(f"executions/{execution}/logs")["data"]
    return [line["message"] for line in found if line["message"].startswith("said:")]


def test_what_a_script_says_is_read_while_it_runs_and_killing_its_worker_ends_it(carillon: Stack) -> None:
    job = carillon.api.post("jobs", {"name": "says-when", "type": "script", "payload": {"script": SAYS_WHEN}})["id"]
    execution = carillon.api.trigger(job)
    read: dict[str, float] = {}

    def has_read_all() -> bool:
        for line in _lines(carillon, execution):
            read.setdefault(line, time.time())
        return len(read) == TIMES

    wait_for(has_read_all, 90, "its lines are in the log")
    late = sorted(at - float(line.partition(":")[2]) for line, at in read.items())
    # The median, and for a machine that does other things beside: what is promised is a second.
    assert late[TIMES // 2] < 1.0 * slowness(), late
    assert runs.state(carillon, execution) == "running"
    assert marked(execution)
    carillon.kill("worker")
    wait_for(lambda: not marked(execution), 5, "no process of it is left")
    carillon.api.send("POST", f"executions/{execution}/cancel", {})
