"""PostgreSQL is restarted under load: the API says so meanwhile, and everything goes on by itself."""

from __future__ import annotations

import pytest

from tests.acceptance import runs, slots
from tests.support.stack import Stack, wait_for

pytestmark = pytest.mark.xdist_group("acceptance_2")


def test_everything_goes_on_after_a_restart_of_postgresql(carillon: Stack) -> None:
    schedules = [slots.every_second(carillon, f"beside-postgres-{place}") for place in range(3)]
    job = carillon.api.post("jobs", {"name": "across-restart", "type": "dummy", "payload": {"duration_seconds": 4}})
    wait_for(lambda: slots.ended(carillon, schedules[0]) >= 3, 30, "slots run")
    executions = [carillon.api.trigger(job["id"]) for _ in range(2)]
    wait_for(lambda: "running" in runs.states(carillon, executions), 30, "an attempt is under way")

    carillon.disconnect()
    carillon.postgres.stop("immediate")
    answers = [carillon.api.send("GET", "executions") for _ in range(5)]
    answers.append(carillon.api.send("POST", f"jobs/{job['id']}/trigger", {}))
    assert {(answer.status_code, answer.headers.get("Retry-After")) for answer in answers} == {(503, "2")}
    assert {answer.json()["error"]["code"] for answer in answers} == {"UNAVAILABLE"}
    assert carillon.api.send("GET", "/health/ready").status_code == 503
    assert carillon.api.send("GET", "/health/live").status_code == 200
    carillon.postgres.start()

    wait_for(lambda: carillon.api.send("GET", "/health/ready").status_code == 200, 30, "it calls itself ready")
    executions.append(carillon.api.trigger(job["id"]))
    for execution in executions:
        assert runs.wait_ended(carillon, execution, 60)["state"] == "succeeded"
    before = slots.ended(carillon, schedules[0])
    wait_for(lambda: slots.ended(carillon, schedules[0]) >= before + 3, 30, "slots go on")
    for schedule in schedules:
        seen = slots.stop(carillon, schedule)
        assert seen.missing == []
        assert seen.doubled == []
        assert seen.states == {"succeeded"}
