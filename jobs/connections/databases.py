"""Connections to databases."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import Field

from jobs.connections.contract import Connection, Name, Password, Port, Secured, Target, User
from jobs.written_forms import written

_PATH = written(
    r"^[A-Za-z0-9_-][A-Za-z0-9_.-]*(/[A-Za-z0-9_-][A-Za-z0-9_.-]*)*$",
    "a path below the tenant's folder such as reports/shop.sqlite3: without / before it, and no name begins with a dot",
)


class PostgreSql(Secured):
    """A PostgreSQL database."""

    kind = "postgresql"
    title = "PostgreSQL"
    example: ClassVar[Mapping[str, Any]] = {
        "host": "db.example.com",
        "database": "shop",
        "user": "report",
        "password": "made-up-secret",
    }

    port: Port = 5432
    database: Name
    user: User
    password: Password | None = None

    def targets(self) -> list[Target]:
        return [Target(self.host, self.port)]


class MySql(Secured):
    """A MySQL or MariaDB database."""

    kind = "mysql"
    title = "MySQL or MariaDB"
    example: ClassVar[Mapping[str, Any]] = PostgreSql.example

    port: Port = 3306
    database: Name
    user: User
    password: Password | None = None

    def targets(self) -> list[Target]:
        return [Target(self.host, self.port)]


class Sqlite(Connection):
    """An SQLite file below the tenant's own folder."""

    kind = "sqlite"
    title = "SQLite"
    example: ClassVar[Mapping[str, Any]] = {"path": "reports/shop.sqlite3"}

    path: Annotated[str, Field(max_length=500, pattern=_PATH)]


TYPES: tuple[type[Connection], ...] = (PostgreSql, MySql, Sqlite)
