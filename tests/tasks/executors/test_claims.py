"""Claiming: who gets what, in which order, with what in the answer."""

from __future__ import annotations

from typing import Any

import pytest

from jobs.rules.states import State
from tests.support import executors, rows
from tests.support.attempts import Outcome


def test_a_claim_answers_all_that_it_takes(owner: Any) -> None:
    alpha = executors.play(owner, capabilities=["gpu", "eu"])
    made = executors.job(
        owner,
        alpha.queue,
        payload={"capabilities": ["gpu"], "payload": {"n": "{{ execution.attempt }}"}},
        timeout_seconds=70,
    )
    run = executors.triggered(owner, made)
    (claimed,) = alpha.claim()
    assert (claimed["execution"], claimed["attempt"], claimed["idempotency_key"]) == (run, 1, run)
    assert (claimed["payload"], claimed["capabilities"]) == ({"n": 1}, ["gpu"])
    assert (claimed["timeout_seconds"], claimed["job"]["name"]) == (70, made["name"])
    assert claimed["links"]["complete"] == f"/api/v1/executions/{run}/complete"
    assert Outcome(run).state == State.RUNNING
    assert owner.api.get(f"/api/v1/executions/{run}").json()["worker"] == rows.fetch("SELECT name FROM executor")[0][0]


def test_nothing_to_claim_is_an_empty_list(owner: Any) -> None:
    assert executors.play(owner).claim() == []


def test_two_executors_never_hold_one(owner: Any) -> None:
    alpha = executors.play(owner)
    beta = executors.play(owner, on=alpha.queue)
    run = executors.triggered(owner, executors.job(owner, alpha.queue))
    assert [each["execution"] for each in [*alpha.claim(5), *beta.claim(5)]] == [run]


def test_an_executor_gets_what_it_can_do_past_a_backlog_of_what_it_cannot(owner: Any) -> None:
    cpu = executors.play(owner, capabilities=["cpu"])
    gpu = executors.play(owner, on=cpu.queue, capabilities=["gpu"])
    heavy = executors.job(owner, cpu.queue, payload={"capabilities": ["gpu"]}, priority=9)
    runs = [executors.triggered(owner, heavy) for _ in range(5)]
    light = executors.triggered(owner, executors.job(owner, cpu.queue, payload={"capabilities": ["cpu"]}))
    assert [each["execution"] for each in cpu.claim(10)] == [light]
    assert [each["execution"] for each in gpu.claim(10)] == runs[:1]
    # One lies ready for its one place, the others wait in line and take nobody's caps.
    executors.engine()
    assert sorted(Outcome(run).state for run in runs) == ["pending"] * 3 + ["queued", "running"]


def test_an_executor_that_is_named_is_the_only_one_to_get_it(owner: Any) -> None:
    alpha = executors.play(owner, "alpha")
    beta = executors.play(owner, "beta", on=alpha.queue)
    run = executors.triggered(owner, executors.job(owner, alpha.queue, payload={"executor": "beta"}))
    assert alpha.claim() == []
    assert [each["execution"] for each in beta.claim()] == [run]


def test_no_more_is_claimed_than_it_has_places_for_by_priority(owner: Any) -> None:
    alpha = executors.play(owner, max_concurrent=2)
    low = executors.job(owner, alpha.queue, priority=1)
    runs = [executors.triggered(owner, low) for _ in range(2)]
    high = executors.triggered(owner, executors.job(owner, alpha.queue, priority=9))
    first = alpha.claim(1)
    assert alpha.claim(9) != []
    assert alpha.claim(9) == []
    assert first[0]["execution"] in {high, *runs}


def test_another_tenants_backlog_takes_no_place_of_ones_own(owner: Any, outsider: Any) -> None:
    theirs = executors.play(outsider)
    flood = executors.job(outsider, theirs.queue)
    for _ in range(3):
        executors.triggered(outsider, flood)
    mine = executors.play(owner, on=theirs.queue, max_concurrent=2)
    runs = {executors.triggered(owner, executors.job(owner, mine.queue)) for _ in range(2)}
    assert {each["execution"] for each in mine.claim(10)} == runs


def test_caps_of_the_job_hold_for_executors_too(owner: Any) -> None:
    alpha = executors.play(owner, max_concurrent=5)
    made = executors.job(owner, alpha.queue, max_running=1)
    for _ in range(2):
        executors.triggered(owner, made)
    assert len(alpha.claim(5)) == 1
    executors.engine()
    assert alpha.claim(5) == []


@pytest.mark.parametrize("how", ["deactivated", "draining"])
def test_who_drains_gets_nothing_new_and_ends_what_it_holds(owner: Any, how: str) -> None:
    alpha = executors.play(owner, max_concurrent=3)
    made = executors.job(owner, alpha.queue)
    executors.triggered(owner, made)
    (claimed,) = alpha.claim()
    if how == "draining":
        assert alpha.beat(draining=True).status_code == 200
    else:
        assert owner.api.post(f"/api/v1/executors/{alpha.id}/deactivate").status_code == 200
    executors.triggered(owner, made)
    assert alpha.claim() == []
    assert alpha.report(claimed, "complete").json()["state"] == "succeeded"


def test_a_secret_of_the_payload_is_in_the_claim_and_nowhere_else(owner: Any) -> None:
    owner.api.post("/api/v1/secrets", {"name": "printer", "value": "a made-up secret"})
    owner.api.post("/api/v1/secrets", {"name": "other", "value": "another made-up one"})
    alpha = executors.play(owner)
    made = executors.job(owner, alpha.queue, payload={"payload": {"key": "{{ secrets.printer }}"}})
    run = executors.triggered(owner, made)
    (claimed,) = alpha.claim()
    assert claimed["payload"] == {"key": "a made-up secret"}
    # Rotated meanwhile: the executor still knows the former one.
    owner.api.patch("/api/v1/secrets/printer", {"value": "a newer made-up secret"})
    alpha.report(claimed, "log", chunk=1, lines=[{"message": "with a made-up secret"}])
    alpha.report(claimed, "complete", result={"used": "a made-up secret, a newer made-up secret"})
    assert Outcome(run).result == {"used": "***, ***"}
    assert Outcome(run).messages == ["with ***"]


def test_a_payload_that_cannot_be_rendered_fails_and_the_next_is_claimed(owner: Any) -> None:
    owner.api.post("/api/v1/secrets", {"name": "gone", "value": "a made-up secret"})
    alpha = executors.play(owner, max_concurrent=2)
    made = executors.job(owner, alpha.queue, payload={"payload": "{{ secrets.gone }}"})
    broken = executors.triggered(owner, made)
    assert owner.api.delete("/api/v1/secrets/gone?force=true").status_code == 204
    good = executors.triggered(owner, executors.job(owner, alpha.queue))
    assert [each["execution"] for each in alpha.claim(2)] == [good]
    assert (Outcome(broken).state, Outcome(broken).error_code) == (State.FAILED, "CONFIG_INVALID")
