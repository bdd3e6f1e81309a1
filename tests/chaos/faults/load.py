"""More at once than there is room for."""

from __future__ import annotations

import random
from collections.abc import Iterator

from tests.chaos.faults.registry import fault
from tests.chaos.stand import Stand
from tests.support.stack_api import Api

BURST = 100


@fault("burst")
def burst(stand: Stand, chance: random.Random) -> Iterator[str]:
    """One tenant asks for a hundred runs of a job at once. It is the stand's own: nobody's plan counts them."""
    api = Api(stand.carillon.url, stand.carillon.key)
    try:
        name = f"burst-{chance.randrange(10**9)}"
        made = api.send("POST", "jobs", {"name": name, "type": "dummy", "payload": {"duration_seconds": 0.05}})
        answers = [
            api.send("POST", f"jobs/{name}/trigger", {}).status_code for _ in range(BURST if made.is_success else 0)
        ]
    except OSError as error:
        answers = [str(error)]
    finally:
        api.close()
    yield f"{answers.count(202)} of {BURST} taken"
