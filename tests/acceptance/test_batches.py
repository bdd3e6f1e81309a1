"""Executions that share a message, in the children of a real worker; one of them takes its process down."""

from __future__ import annotations

import signal

import pytest

from tests.acceptance import runs
from tests.support.stack import Stack, wait_for


@pytest.mark.usefixtures("brief_lease")
def test_poison_among_batch_mates_is_buried_after_three_crashes_and_charges_nobody_else(carillon: Stack) -> None:
    job = {"name": "shared", "type": "python", "payload": {"callable": "tests.echo"}, "overlap": "allow"}
    identifier = carillon.api.post("jobs", job)["id"]
    known = [carillon.api.trigger(identifier) for _ in range(5)]
    wait_for(lambda: runs.states(carillon, known)["succeeded"] == 5, 60, "it is known to be quick")
    # However busy this machine is.
    carillon.query("UPDATE execution SET started_at = finished_at - interval '1 ms' WHERE id = ANY(%s::uuid[])", known)
    carillon.the("worker").end(signal.SIGTERM)
    mates = [carillon.api.trigger(identifier) for _ in range(60)]
    poison = carillon.api.trigger(identifier, payload={"callable": "tests.vanish"})
    mates += [carillon.api.trigger(identifier) for _ in range(30)]
    carillon.start("worker")

    run = runs.wait_ended(carillon, poison, 120)
    assert (run["state"], run["error"]["code"], run["crashes"]) == ("failed", "WORKER_LOST", 3)
    wait_for(lambda: runs.states(carillon, mates)["succeeded"] == 90, 60, "all others have succeeded")
    shared = "SELECT count(*) AS shared, max(crashes) AS crashes, max(attempt) AS attempts FROM execution WHERE id = ANY(%s::uuid[])"
    (seen,) = carillon.query(f"{shared} AND batch_size > 1", mates)
    assert seen.shared > 10
    (seen,) = carillon.query(shared, mates)
    assert (seen.crashes, seen.attempts) == (0, 1)
