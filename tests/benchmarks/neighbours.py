"""How long a tenant's run waits while another tenant has flooded the same queue.

The small tenant asks for one run a second, first alone, then while the large one has tens of thousands
waiting that do nothing. What is taken is the time from the execution's creation to its claim, both by
the database's clock.
"""

from __future__ import annotations

import time

from tests.benchmarks.figures import CARILLON, Figure, Sizes
from tests.benchmarks.measures import NEIGHBOUR
from tests.benchmarks.throughput import backlog
from tests.support import stack_tenants
from tests.support.stack import Stack, wait_for
from tests.support.stack_api import Api

_WAITS = """
SELECT extract(epoch FROM started_at - created_at)::float8 AS wait FROM execution
WHERE job_id = %s AND started_at IS NOT NULL ORDER BY created_at
"""
_WAITING = "SELECT count(*) FROM execution WHERE job_id = %s AND state IN ('scheduled', 'pending')"


def measure(carillon: Stack, sizes: Sizes) -> list[Figure]:
    (key,) = stack_tenants.keys(carillon, [{"slug": "small", "weight": 1, "max_running": None}]).values()
    small = Api(carillon.url, key)
    try:
        job = small.post("jobs", {"name": "modest", "type": "dummy"})["id"]
        for _ in range(3):
            small.trigger(job)
            time.sleep(1)
        alone = _asked(carillon, small, job, sizes.modest)
        large = backlog(carillon, "flood", sizes.flood)
        beside = _asked(carillon, small, job, sizes.modest)
        left = carillon.value(_WAITING, large)
        carillon.api.send("DELETE", f"jobs/{large}")
    finally:
        small.close()
    return [
        Figure(NEIGHBOUR, f"{CARILLON}: alone", "ms", alone),
        Figure(NEIGHBOUR, f"{CARILLON}: while another tenant has {sizes.flood:,} waiting", "ms", beside),
        Figure(f"{NEIGHBOUR}: what the other tenant still had waiting at the end", "the flood", "", [float(left)]),
    ]


def _asked(carillon: Stack, small: Api, job: str, runs: int) -> list[float]:
    """Milliseconds each of the runs waited that are asked for now."""
    before = len(carillon.query(_WAITS, job))
    begun = time.time()
    for number in range(runs):
        time.sleep(max(0.0, begun + number - time.time()))
        small.trigger(job)
    waits = wait_for(
        lambda: (rows := carillon.query(_WAITS, job)[before:])[runs - 1 :] and rows, 120, "the runs have started"
    )
    return [1000 * row.wait for row in waits]
