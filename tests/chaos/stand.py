"""Everything that is run on: servers, proxies before them, the product's processes, their keeper, the witness.

with stand.standing(folder, form, tenants) as site:
    site.keeper.start()
    ...
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
import redis

from scheduler_project.local import throwaway
from scheduler_project.local.postgres import Postgres
from scheduler_project.local.roles import Urls
from scheduler_project.local.valkey import Valkey
from tests.chaos import clocks, recognisers
from tests.chaos.history import History
from tests.chaos.keeper import Keeper
from tests.chaos.plan import PlannedTenant
from tests.chaos.proxy import Loop, Proxy
from tests.chaos.witness import Witness, watching
from tests.support import stack as stacks
from tests.support import stack_tenants
from tests.support.stack_databases import durable_server, migrated

RECORDER = Path(__file__).with_name("recorder.sql")
#: How many processes of each role are kept, and how many children a worker has unless it is told.
WANTED = {"web": 1, "beat": 1, "engine": 2, "worker": 2}
CHILDREN = 3


@dataclass
class Stand:
    """``proxies`` are named "postgres web", "redis worker" and so on, one for each server and role."""

    carillon: stacks.Stack
    witness: Witness
    keeper: Keeper
    history: History
    proxies: Mapping[str, Proxy]
    loop: Loop
    clocks: clocks.Clocks
    keys: Mapping[str, str]

    def connect(self) -> psycopg.Connection[tuple[object, ...]]:
        """As the superuser, not through a proxy; for faults and for choosing their victims."""
        return psycopg.connect(self.carillon.postgres.url("carillon"), autocommit=True, connect_timeout=5)

    def mode(self, proxy: str, mode: str) -> None:
        """Open, refusing or silent."""
        self.loop.tell(lambda: self.proxies[proxy].become(mode))


@dataclass(frozen=True)
class Servers:
    """With the product's database, which each stand empties."""

    postgres: Postgres
    valkey: Valkey
    urls: Urls


@contextlib.contextmanager
def servers(*, disk_megabytes: int | None = None) -> Iterator[Servers]:
    """Real ones, durable as in production. Commits carry their instants, which orders them for the checker.

    ``disk_megabytes``: PostgreSQL gets a disk of its own, so small that it can be filled.
    """
    with durable_server(disk_megabytes=disk_megabytes) as postgres, throwaway.valkey() as valkey:
        with psycopg.connect(postgres.url(), autocommit=True) as connection:
            connection.execute("ALTER SYSTEM SET track_commit_timestamp = on")
        postgres.stop()
        postgres.start()
        urls = migrated(postgres)
        with psycopg.connect(postgres.url("carillon"), autocommit=True) as connection:
            connection.execute(RECORDER.read_text())
        yield Servers(postgres, valkey, urls)


@contextlib.contextmanager
def standing(
    on: Servers,
    folder: Path,
    tenants: Sequence[PlannedTenant],
    *,
    lease: float,
    children: int = CHILDREN,
    clocks_move: bool = False,
    environment: Mapping[str, str] | None = None,
    wanted: Mapping[str, int] = WANTED,
) -> Iterator[Stand]:
    """A stand with no process yet; ``environment`` is given to all of them."""
    told = {
        "CARILLON_LEASE_SECONDS": str(lease),
        "CARILLON_DRAIN_SECONDS": "3",
        # Scripts pulse to the witness by themselves: through a worker's proxy, a stopped worker would silence them.
        "CARILLON_SANDBOX": "process group",
        **(environment or {}),
    }
    with contextlib.ExitStack() as on_exit:
        _empty(on)
        history = History(folder / "history.jsonl")
        on_exit.callback(history.close)
        witness = on_exit.enter_context(watching(folder / "witness.jsonl"))
        carillon = on_exit.enter_context(stacks.running(on.urls, on.postgres, on.valkey, folder, **told))
        carillon.configure("worker", concurrency=str(children))
        loop = Loop()
        on_exit.callback(loop.close)
        proxies = _proxies(carillon, loop)
        faked = clocks.Clocks(folder, used=clocks_move)
        for role in WANTED:
            carillon.configure(role, environment=faked.environment(role))
        wanted_tenants = [
            {"slug": tenant.slug, "weight": tenant.weight, "max_running": tenant.max_running} for tenant in tenants
        ]
        keys = stack_tenants.keys(carillon, wanted_tenants)
        keeper = Keeper(carillon, wanted, history)
        on_exit.callback(keeper.stop)
        yield Stand(carillon, witness, keeper, history, proxies, loop, faked, keys)


def _empty(on: Servers) -> None:
    """Nothing is left of a former stand."""
    with psycopg.connect(on.postgres.url("carillon"), autocommit=True) as connection:
        tables = connection.execute(
            "SELECT oid::regclass::text FROM pg_class WHERE relkind IN ('r', 'p') AND NOT relispartition"
            " AND relnamespace IN ('public'::regnamespace, 'chaos'::regnamespace) AND NOT relname = ANY(%s)",
            [["queue", "django_migrations", "django_content_type", "auth_permission"]],
        ).fetchall()
        connection.execute("SET session_replication_role = replica")
        connection.execute(";".join(f"DELETE FROM {table}" for (table,) in tables))
    with redis.Redis.from_url(on.valkey.url()) as client:
        client.flushall()


def _proxies(carillon: stacks.Stack, loop: Loop) -> dict[str, Proxy]:
    made = {}
    for role in WANTED:
        told = carillon.environment(role)
        changed = {}
        for server, variable, recogniser in (
            ("postgres", "DATABASE_URL", recognisers.Postgres),
            ("redis", "REDIS_URL", recognisers.Redis),
        ):
            if variable not in told:
                continue
            parts = urlsplit(told[variable])
            proxy = loop.add(Proxy(f"{server} {role}", parts.port or 0, recogniser))
            made[proxy.name] = proxy
            changed[variable] = urlunsplit(
                parts._replace(netloc=parts.netloc.replace(f":{parts.port}", f":{proxy.port}"))
            )
        carillon.configure(role, environment=changed)
    return made
