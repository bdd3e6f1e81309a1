"""Databases of tenants for tests: a PostgreSQL database of its own with a log-in of its own, MariaDB, SQLite files."""

from __future__ import annotations

import functools
import secrets
from typing import Any
from urllib.parse import urlsplit

import psycopg

from tests.support import mariadb, servers

ALLOWED = ["127.0.0.1"]


@functools.cache
def postgresql() -> dict[str, Any]:
    """Fields of a connection to a database that is none of ours; its log-in owns it."""
    name, password = f"shop_{secrets.token_hex(4)}", secrets.token_hex(16)
    parts = urlsplit(servers.URLS["super"])
    with servers.superuser() as superuser:
        superuser.execute(f"CREATE ROLE {name} LOGIN PASSWORD '{password}'")
        superuser.execute(f"CREATE DATABASE {name} OWNER {name}")
    return {
        "kind": "postgresql", "host": parts.hostname, "port": parts.port, "database": name, "user": name,
        "password": password, "tls": "off",
    }  # fmt: skip


def mysql() -> dict[str, Any]:
    """Fields of a connection to a MariaDB."""
    return mariadb.server().fields


def postgresql_activity() -> list[str]:
    """What is running there, by whoever logs in as it."""
    with servers.superuser() as superuser:
        rows = superuser.execute(
            "SELECT query FROM pg_stat_activity WHERE usename = %s", [postgresql()["user"]]
        ).fetchall()
    return [str(row[0]) for row in rows]


def mysql_activity() -> list[str]:
    """The same of MariaDB."""
    rows = mariadb.server().ask(
        "SELECT COALESCE(info, command) FROM information_schema.processlist WHERE user = 'shop'"
    )
    return [str(row[0]) for row in rows]


def direct() -> psycopg.Connection[Any]:
    """A session beside the product's, to arrange and look."""
    fields = postgresql()
    return psycopg.connect(
        host=fields["host"], port=fields["port"], dbname=fields["database"], user=fields["user"],
        password=fields["password"], autocommit=True,
    )  # fmt: skip
