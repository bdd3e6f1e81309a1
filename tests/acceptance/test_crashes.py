"""Processes killed with ``kill -9`` while a script runs: it runs again, and nothing of it is left over.

The worker's own death is noticed when its lease has run out, and then within the watchdog's five seconds. With the
product's lease of 30 seconds the script runs again within 40; here it is a shorter one, and as much of it is left.
"""

from __future__ import annotations

import os
import signal
import time

from tests.acceptance import runs
from tests.support.processes import marked
from tests.support.stack import Stack, wait_for

#: Twenty seconds the first time; with a child of its own, in the background, that nobody waits for.
SCRIPT = """
[ "$CARILLON_ATTEMPT" = 1 ] || { echo "again"; exit 0; }
sleep 300 &
sleep 20
"""


def test_a_killed_child_loses_its_attempt_and_the_script_runs_again(brief_lease: float, carillon: Stack) -> None:
    execution = _begun(carillon, "its-child-dies")
    pid = carillon.value("SELECT worker_pid FROM execution WHERE id = %s", execution)
    assert pid in carillon.the("worker").children()
    os.kill(pid, signal.SIGKILL)
    _runs_again_in_time(carillon, execution, time.monotonic(), brief_lease)
    _tells_what_happened(carillon, execution)


def test_a_killed_worker_loses_its_attempt_and_the_script_runs_again(brief_lease: float, carillon: Stack) -> None:
    execution = _begun(carillon, "its-worker-dies")
    killed_at = time.monotonic()
    carillon.kill("worker")
    wait_for(lambda: not marked(execution), 10, "nothing of the first attempt is left")
    carillon.start("worker")
    _runs_again_in_time(carillon, execution, killed_at, brief_lease)
    _tells_what_happened(carillon, execution)


def _begun(carillon: Stack, name: str) -> str:
    """An execution whose script is in its twenty seconds: its processes carry the execution's id."""
    carillon.api.post("jobs", {"name": name, "type": "script", "payload": {"script": SCRIPT}})
    execution = carillon.api.trigger(name)
    wait_for(lambda: len(marked(execution)) >= 2, 90, "the script runs")
    return execution


def _runs_again_in_time(carillon: Stack, execution: str, killed_at: float, lease: float) -> None:
    left = killed_at + lease + 10 - time.monotonic()
    query = "SELECT started_at FROM attempt WHERE execution_id = %s AND number = 2"
    wait_for(lambda: carillon.query(query, execution), left, f"attempt 2 has started, {lease + 10:g} s after the kill")


def _tells_what_happened(carillon: Stack, execution: str) -> None:
    run = runs.wait_ended(carillon, execution, 90)
    assert (run["state"], run["attempt"], run["crashes"]) == ("succeeded", 2, 1)
    first, second = carillon.api.get(f"executions/{execution}/attempts")["data"]
    assert (first["number"], first["state"], first["error"]["code"]) == (1, "lost", "WORKER_LOST")
    assert (second["number"], second["state"]) == (2, "succeeded")
    assert not marked(execution), "something of the script is still alive"
