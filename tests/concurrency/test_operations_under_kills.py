"""Two thousand executions cancelled and run again by three engines, whose connections somebody kills at random.

A step is one transaction, so wherever it is cut off it has either happened or not. What happened is read afterwards
from rows and events: each execution once, and counted once.
"""

from __future__ import annotations

import random
import threading
import time
from functools import partial
from typing import Any

import pytest
from django.db import Error, connection

from jobs.engine import operations
from jobs.services.operation_kinds import KINDS
from tasks import engine_process
from tests.support import actors, logins, many, rows
from tests.support import operations as support
from tests.support.processes import eventually
from tests.support.threads import together

MANY = 2000
#: Eight seconds' work at fifty a second.
MANY_EACH = 400
#: As much is done between two kills, so there is progress on a slow machine, and many kills on a fast one.
BETWEEN = MANY // 8
SECONDS = 300
DONE = "SELECT coalesce(sum(done), 0) FROM operation WHERE state = 'running'"
LEFT = "SELECT 1 FROM operation WHERE state IN ('running', 'paused') LIMIT 1"
KILL = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE usename = 'carillon_engine' AND datname = current_database() ORDER BY random() LIMIT 1
"""


@pytest.fixture
def owner(empty_database: None) -> Any:
    return actors.owner()


@pytest.fixture
def job(owner: Any) -> Any:
    return rows.job(owner.tenant.id)


def engine(until: float) -> int:
    """Steps as soon as any is due, on a new connection after each that was killed; returns how many."""
    taken = 0
    while rows.fetch(LEFT) and time.monotonic() < until:
        try:
            taken += operations.step(KINDS)
            time.sleep(operations.seconds_until_next(KINDS) / 10)
        except Error:
            connection.close()
    return taken


def kill(until: float) -> int:
    kills, before = 0, -BETWEEN
    while rows.fetch(LEFT) and time.monotonic() < until:
        if (done := rows.fetch(DONE)[0][0]) >= before + BETWEEN:
            kills, before = kills + len(rows.fetch(KILL)), done
        threading.Event().wait(random.random() * 0.02)
    return kills


def run(engines: int = 3) -> list[int]:
    """All there is, while connections are killed; how many steps each engine took, and how many were killed."""
    until = time.monotonic() + SECONDS
    with logins.engine():
        return together([*(partial(engine, until) for _ in range(engines)), partial(kill, until)])


def test_each_is_cancelled_once_and_replayed_once_while_engines_die(owner: Any, job: Any) -> None:
    before = set(many.executions(job, MANY, "pending"))
    cancelling = support.bulk(owner, "cancel", filter={"state": ["pending"]})
    later = rows.execution(job, "pending")
    *_, kills = run()
    assert kills > 3
    told = support.seen(owner, cancelling)
    assert (told["state"], told["matched"], told["done"], told["failed"], told["left_out"]) == (
        "succeeded",
        MANY,
        MANY,
        0,
        {},
    )
    assert rows.fetch("SELECT state, count(*) FROM execution GROUP BY 1 ORDER BY 1") == [
        ("cancelled", MANY),
        ("pending", 1),
    ]
    ((events, of_each),) = rows.fetch(
        "SELECT count(*), count(DISTINCT execution_id) FROM event WHERE kind = 'execution.cancelled'"
    )
    assert (events, of_each) == (MANY, MANY)

    replaying = support.bulk(owner, "replay", filter={"job": str(job[0]), "state": ["cancelled"]})
    *_, kills = run()
    assert kills > 3
    told = support.seen(owner, replaying)
    assert (told["state"], told["done"], told["failed"], told["left_out"]) == ("succeeded", MANY, 0, {})
    replays = [row[0] for row in rows.fetch("SELECT replay_of FROM execution WHERE replay_of IS NOT NULL")]
    assert (len(replays), set(replays)) == (MANY, before)
    audited = rows.fetch(
        "SELECT count(*), count(DISTINCT object_id) FROM audit_event WHERE action = 'execution.replayed'"
    )
    assert audited == [(MANY, MANY)]
    assert rows.state_of(later) == "pending"


def test_two_engines_share_the_operations_and_pause_holds_both_at_once(owner: Any, job: Any) -> None:
    for trigger in ("manual", "schedule", "replay"):
        many.executions(job, MANY_EACH, "pending", trigger=trigger)
    made = [
        support.bulk(owner, "cancel", filter={"trigger": trigger}, rate_per_second=50)
        for trigger in ("manual", "schedule", "replay")
    ]
    with logins.engine():
        engines = [engine_process.Operator() for _ in range(2)]
        for each in engines:
            each.start()
        assert eventually(lambda: all(_done(operation) > 20 for operation in made))
    paths = [f"/api/v1/operations/{operation['id']}" for operation in made]
    held = [owner.api.post(f"{path}/pause").json()["done"] for path in paths]
    assert max(held) < MANY_EACH, "it was held in the midst of it"
    assert not eventually(lambda: [_done(operation) for operation in made] != held, 1)
    for path in paths:
        assert owner.api.post(f"{path}/resume").status_code == 200
        owner.api.patch(path, {"rate_per_second": 500})
    for each in engines:
        each.ring()
    assert eventually(lambda: not rows.fetch(LEFT), 60)
    for each in engines:
        each.stop()
        each.join(60)
    assert [_done(operation) for operation in made] == [MANY_EACH] * 3
    assert rows.fetch(
        "SELECT count(*), count(DISTINCT execution_id) FROM event WHERE kind = 'execution.cancelled'"
    ) == [(3 * MANY_EACH, 3 * MANY_EACH)]


def _done(operation: Any) -> int:
    done: int = rows.fetch("SELECT done FROM operation WHERE id = %s", operation["id"])[0][0]
    return done


def test_a_rate_holds_over_time(owner: Any, job: Any) -> None:
    many.executions(job, 60, "pending")
    began = time.monotonic()
    operation = support.bulk(owner, "cancel", all=True, rate_per_second=30)
    with logins.engine():
        each = engine_process.Operator()
        each.start()
        assert eventually(lambda: not rows.fetch(LEFT), 60)
        took = time.monotonic() - began
        each.stop()
        each.join(60)
    assert _done(operation) == 60
    assert took > 60 / 30 - 1.2  # a second's credit, and the first step at once
