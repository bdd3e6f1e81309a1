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
from tests.benchmarks.costs import Round
from tests.benchmarks.figures import CARILLON, Figure, Sizes
from tests.benchmarks.measures import COST, RATE
from tests.benchmarks.rivals import Rival
from tests.support.stack import Stack, wait_for

ONE_BY_ONE = f"{CARILLON}, one per message"

#: Copies of one that the API made, so that nothing here knows what an execution consists of.
_COPY = """
INSERT INTO execution SELECT (jsonb_populate_record(e, jsonb_build_object(
    'id', uuidv7(), 'not_before', clock_timestamp(), 'created_at', clock_timestamp()))).*
FROM execution e, generate_series(1, %s) WHERE e.id = %s
"""


def measure(carillon: Stack, peers: list[Rival], sizes: Sizes) -> list[Figure]:
    rounds: dict[str, list[Round]] = defaultdict(list)
    for turn in range(sizes.rounds):
        for subject, batch_size, count in ((CARILLON, 50, sizes.batched), (ONE_BY_ONE, 1, sizes.executions)):
            carillon.query("UPDATE queue SET batch_size = %s", batch_size)
            rounds[subject].append(_round(carillon, count, f"{turn}-{batch_size}"))
            carillon.the("worker").end(signal.SIGTERM)
        for rival in peers:
            count = getattr(sizes, rival.key)
            rounds[rival.name].append(rival.round(count, lambda: costs.servers(carillon)))
    carillon.query("UPDATE queue SET batch_size = DEFAULT")
    carillon.start("worker")
    figures = [Figure(RATE, subject, "1/s", [one.rate for one in of]) for subject, of in rounds.items()]
    figures += [Figure(COST, subject, "ms", [sum(one.cost.values()) for one in of]) for subject, of in rounds.items()]
    figures += [
        Figure(f"{COST}, {part}", subject, "ms", [one.cost[part] for one in of])
        for subject, of in rounds.items()
        for part in of[0].cost
    ]
    return figures


def backlog(carillon: Stack, name: str, executions: int) -> str:
    """A job of which that many are due; returns its id once they are."""
    job: str = carillon.api.post("jobs", {"name": name, "type": "dummy"})["id"]
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    original = carillon.api.trigger(job, run_at=tomorrow)
    carillon.query(_COPY, executions, original)
    ripe = "SELECT count(*) FROM execution WHERE job_id = %s AND state <> 'scheduled'"
    wait_for(lambda: carillon.value(ripe, job) >= executions, 120, "all are due", every=0.2)
    return job


def _round(carillon: Stack, executions: int, turn: str) -> Round:
    job = backlog(carillon, f"no-op-{turn}", executions)
    in_state = "SELECT count(*) FROM execution WHERE job_id = %s AND state = %s"
    carillon.start("worker")
    tenth = executions // 10
    wait_for(lambda: carillon.value(in_state, job, "succeeded") >= tenth, 120, "a tenth has run")
    counted, before = carillon.value(in_state, job, "succeeded"), _spent(carillon)
    wait_for(lambda: carillon.value(in_state, job, "succeeded") == executions, 900, "all have run", every=0.3)
    after = _spent(carillon)
    times = carillon.query(
        "SELECT extract(epoch FROM finished_at)::float8 AS at FROM execution WHERE job_id = %s AND state = 'succeeded'"
        " ORDER BY finished_at",
        job,
    )
    rate = (executions - tenth) / (times[-1].at - times[tenth - 1].at)
    return Round.over(rate, before, after, executions - counted)


def _spent(carillon: Stack) -> dict[str, float]:
    members = {role: carillon.the(role) for role in ("engine", "worker")}
    by_role = {f"{role}, main process": costs.seconds([member.pid]) for role, member in members.items()}
    by_role["worker, children"] = costs.seconds(members["worker"].children())
    return by_role | costs.servers(carillon)
