"""PostgreSQL and Redis that restart, lose what they hold, or are slow to let anybody in."""

from __future__ import annotations

import contextlib
import os
import random
import signal
from collections.abc import Iterator

import psycopg
import redis

from scheduler_project.local import leash
from tests.chaos.faults.registry import fault
from tests.chaos.stand import Stand
from tests.support import disks


def _client(stand: Stand) -> redis.Redis:
    return redis.Redis.from_url(stand.carillon.valkey.url(), socket_timeout=5)


@fault("redis flush")
def flush(stand: Stand, chance: random.Random) -> Iterator[str]:
    """Messages, RedBeat's entries and its lock are gone."""
    with _client(stand) as client:
        client.flushall()
    yield "FLUSHALL"


@fault("redis restart")
def restart_redis(stand: Stand, chance: random.Random) -> Iterator[str]:
    """Killed, and back at once with nothing in it."""
    _kill_redis(stand)
    stand.carillon.valkey.start()
    yield "killed, started empty"


@fault("redis down")
def redis_down(stand: Stand, chance: random.Random) -> Iterator[str]:
    """Away for a while."""
    _kill_redis(stand)
    try:
        yield "killed"
    finally:
        stand.carillon.valkey.start()


def _kill_redis(stand: Stand) -> None:
    for pid in leash.inhabitants(stand.carillon.valkey.data):
        os.kill(pid, signal.SIGKILL)
    while stand.carillon.valkey.alive():
        pass


@fault("duplicate messages")
def duplicate(stand: Stand, chance: random.Random) -> Iterator[str]:
    """Each message that lies in the queue a second time, and some that were taken long ago once more."""
    from celery import Celery

    with _client(stand) as client:
        waiting = client.lrange("jobs.default", 0, -1)
        if waiting:
            client.rpush("jobs.default", *waiting)
    with stand.connect() as connection:
        rows = connection.execute(
            "SELECT id::text, attempt FROM execution WHERE state IN ('queued', 'running', 'succeeded', 'scheduled') ORDER BY id DESC LIMIT 40"
        ).fetchall()
    with Celery(broker=stand.carillon.valkey.url(), set_as_current=False) as app:
        for execution, attempt in rows:
            for number in {attempt, max(attempt - 1, 1)}:
                app.send_task(
                    "tasks.run.execute", args=[[[execution, number]]], queue="jobs.default", ignore_result=True
                )
    yield f"{len(waiting)} waiting, {len(rows)} others"


@fault("postgres restart")
def restart_postgres(stand: Stand, chance: random.Random) -> Iterator[str]:
    """As in a crash: it recovers from its log."""
    stand.carillon.postgres.stop("immediate")
    stand.carillon.postgres.start()
    yield "immediate"


@fault("terminate sessions")
def terminate(stand: Stand, chance: random.Random) -> Iterator[str]:
    """Half of the product's sessions, whatever they are doing."""
    with stand.connect() as connection:
        rows = connection.execute(
            "SELECT pid FROM pg_stat_activity WHERE usename IN ('carillon_app', 'carillon_engine')"
        ).fetchall()
        chosen = [pid for (pid,) in rows if chance.random() < 0.5]
        connection.execute("SELECT pg_terminate_backend(pid) FROM unnest(%s::int[]) AS pid", [chosen])
    yield f"{len(chosen)} of {len(rows)}"


@fault("lock executions")
def lock(stand: Stand, chance: random.Random) -> Iterator[str]:
    """Nobody reads or writes an execution."""
    with contextlib.suppress(psycopg.Error), stand.connect() as connection, connection.transaction():
        connection.execute("SET LOCAL lock_timeout = '5s'")
        connection.execute("LOCK TABLE execution IN ACCESS EXCLUSIVE MODE")
        yield "ACCESS EXCLUSIVE"


@fault("disk full")
def fill(stand: Stand, chance: random.Random) -> Iterator[str]:
    """PostgreSQL can write nothing new. It may end over it, and is started again once there is room."""
    postgres = stand.carillon.postgres
    if not postgres.data.parent.is_mount():
        return
    try:
        with disks.full(postgres.data.parent):
            yield "no byte left"
    finally:
        postgres.start()


@fault("connections exhausted")
def exhaust(stand: Stand, chance: random.Random) -> Iterator[str]:
    """Every session the product may have is taken by somebody else; it loses those it had."""
    with contextlib.ExitStack() as taken, stand.connect() as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename IN ('carillon_app', 'carillon_engine')"
        )
        count = 0
        with contextlib.suppress(psycopg.OperationalError):
            while True:
                taken.enter_context(psycopg.connect(stand.carillon.environment("web")["DATABASE_URL"]))
                count += 1
        yield f"{count} taken"
