"""PostgreSQL is restarted under load: the API says so meanwhile, and everything goes on by itself."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from tests.acceptance import runs, slots
from tests.support.stack import Stack, wait_for


def test_everything_goes_on_after_a_restart_of_postgresql(carillon: Stack) -> None:
    schedules = [slots.every_second(carillon, f"beside-postgres-{place}") for place in range(3)]
    job = carillon.api.post("jobs", {"name": "across-restart", "type": "dummy", "payload": {"duration_seconds": 4}})
    wait_for(lambda: slots.ended(carillon, schedules[0]) >= 3, 90, "slots run")
    executions = [carillon.api.trigger(job["id"]) for _ in range(3)]
    wait_for(lambda: "running" in runs.states(carillon, executions), 90, "an attempt is under way")

    carillon.disconnect()
    carillon.postgres.stop("immediate")
    _says_so(carillon, job["id"])
    carillon.postgres.start()

    wait_for(lambda: carillon.api.send("GET", "/health/ready").status_code == 200, 90, "it calls itself ready")
    executions.append(carillon.api.trigger(job["id"]))
    for execution in executions:
        assert runs.wait_ended(carillon, execution, 60)["state"] == "succeeded"
    before = slots.ended(carillon, schedules[0])
    wait_for(lambda: slots.ended(carillon, schedules[0]) >= before + 3, 90, "slots go on")
    for schedule in schedules:
        seen = slots.stop(carillon, schedule)
        assert seen.missing == []
        assert seen.doubled == []
        assert seen.states == {"succeeded"}
    assert (
        carillon.value(
            "SELECT count(*) FROM attempt WHERE execution_id = ANY(%s::uuid[]) AND state = 'lost'", executions
        )
        == 0
    )


def _says_so(carillon: Stack, job: str) -> None:
    """Every kind of request at once, for each may wait a while for the database."""
    calls = [("GET", "executions"), ("GET", f"jobs/{job}"), ("POST", f"jobs/{job}/trigger"), ("GET", "/health/ready")]
    with ThreadPoolExecutor(len(calls)) as threads:
        answers = list(threads.map(lambda call: carillon.api.send(*call), calls))
    assert {answer.status_code for answer in answers} == {503}
    assert {answer.headers.get("Retry-After") for answer in answers} == {"2"}
    assert [answer.json()["error"]["code"] for answer in answers] == ["UNAVAILABLE"] * 3 + ["NOT_READY"]
    assert carillon.api.send("GET", "/health/live").status_code == 200
