"""More at once than there is room for."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator

from tests.chaos.faults.registry import fault
from tests.chaos.stand import Stand
from tests.support.stack_api import Api

BURST = 100
#: Then the rest is left out: other faults wait for their turn.
SECONDS = 5.0


@fault("burst")
def burst(stand: Stand, chance: random.Random) -> Iterator[str]:
    """One tenant asks for a hundred runs of a job at once. It is the stand's own: nobody's plan counts them."""
    api = Api(stand.carillon.url, stand.carillon.key)
    taken, until = 0, time.monotonic() + SECONDS
    try:
        name = f"burst-{chance.randrange(10**9)}"
        api.post("jobs", {"name": name, "type": "dummy", "payload": {"duration_seconds": 0.05}})
        while taken < BURST and time.monotonic() < until:
            taken += api.send("POST", f"jobs/{name}/trigger", {}).is_success
    finally:
        api.close()
    yield f"{taken} taken"
