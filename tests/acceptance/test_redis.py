"""Redis is a doorbell: whatever is lost in it, every execution runs, and once."""

from __future__ import annotations

import os
import signal
from datetime import UTC, datetime, timedelta

import redis

from jobs.engine import dispatch
from scheduler_project.local import leash
from tests.acceptance import runs, slots
from tests.support.stack import Stack, wait_for


def test_five_hundred_queued_ones_run_once_each_after_a_flush(carillon: Stack) -> None:
    carillon.the("worker").end(signal.SIGTERM)
    _pretend_worker(carillon, slots=250)
    _five_hundred_at_once(carillon)
    wait_for(lambda: len(_flushed(carillon)) == 500, 90, "500 are queued")
    executions = _flushed(carillon)
    with redis.Redis.from_url(carillon.valkey.url()) as client:
        # More, if the watchdog found the publishing too slow and helped: what counts is that each runs once.
        wait_for(lambda: dispatch.queue_length(client, "default") >= 500, 90, "500 messages lie in Redis")
        client.flushall()
    carillon.query("DELETE FROM worker WHERE name = 'pretended'")
    carillon.complete()
    _all_succeed_at_their_first_attempt(carillon, executions)


def test_nothing_is_lost_when_redis_dies_under_load_and_comes_back_empty(carillon: Stack) -> None:
    schedule = slots.every_second(carillon, "beside-redis")
    job = carillon.api.post("jobs", {"name": "under-load", "type": "dummy"})["id"]
    executions = [carillon.api.trigger(job) for _ in range(200)]
    wait_for(lambda: runs.states(carillon, executions)["succeeded"] >= 20, 90, "the first ones have run")
    for pid in leash.inhabitants(carillon.valkey.data):
        os.kill(pid, signal.SIGKILL)
    wait_for(lambda: not carillon.valkey.alive(), 60, "Redis is dead")
    try:
        executions += [carillon.api.trigger(job) for _ in range(20)]
        # An engine may end with Redis, its library does at times: nobody plans until the supervisor starts it again.
        died = datetime.now(UTC)
        wait_for(lambda: datetime.now(UTC) - died > timedelta(seconds=4), 90, "some slots have come without Redis")
    finally:
        carillon.valkey.start()  # whatever happened: the tests that follow share it
    carillon.complete()  # beat ends by design when Redis is away; the supervisor starts it again
    _all_succeed_at_their_first_attempt(carillon, executions)
    before = slots.ended(carillon, schedule)
    wait_for(lambda: slots.ended(carillon, schedule) >= before + 3, 90, "slots go on")

    seen = slots.stop(carillon, schedule)
    assert seen.missing == []
    assert seen.doubled == []
    assert seen.states == {"succeeded"}


def _five_hundred_at_once(carillon: Stack) -> None:
    for place in range(10):
        soon = (datetime.now(UTC) + timedelta(seconds=5)).isoformat()
        schedules = [{"kind": "once", "run_at": soon}] * 50
        job = {"name": f"flushed-{place}", "category": "flushed", "type": "dummy", "overlap": "allow"}
        carillon.api.post("jobs", {**job, "schedules": schedules})


def _flushed(carillon: Stack) -> list[str]:
    queued = (
        "SELECT e.id FROM execution e JOIN job j ON j.id = e.job_id WHERE j.category = 'flushed' AND e.state = 'queued'"
    )
    return [str(row.id) for row in carillon.query(queued)]


def _pretend_worker(carillon: Stack, slots: int) -> None:
    """A live lease, so that this much is published with nobody there to take it."""
    carillon.query(
        "INSERT INTO worker (id, name, queues, pool, concurrency, pid, pids, draining, started_at, renewed_at,"
        " lease_expires_at) VALUES (gen_random_uuid(), 'pretended', '{default}', 'prefork', %s, 1, '{1}', false, now(),"
        " now(), now() + interval '1 hour')",
        slots,
    )


def _all_succeed_at_their_first_attempt(carillon: Stack, executions: list[str]) -> None:
    everyone = len(executions)
    wait_for(lambda: runs.states(carillon, executions)["succeeded"] == everyone, 90, "all have succeeded")
    assert runs.attempts(carillon, executions) == {(1, "succeeded"): everyone}
