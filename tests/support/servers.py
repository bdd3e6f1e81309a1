"""Loaded by pytest before Django: real servers for the run, and one database for each test process.

The first process starts PostgreSQL and Valkey, migrates a template as the owner, and leaves the
addresses in the environment; each xdist worker makes its own database from the template. Nobody
connects as a superuser but :func:`superuser`.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import shutil
import subprocess
import sys
import threading
import weakref
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

ROOT = Path(__file__).resolve().parent.parent.parent
VARIABLE = "CARILLON_TEST_SERVERS"
TEMPLATE = "carillon_template"
#: Set to "off" for tests that need no servers.
OFF = "off"

#: As in the Makefile: each of the many processes here would compile all it imports.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
#: In every process of a test, as a developer's own module would be.
os.environ["CARILLON_CALLABLES"] = '["tests.support.callables"]'
#: A machine without bubblewrap tries the rest at the level that it can do.
os.environ["CARILLON_SANDBOX"] = "full" if shutil.which("bwrap") else "process group"
os.environ["CARILLON_ENCRYPTION_KEYS"] = "5e" * 32
#: All of a run's requests come from one address, and many tests try what is refused without a key.
os.environ["CARILLON_API_RATE_ANONYMOUS"] = ""


def _start() -> dict[str, str]:
    from scheduler_project.local import roles, throwaway

    stack = contextlib.ExitStack()
    atexit.register(stack.close)
    postgres = stack.enter_context(throwaway.postgres())
    valkey = stack.enter_context(throwaway.valkey())
    urls = roles.ensure(postgres.url("postgres"), database=TEMPLATE)
    environment = {
        **os.environ,
        "DATABASE_URL": urls.owner,
        "CARILLON_DATABASE_ROLE": "owner",
        "CARILLON_SECRET_KEY": "only for tests",
    }
    subprocess.run(
        [sys.executable, str(ROOT / "manage.py"), "migrate", "--verbosity=0"], check=True, env=environment, cwd=ROOT
    )
    redis_url = valkey.url() if callable(valkey.url) else valkey.url
    return {
        "super": postgres.url("postgres"),
        "app": urls.app,
        "engine": urls.engine,
        "owner": urls.owner,
        "redis": redis_url,
    }


def _database_of_this_process(servers: dict[str, str]) -> str:
    name = f"carillon_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}"
    with psycopg.connect(servers["super"], autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
        connection.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {} OWNER {}").format(
                sql.Identifier(name), sql.Identifier(TEMPLATE), sql.Identifier("carillon_owner")
            )
        )
        for role in ("carillon_app", "carillon_engine"):
            connection.execute(
                sql.SQL("GRANT CONNECT, TEMPORARY ON DATABASE {} TO {}").format(
                    sql.Identifier(name), sql.Identifier(role)
                )
            )
    return name


def _within(url: str, database: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{database}"))


if os.environ.get(VARIABLE) != OFF:
    if VARIABLE not in os.environ:
        os.environ[VARIABLE] = json.dumps(_start())
    _servers: dict[str, str] = json.loads(os.environ[VARIABLE])
    _name = _database_of_this_process(_servers)
    #: Log-ins of this process's database, by role; "super" for set-up only.
    URLS = {role: _within(_servers[role], _name) for role in ("super", "app", "engine", "owner")}
    REDIS_URL = _servers["redis"]
    os.environ.update(
        DATABASE_URL=URLS["app"],
        CARILLON_DATABASE_ROLE="app",
        REDIS_URL=REDIS_URL,
        CARILLON_SECRET_KEY="only for tests",
    )


def superuser() -> psycopg.Connection[tuple[object, ...]]:
    """A connection that sees and may everything, for arranging and looking; never for the code under test."""
    return psycopg.connect(URLS["super"], autocommit=True)


_kept = threading.local()


def kept_superuser() -> psycopg.Connection[tuple[object, ...]]:
    """One such connection for each thread: logging in anew would take most of many tests' time."""
    connection: psycopg.Connection[tuple[object, ...]] | None = getattr(_kept, "connection", None)
    if connection is None or connection.closed:
        _kept.connection = connection = superuser()
        weakref.finalize(threading.current_thread(), connection.close)
    return connection
