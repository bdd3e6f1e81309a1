"""How many no-op executions a second, from rows in the database to rows in the database.

All of a round exist before its worker starts, so its start-up is outside the rate, which is taken from
the moment a tenth have ended until all have. Rounds of ours and of the peers take turns, so that a
disturbance of the machine meets all of them.
"""

from __future__ import annotations

import signal
from collections import defaultdict
from datetime import UTC, datetime, timedelta

from tests.benchmarks import costs
from tests.benchmarks.figures import CARILLON, Figure, Sizes
from tests.benchmarks.rivals import Rival
from tests.support.stack import Stack, wait_for

RATE = "no-op executions"
COST = "processor time of one execution"
MEMORY = "memory after the last round"

#: Copies of one that the API made, so that nothing here knows what an execution consists of.
_COPY = """
INSERT INTO execution SELECT (jsonb_populate_record(e, jsonb_build_object(
    'id', uuidv7(), 'not_before', clock_timestamp(), 'created_at', clock_timestamp()))).*
FROM execution e, generate_series(1, %s) WHERE e.id = %s
"""


def measure(carillon: Stack, peers: list[Rival], sizes: Sizes) -> list[Figure]:
    rates: dict[str, list[float]] = defaultdict(list)
    spent: dict[str, list[float]] = defaultdict(list)
    for turn in range(sizes.rounds):
        rate, cost = _round(carillon, sizes.executions, turn, last=turn == sizes.rounds - 1)
        rates[CARILLON].append(rate)
        for name, milliseconds in cost.items():
            spent[name].append(milliseconds)
        for rival in peers:
            rates[rival.name].append(rival.rate(getattr(sizes, rival.key)))
    figures = [Figure(RATE, subject, "1/s", values) for subject, values in rates.items()]
    figures += [Figure(COST, f"{CARILLON}: {name}", "ms", values) for name, values in spent.items()]
    memory = {role: costs.mebibytes(costs.tree(carillon.the(role))) for role in ("web", "beat", "engine", "worker")}
    figures += [Figure(MEMORY, f"{CARILLON}: {role}", "MiB", [size]) for role, size in memory.items()]
    carillon.the("worker").end(signal.SIGTERM)
    return figures


def _round(carillon: Stack, executions: int, turn: int, *, last: bool) -> tuple[float, dict[str, float]]:
    """Executions a second, and the milliseconds of processor time each took by process."""
    job = carillon.api.post("jobs", {"name": f"no-op-{turn}", "type": "dummy"})["id"]
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    original = carillon.api.trigger(job, run_at=tomorrow)
    carillon.query(_COPY, executions, original)
    in_state = "SELECT count(*) FROM execution WHERE job_id = %s AND state = %s"
    wait_for(lambda: carillon.value(in_state, job, "pending") == executions, 60, "all are due")
    carillon.start("worker")
    tenth = executions // 10
    wait_for(lambda: carillon.value(in_state, job, "succeeded") >= tenth, 120, "a tenth has run", every=0.02)
    counted, before = carillon.value(in_state, job, "succeeded"), _spent(carillon)
    wait_for(lambda: carillon.value(in_state, job, "succeeded") == executions, 600, "all have run", every=0.05)
    after = _spent(carillon)
    times = carillon.query(
        "SELECT extract(epoch FROM finished_at)::float8 AS at FROM execution WHERE job_id = %s AND state = 'succeeded'"
        " ORDER BY finished_at", job,
    )  # fmt: skip
    if not last:
        carillon.the("worker").end(signal.SIGTERM)
    cost = {name: 1000 * (after[name] - before[name]) / (executions - counted) for name in before}
    return (executions - tenth) / (times[-1].at - times[tenth - 1].at), cost


def _spent(carillon: Stack) -> dict[str, float]:
    members = {role: carillon.the(role) for role in ("engine", "worker")}
    by_role = {f"{role}, main process": costs.seconds([member.pid]) for role, member in members.items()}
    by_role["worker, children"] = costs.seconds(members["worker"].children())
    return by_role | costs.servers(carillon)
