"""Statements on a table that a payload names. Names are quoted, never taken as they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from tasks.databases.session import Session

#: A table, perhaps with its schema.
TableName = Annotated[str, Field(pattern=r"^[^\s.\x00-\x1f\"'`;]{1,63}(\.[^\s.\x00-\x1f\"'`;]{1,63})?$")]
ColumnName = Annotated[str, Field(pattern=r"^[^\s.\x00-\x1f\"'`;]{1,63}$")]


def quoted(session: Session, name: str) -> str:
    """As this database writes names; a colon in one begins no parameter."""
    quote = session.dialect.identifier_preparer.quote_identifier
    return ".".join(str(quote(part)) for part in name.split(".")).replace(":", "\\:")


def delete_older(session: Session, table: str, column: str) -> str:
    """At most :most rows whose column is before :before."""
    name, at = quoted(session, table), quoted(session, column)
    match session.dialect.name:
        case "postgresql":
            chosen = f"SELECT ctid FROM {name} WHERE {at} < :before LIMIT :most"  # noqa: S608 - quoted
            return f"DELETE FROM {name} WHERE ctid = ANY (ARRAY({chosen}))"  # noqa: S608
        case "sqlite":
            chosen = f"SELECT rowid FROM {name} WHERE {at} < :before LIMIT :most"  # noqa: S608
            return f"DELETE FROM {name} WHERE rowid IN ({chosen})"  # noqa: S608
    return f"DELETE FROM {name} WHERE {at} < :before LIMIT :most"  # noqa: S608


def insert_of(session: Session, table: str, columns: Sequence[str], query: str, keys: Sequence[str] = ()) -> str:
    """A query's rows into these columns; with ``keys``, over rows that have the same of them."""
    names = [quoted(session, column) for column in columns]
    source = f"SELECT * FROM (\n{query.rstrip().rstrip(';')}\n) AS source WHERE 1 = 1"  # noqa: S608 - a tenant's own text
    insert = f"INSERT INTO {quoted(session, table)} ({', '.join(names)})\n{source}"
    if not keys:
        return insert
    rest = [quoted(session, column) for column in columns if column not in keys]
    if session.dialect.name == "mysql":
        sets = ", ".join(f"{name} = VALUES({name})" for name in rest or [quoted(session, keys[0])])
        return f"{insert}\nON DUPLICATE KEY UPDATE {sets}"
    target = ", ".join(quoted(session, key) for key in keys)
    sets = ", ".join(f"{name} = excluded.{name}" for name in rest)
    return f"{insert}\nON CONFLICT ({target}) DO " + (f"UPDATE SET {sets}" if sets else "NOTHING")


def delete_window(session: Session, table: str, column: str) -> str:
    """Rows of a period."""
    name, at = quoted(session, table), quoted(session, column)
    return f"DELETE FROM {name} WHERE {at} >= :period_start AND {at} < :period_end"  # noqa: S608
