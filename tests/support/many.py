"""Many rows at once."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from tests.support import rows

#: What makes the value of a column another one in each copy, by its type.
_OTHER = {"uuid": "carillon_child_id({0}, n::text)", "bytea": "sha256({0} || n::text::bytea)", "varchar": "n || {0}"}


def executions(of: Any, count: int, state: str, **columns: Any) -> list[UUID]:
    """Executions that differ in nothing but their id."""
    template = rows.execution(of, state, **columns)
    alike("execution", template, count - 1)
    return [row[0] for row in rows.fetch("SELECT id FROM execution WHERE job_id = %s AND state = %s", of[0], state)]


def alike(table: str, key: Any, count: int, **changed: str) -> None:
    """So many copies of a row: they differ in what must be unique, and in the columns that are ``changed`` to some SQL."""
    columns = rows.fetch(
        """SELECT attname, typname, attname = 'id' OR EXISTS (
               SELECT FROM pg_index WHERE indrelid = attrelid AND indisunique AND indpred IS NULL AND attnum = ANY (indkey)
           ) AND NOT EXISTS (SELECT FROM pg_constraint WHERE conrelid = attrelid AND contype = 'f' AND attnum = ANY (conkey))
           FROM pg_attribute JOIN pg_type t ON t.oid = atttypid
           WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped AND attidentity = ''""",
        table,
    )
    made = {name: _OTHER.get(kind, "{0}").format(name) if is_unique else name for name, kind, is_unique in columns}
    values = ", ".join((made | changed).values())
    of = "name" if table == "queue" else "id"
    rows.change(
        f"INSERT INTO {table} ({', '.join(made)}) SELECT {values} FROM {table}, generate_series(1, {count}) n WHERE {of} = '{key}'"
    )
