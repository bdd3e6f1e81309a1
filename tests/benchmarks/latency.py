"""How long from the wish to run until it runs, one at a time on an idle system.

For ours two instants are taken: the claim (by the database's clock, which is this machine's) and the
arrival of the job's HTTP call at a server here, which includes building the call and connecting. For the
peers it is the first line of the task. The wish is the instant before the API is called, or before
``send_task``.
"""

from __future__ import annotations

import random
import threading
import time

from tests.benchmarks.figures import CARILLON, Figure, Sizes
from tests.benchmarks.measures import ANSWER, DELAY
from tests.benchmarks.rivals import Rival
from tests.benchmarks.sink import Sink, receiving
from tests.support.stack import Stack, wait_for


def measure(carillon: Stack, peers: list[Rival], sizes: Sizes) -> list[Figure]:
    with receiving() as sink:
        figures = _ours(carillon, sink, sizes.calls)
    return figures + [Figure(DELAY, rival.name, "ms", rival.delays(sizes.calls, pause)) for rival in peers]


def pause() -> None:
    """Long enough to be idle again, never in step with anything that ticks."""
    threading.Event().wait(random.uniform(0.02, 0.1))


def _ours(carillon: Stack, sink: Sink, calls: int) -> list[Figure]:
    job = carillon.api.post("jobs", {"name": "called", "type": "http", "payload": {"method": "POST", "url": sink.url}})
    wished: dict[str, float] = {}
    answered: list[float] = []
    for _ in range(calls + 5):
        at = time.time()
        execution = carillon.api.trigger(job["id"])
        answered.append(time.time() - at)
        wished[execution] = at
        wait_for(lambda: execution in sink.arrived, 30, "the call has arrived", every=0.005)  # noqa: B023 - used at once
        pause()
    counted = dict(list(wished.items())[5:])
    rows = carillon.query(
        "SELECT execution_id::text AS id, extract(epoch FROM started_at)::float8 AS at FROM attempt"
        " WHERE execution_id = ANY(%s::uuid[])", list(counted),
    )  # fmt: skip
    claims = [1000 * (row.at - counted[row.id]) for row in rows]
    calls_arrived = [1000 * (sink.arrived[execution] - at) for execution, at in counted.items()]
    return [
        Figure(DELAY, f"{CARILLON}: claimed", "ms", claims),
        Figure(DELAY, f"{CARILLON}: its HTTP call arrives", "ms", calls_arrived),
        Figure(ANSWER, CARILLON, "ms", [1000 * seconds for seconds in answered[5:]]),
    ]
