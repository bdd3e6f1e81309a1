"""A report's rows, one after the other, whatever they come from."""

from __future__ import annotations

import contextlib
import csv
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, BinaryIO

from jobs.handlers import Context, HandlerError, PermanentFailure
from jobs.rules.codes import Failure
from tasks import databases
from tasks.reports.params import MOST_COLUMNS, Source

#: One line of a file: a longer one is no row of a report.
LINE_BYTES = 1024 * 1024

Row = Sequence[Any]


@dataclass
class Table:
    """Names of columns, and rows that have as many values."""

    names: list[str]
    rows: Iterator[Row]


@contextlib.contextmanager
def opened(source: Source, context: Context) -> Iterator[Table]:
    """The rows, for the length of the block."""
    with contextlib.ExitStack() as stack:
        if source.query is not None:
            found = stack.enter_context(_asked(source, context))
        elif source.artifact is not None:
            file = stack.enter_context(context.open_artifact(source.artifact, str(source.execution)))
            found = _of_csv(file) if _is_csv(source) else _of_objects(_lines(file))
        else:
            found = _of_objects(iter(source.rows or ()))
        if len(found.names) > MOST_COLUMNS:
            message = f"there are {len(found.names)} columns, and a report has {MOST_COLUMNS} at most"
            raise PermanentFailure(message, code=Failure.RESOURCE_LIMIT)
        yield found


@contextlib.contextmanager
def _asked(source: Source, context: Context) -> Iterator[Table]:
    connection = context.connection(source.connection or "")
    with databases.session(context, connection) as session, session.transaction(read_only=True):
        context.log(f"asking {connection.kind} as {source.connection} says")
        rows = session.stream(source.query, source.params)
        yield Table([column.name for column in rows.columns], iter(rows))
        rows.close()


def _is_csv(source: Source) -> bool:
    said = source.artifact or {}
    return "csv" in str(said.get("content_type", "")) or str(said.get("artifact", "")).endswith(".csv")


def _of_csv(file: BinaryIO) -> Table:
    lines = (line.decode(errors="replace") for line in _raw(file))
    rows = csv.reader(lines)
    names = next(rows, [])
    return Table(names, (_fitted(row, len(names)) for row in rows if row))


def _fitted(row: list[str], width: int) -> list[str]:
    return row[:width] + [""] * (width - len(row))


def _of_objects(objects: Iterator[Any]) -> Table:
    """Columns are those of the first."""
    first = next(objects, None)
    if first is None:
        return Table([], iter(()))
    names = list(_object(first))
    return Table(names, ([_object(each).get(name) for name in names] for each in chain([first], objects)))


def _object(found: Any) -> dict[str, Any]:
    if not isinstance(found, dict):
        raise HandlerError(f"a row is no object: {str(found)[:100]}")
    return found


def _lines(file: BinaryIO) -> Iterator[Any]:
    for number, line in enumerate(_raw(file), 1):
        if line.strip():
            try:
                yield json.loads(line)
            except (ValueError, RecursionError) as error:
                raise HandlerError(f"line {number} of the artifact is no JSON: {error}") from None


def _raw(file: BinaryIO) -> Iterator[bytes]:
    reader = io.BufferedReader(file) if isinstance(file, io.RawIOBase) else file
    while line := reader.readline(LINE_BYTES + 1):
        if len(line) > LINE_BYTES:
            message = f"a line of the artifact has more than {LINE_BYTES} bytes"
            raise HandlerError(message, code=Failure.RESOURCE_LIMIT)
        yield line
