"""Fills a database until it holds so and so many schedules, pending and ended executions.

    python -m tests.scale.fill URL [--schedules N] [--pending N] [--executions N] [--weeks N] ...

URL is a superuser's log-in to a migrated database, such as the one `make up` keeps. Filling again with
larger numbers adds what is missing, with smaller ones removes nothing; ended executions are made anew.
Set-based statements on two connections: ten million executions take some minutes.
"""

from __future__ import annotations

import argparse
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any
from uuid import UUID

import psycopg

PARENTS = ("execution", "attempt", "execution_log", "event")
WORKER = UUID("5ca1e000-0000-4000-8000-000000000000")
_NAME = re.compile(r"^-- name: (\w+)$", re.MULTILINE)
_, *_PARTS = _NAME.split((Path(__file__).parent / "rows.sql").read_text())
STATEMENTS = dict(zip(_PARTS[::2], _PARTS[1::2], strict=True))

#: As quick as can be, and no trigger and no check of references at work: the rows are right as they are written.
_SETTINGS = (
    "SET session_replication_role = replica",
    "SET synchronous_commit = off",
    "SET maintenance_work_mem = '256MB'",
    "SET work_mem = '64MB'",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """How much there is to be. Jobs come by themselves: one for four schedules."""

    schedules: int = 1_000
    pending: int = 1_000
    executions: int = 0
    #: Past weeks the ended executions are spread over, from the one before the last.
    weeks: int = 12
    tenants: int = 50
    #: Executions that wait for an instant.
    scheduled: int = 1_000
    #: Jobs at their cap, each with one running and at least one parked execution, which is one of the pending.
    full: int = 50
    #: Per cent of the ended executions that have their attempt, event and log.
    recorded: int = 10

    @property
    def jobs(self) -> int:
        return max(self.full, (self.schedules + 3) // 4)


def connect(url: str) -> psycopg.Connection[Any]:
    """A superuser's connection, set up for filling."""
    connection = psycopg.connect(url, autocommit=True)
    for setting in _SETTINGS:
        connection.execute(setting)
    return connection


def fill(url: str, sizes: Sizes) -> None:
    """Bring a database up to ``sizes``, then vacuum and analyse it."""
    with connect(url) as connection:
        _worker(connection)
        grow = partial(_grow, connection)
        grow("tenants", "SELECT count(*) FROM tenant WHERE slug ^@ 'scale-'", sizes.tenants)
        jobs = grow("jobs", "SELECT count(*) FROM job WHERE name ^@ 'job '", sizes.jobs, tenants=sizes.tenants)
        if jobs is not None:
            _run(connection, "revisions", first=jobs, last=sizes.jobs)
        grow("schedules", "SELECT count(*) FROM schedule", sizes.schedules)
        full = "SELECT count(*) FROM job WHERE max_running = 1"
        first = grow("full_jobs", full, sizes.full)
        if first is not None:
            _run(connection, "full", first=first, last=sizes.full, worker=WORKER)
        for state, wanted in (("pending", sizes.pending), ("scheduled", sizes.scheduled)):
            grow(state, f"SELECT count(*) FROM execution WHERE state = '{state}'", wanted, jobs=sizes.jobs)
        _ended(url, connection, sizes)
        connection.execute("VACUUM (ANALYZE)")


def _run(connection: psycopg.Connection[Any], name: str, *, table: str = "", **parameters: Any) -> None:
    connection.execute(STATEMENTS[name].replace("{table}", table).encode(), parameters)


def _grow(connection: psycopg.Connection[Any], name: str, counted: str, wanted: int, **parameters: Any) -> int | None:
    """Add what is missing; returns the number of the first one added."""
    present = _value(connection, counted)
    if present >= wanted:
        return None
    _run(connection, name, first=present + 1, last=wanted, **parameters)
    return int(present + 1)


def _value(connection: psycopg.Connection[Any], query: str, *parameters: Any) -> Any:
    found = connection.execute(query.encode(), parameters or None).fetchone()
    assert found is not None
    return found[0]


def _worker(connection: psycopg.Connection[Any]) -> None:
    """Whose lease never ends: what runs is looked at by the watchdog and found well."""
    connection.execute(
        """INSERT INTO worker (id, name, queues, pool, concurrency, pid, pids, draining, started_at, renewed_at, lease_expires_at)
           VALUES (%s, 'worker@scale', '{default}', 'prefork', 25, 1, '{1}', false, now(), now(), now() + interval '10 years')
           ON CONFLICT DO NOTHING""",
        [WORKER],
    )


def _ended(url: str, connection: psycopg.Connection[Any], sizes: Sizes) -> None:
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    monday = today - timedelta(days=today.weekday())
    weeks = [monday - timedelta(weeks=number) for number in range(2, sizes.weeks + 2)]
    for week in weeks:  # also without a row in them: their number is another thing than their size
        for parent in PARENTS:
            connection.execute("SELECT carillon_make_partition(%s, %s)", [parent, week])
    if _value(connection, "SELECT count(*) FROM execution WHERE finished_at IS NOT NULL") >= sizes.executions:
        return
    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(_week, url, sizes, week) for week in weeks]:
            done.result()


def _week(url: str, sizes: Sizes, week: datetime) -> None:
    """A week is filled before it is attached: to build an index takes a fraction of keeping it up row by row."""
    table = f"execution_p{week:%Y%m%d}"
    bounds = (week, week + timedelta(days=7))
    with connect(url) as connection:
        connection.execute(f"DROP TABLE IF EXISTS {table}")
        for other in PARENTS[1:]:
            connection.execute(f"DROP TABLE IF EXISTS {other}_p{week:%Y%m%d}")
            connection.execute("SELECT carillon_make_partition(%s, %s)", [other, week])
        like = "INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING STORAGE"
        connection.execute(f"CREATE TABLE {table} (LIKE execution {like})".encode())
        owner = _value(connection, "SELECT relowner::regrole::text FROM pg_class WHERE oid = 'execution'::regclass")
        connection.execute(f"ALTER TABLE {table} OWNER TO {owner}".encode())
        many = sizes.executions // sizes.weeks
        numbers = {"many": many, "seed": week.toordinal() * 7919, "schedules": sizes.schedules}
        _run(connection, "ended", table=table, week=week, **numbers)
        low, high = (_value(connection, "SELECT carillon_floor_id(%s)::text", bound) for bound in bounds)
        attach = f"ALTER TABLE execution ATTACH PARTITION {table} FOR VALUES FROM ('{low}') TO ('{high}')"
        connection.execute(attach.encode())
        share = sizes.recorded / 100
        _run(connection, "attempts", table=table, week=week, share=share, worker=WORKER)
        for name in ("events", "logs"):
            _run(connection, name, table=table, week=week, share=share)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.scale.fill", description=__doc__.splitlines()[0])
    parser.add_argument("url", help="a superuser's log-in to a migrated database")
    for field in fields(Sizes):
        parser.add_argument(f"--{field.name}", type=int, default=field.default)
    chosen = vars(parser.parse_args())
    url, began = chosen.pop("url"), monotonic()
    fill(url, Sizes(**chosen))
    print(f"filled in {monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
