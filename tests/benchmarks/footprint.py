"""What an idle `make up` takes: memory of its six programs, without PostgreSQL and Valkey."""

from __future__ import annotations

import time

from tests.benchmarks import costs
from tests.benchmarks.figures import CARILLON, Figure
from tests.benchmarks.measures import MEMORY
from tests.support.stack import ROLES, Stack

_PROGRAMS = (*ROLES, "io", "flower")
#: Long enough for everything that is loaded late.
SETTLED = 10.0


def measure(carillon: Stack) -> list[Figure]:
    """Each with its children; pages that processes share are counted once over all of them."""
    for role in ROLES:  # what was measured before has left its traces in them
        carillon.kill(role)
    carillon.complete()
    carillon.start("io", "flower")
    time.sleep(SETTLED)
    trees = {name: costs.tree(carillon.the(name)) for name in _PROGRAMS}
    taken = {name: costs.mebibytes(tree) for name, tree in trees.items()}
    figures = [Figure(f"{MEMORY} of {name}", CARILLON, "MiB", [size]) for name, size in taken.items()]
    for name in ("io", "flower"):
        carillon.kill(name)
    return [Figure(MEMORY, CARILLON, "MiB", [sum(taken.values())]), *figures]
