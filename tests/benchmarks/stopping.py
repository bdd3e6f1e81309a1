"""How long a worker takes to stop when it is asked to, as a deploy asks it, and when what it gave back runs again.

Each round: runs of one length wait for it, some are under way; SIGTERM; taken is the time until its
process is gone. Runs that end within the drain end there; longer ones are given back unpunished, and
the next worker starts them.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass

from tests.benchmarks.figures import CARILLON, Figure, Sizes
from tests.benchmarks.measures import AGAIN, LOST, STOP
from tests.support.stack import Stack, wait_for

_RUNNING = "SELECT count(*) FROM execution WHERE job_id = %s AND state = 'running'"
_ENDED = "SELECT count(*) FROM attempt a JOIN execution e ON e.id = a.execution_id WHERE e.job_id = %s AND a.state = %s"
_NEXT_START = """
SELECT extract(epoch FROM min(a.started_at))::float8 FROM attempt a JOIN execution e ON e.id = a.execution_id
WHERE e.job_id = %s AND a.started_at > to_timestamp(%s)
"""
#: How many wait; more than a worker runs at once.
_WAITING = 8


@dataclass(frozen=True)
class _Case:
    seconds: float
    name: str


_CASES = (_Case(1, "runs of one second"), _Case(600, "runs of ten minutes"))


def measure(carillon: Stack, sizes: Sizes) -> list[Figure]:
    return [figure for case in _CASES for figure in _case(carillon, case, sizes.rounds)]


def _case(carillon: Stack, case: _Case, rounds: int) -> Sequence[Figure]:
    payload = {"duration_seconds": case.seconds}
    job = carillon.api.post("jobs", {"name": case.name, "type": "dummy", "payload": payload, "timeout_seconds": 900})[
        "id"
    ]
    stopped, again = [], []
    for _ in range(rounds):
        carillon.complete()
        for _ in range(_WAITING):
            carillon.api.trigger(job)
        wait_for(lambda: carillon.value(_RUNNING, job) >= 2, 60, "some are under way", every=0.05)
        asked = time.time()
        carillon.the("worker").end(signal.SIGTERM)
        gone = time.time()
        stopped.append(gone - asked)
        carillon.start("worker")
        ready = time.time()
        started = wait_for(lambda: carillon.value(_NEXT_START, job, gone), 60, "it goes on", every=0.05)  # noqa: B023 - used at once
        again.append(max(0.0, float(started) - ready))
    lost = float(carillon.value(_ENDED, job, "lost"))
    carillon.api.send("DELETE", f"jobs/{job}")
    carillon.kill("worker")
    subject = f"{CARILLON}: {case.name}"
    return [Figure(STOP, subject, "s", stopped), Figure(AGAIN, subject, "s", again), Figure(LOST, subject, "", [lost])]
