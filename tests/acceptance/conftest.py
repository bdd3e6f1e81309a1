"""What every acceptance test stands on: a stack of real processes for each module.

Its database is a clone on the run's own PostgreSQL server, its Valkey is its own and may be killed.
When a test fails, the end of every process's output is in the report; the files stay in pytest's
temporary folder.
"""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Generator, Iterator
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from psycopg import sql

from scheduler_project.local import roles, throwaway
from tests.support import http_server, servers
from tests.support import stack as stacks
from tests.support.stack_databases import Database


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, Any]:
    report = yield
    carillon = getattr(item, "funcargs", {}).get("carillon")
    if report.failed and carillon is not None:
        report.sections.append(("processes", carillon.logs()))
    return report


@contextlib.contextmanager
def _clone() -> Iterator[Database]:
    name = f"carillon_stack_{secrets.token_hex(4)}"
    identifiers = {"name": sql.Identifier(name), "template": sql.Identifier(servers.TEMPLATE)}
    create = sql.SQL("CREATE DATABASE {name} TEMPLATE {template} OWNER carillon_owner").format(**identifiers)
    drop = sql.SQL("DROP DATABASE {name} WITH (FORCE)").format(**identifiers)
    with psycopg.connect(servers.URLS["super"], autocommit=True) as superuser:
        superuser.execute(create)
        try:
            places = {role: urlunsplit(urlsplit(url)._replace(path=f"/{name}")) for role, url in servers.URLS.items()}
            yield Database(superuser=places.pop("super"), urls=roles.Urls(**places))
        finally:
            superuser.execute(drop)


@pytest.fixture(scope="module")
def environment() -> dict[str, str]:
    """A module may override it, to start its processes with settings of its own."""
    return {}


@pytest.fixture(scope="module")
def carillon(tmp_path_factory: pytest.TempPathFactory, environment: dict[str, str]) -> Iterator[stacks.Stack]:
    """All four roles, running."""
    folder = tmp_path_factory.mktemp("processes")
    with _clone() as database, throwaway.valkey() as valkey:
        with stacks.running(database, valkey, folder, **environment) as stack:
            stack.start("web", "beat", "engine", "worker")
            yield stack


@pytest.fixture
def web_site() -> Iterator[http_server.HttpServer]:
    """Somebody's server that jobs call."""
    with http_server.serving() as server:
        yield server
