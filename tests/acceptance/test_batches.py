"""Executions that share a message, in the children of a real worker; one of them takes its process down."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from tests.acceptance import runs
from tests.support.stack import Stack, wait_for

#: However busy the machine is: who was slow once travels alone.
_QUICK = """
CREATE FUNCTION quick_for_a_test() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.started_at := NEW.finished_at - interval '1 ms';
    RETURN NEW;
END $$;
CREATE TRIGGER quick_for_a_test BEFORE UPDATE ON execution FOR EACH ROW
    WHEN (NEW.state = 'succeeded') EXECUTE FUNCTION quick_for_a_test();
"""


@pytest.fixture
def all_are_quick(carillon: Stack) -> Iterator[None]:
    """Whatever succeeds has taken a millisecond."""
    carillon.query(_QUICK)
    yield
    carillon.query("DROP TRIGGER quick_for_a_test ON execution; DROP FUNCTION quick_for_a_test")


@pytest.mark.usefixtures("brief_lease", "all_are_quick")
def test_poison_among_batch_mates_is_buried_after_three_crashes_and_charges_nobody_else(carillon: Stack) -> None:
    job = {"name": "shared", "type": "python", "payload": {"callable": "tests.echo"}, "overlap": "allow"}
    identifier = carillon.api.post("jobs", job)["id"]
    known = [carillon.api.trigger(identifier) for _ in range(5)]
    wait_for(lambda: runs.states(carillon, known)["succeeded"] == 5, 60, "it is known to be quick")
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
