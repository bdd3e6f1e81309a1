"""The hot statements, by name, each with its reason, in the .sql files beside this one.

A statement begins with ``-- name: <name>``. They run on Django's connection, in whatever transaction
is open, but with server-side parameters, so that the engine's long-lived connections plan each of
them once: planning a statement over weekly partitions costs more than running it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import psycopg
from django.db import connection
from psycopg.rows import namedtuple_row
from psycopg.types.json import Jsonb, JsonbLoader

_NAME = re.compile(r"^-- name: (\w+)$", re.MULTILINE)


@cache
def statements() -> Mapping[str, str]:
    """Every statement by name."""
    found: dict[str, str] = {}
    for path in sorted(Path(__file__).parent.glob("*.sql")):
        _, *parts = _NAME.split(path.read_text())
        for name, text in zip(parts[::2], parts[1::2], strict=True):
            if name in found:
                raise RuntimeError(f"statement {name} is defined twice, the second time in {path.name}")
            found[name] = text.strip()
    return found


def run(name: str, /, **parameters: Any) -> list[Any]:
    """Run a statement and return its rows as named tuples. A list of dicts travels as jsonb; see :func:`json`."""
    connection.ensure_connection()
    with connection.wrap_database_errors, psycopg.Cursor(connection.connection, row_factory=namedtuple_row) as cursor:
        # Django leaves jsonb as text for its own fields to decode.
        cursor.adapters.register_loader("jsonb", JsonbLoader)
        cursor.execute(statements()[name], {key: _adapt(value) for key, value in parameters.items()})
        return cursor.fetchall() if cursor.description else []


def json(value: Any) -> Jsonb | None:
    """``value`` as jsonb; None is SQL's NULL."""
    return None if value is None else Jsonb(value)


def _adapt(value: Any) -> Any:
    return Jsonb(value) if isinstance(value, list) and value and isinstance(value[0], dict) else value
