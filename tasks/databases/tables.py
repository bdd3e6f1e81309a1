"""Statements on a table that a payload names. Names are quoted, never taken as they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from tasks.databases.session import Session

#: A table, perhaps with its schema.
TableName = Annotated[str, Field(pattern=r"^[^\s.\x00-\x1f\"'`;]{1,63}(\.[^\s.\x00-\x1f\"'`;]{1,63})?$")]
ColumnName = Annotated[str, Field(pattern=r"^[^\s.\x00-\x1f\"'`;]{1,63}$")]
#: What each server calls a date without a time.
_DATES = {"postgresql": {1082}, "mysql": {10, 14}}


def quoted(session: Session, name: str) -> str:
    """As this database writes names; a colon in one begins no parameter.

    For SQLite not in double quotes: in those, a name that is no column's would be a text, and no mistake.
    """
    quote = session.dialect.identifier_preparer.quote_identifier
    if session.dialect.name == "sqlite":
        quote = "`{}`".format
    return ".".join(str(quote(part)) for part in name.split(".")).replace(":", "\\:")


def delete_older(session: Session, table: str, column: str) -> str:
    """At most :most rows whose column is before :before."""
    name, at = quoted(session, table), quoted(session, column)
    match session.dialect.name:
        case "postgresql":
            chosen = f"SELECT ctid FROM {name} WHERE {at} < :before LIMIT :most"  # noqa: S608 - quoted
            return f"DELETE FROM {name} WHERE ctid = ANY (ARRAY({chosen}))"  # noqa: S608
        case "sqlite":
            # a number is before every text
            chosen = f"SELECT rowid FROM {name} WHERE {at} < :before AND typeof({at}) = 'text' LIMIT :most"  # noqa: S608
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


def of_period(session: Session, table: str, column: str) -> str:
    """The condition that a row is of a period, by what the column holds: instants, :period_start and before :period_end;
    dates, :first_day and before :end_day, which are those of a zone."""
    name, at = quoted(session, table), quoted(session, column)
    days, instants = f"{at} >= :first_day AND {at} < :end_day", f"{at} >= :period_start AND {at} < :period_end"
    if session.dialect.name == "sqlite":  # it has no such types, and there are several ways to write an instant
        instants = instants.replace(at, f"COALESCE(datetime({at}), {at})")
        return f"CASE WHEN length({at}) = 10 THEN {days} ELSE {instants} END"
    found = session.stream(f"SELECT {at} FROM {name} WHERE 1 = 0")  # noqa: S608 - quoted
    code = found.columns[0].code
    list(found)
    return days if code in _DATES[session.dialect.name] else instants


def delete_where(session: Session, table: str, condition: str) -> str:
    """Rows of which that is true."""
    return f"DELETE FROM {quoted(session, table)} WHERE {condition}"  # noqa: S608


def count_where(session: Session, table: str, condition: str) -> str:
    """How many those are."""
    return f"SELECT count(*) FROM {quoted(session, table)} WHERE {condition}"  # noqa: S608


def kind_of_one(session: Session, table: str, column: str) -> str:
    """In SQLite: which type one of the column's values is of; no row where there is none."""
    name, at = quoted(session, table), quoted(session, column)
    return f"SELECT typeof({at}) FROM {name} WHERE {at} IS NOT NULL LIMIT 1"  # noqa: S608
