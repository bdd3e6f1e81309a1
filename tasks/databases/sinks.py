"""Where a query's rows go: into the result, or one by one into a file of a format."""

from __future__ import annotations

import csv
import io
import json
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, BinaryIO

from jobs.handlers import Json, PermanentFailure
from jobs.rules.codes import Failure
from tasks.databases.session import Column, Row
from tasks.databases.values import plain

#: Of a result's rows; the rest of its 64 KiB is for what stands around them.
RESULT_BYTES = 56 * 1024
#: What makes a spreadsheet take a text for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def names_of(columns: Sequence[Column]) -> list[str]:
    """Each of its own, so that a row can be an object."""
    names = [column.name for column in columns]
    for name in names:
        if names.count(name) > 1:
            raise PermanentFailure(f"two columns are called {name}: rename one with AS", code=Failure.CONFIG_INVALID)
    return names


class Sink(ABC):
    """Takes rows, in batches."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self.names = names_of(columns)
        self.columns = columns

    @abstractmethod
    def put(self, rows: Sequence[Row]) -> int:
        """How many of them it has taken; fewer than there are when it is full."""

    def close(self) -> None:  # noqa: B027 - most have nothing to do
        """No more rows come."""

    def abandon(self) -> None:  # noqa: B027
        """What was taken is not wanted."""


class Kept(Sink):
    """In memory, as objects, as many as a result has room for."""

    def __init__(self, columns: Sequence[Column], most_bytes: int | None) -> None:
        super().__init__(columns)
        self.rows: list[dict[str, Json]] = []
        self._room = min(most_bytes or RESULT_BYTES, RESULT_BYTES)

    def put(self, rows: Sequence[Row]) -> int:
        for taken, row in enumerate(rows):
            kept = dict(zip(self.names, map(plain, row), strict=True))
            self._room -= len(json.dumps(kept)) + 2
            if self._room < 0:
                return taken
            self.rows.append(kept)
        return len(rows)


class InFile(Sink):
    """In a file, that gets no row after the one with which it has ``most_bytes``."""

    def __init__(self, columns: Sequence[Column], file: BinaryIO, most_bytes: int | None) -> None:
        super().__init__(columns)
        self.file = file
        self._most = float("inf") if most_bytes is None else most_bytes

    def put(self, rows: Sequence[Row]) -> int:
        for taken, row in enumerate(rows):
            if self.file.tell() >= self._most:
                return taken
            self.write(row)
        return len(rows)

    @abstractmethod
    def write(self, row: Row) -> None:
        """One row, at once."""


class Csv(InFile):
    """RFC 4180 in UTF-8, with the columns' names first. NULL is an empty cell."""

    def __init__(self, columns: Sequence[Column], file: BinaryIO, most_bytes: int | None, *, formulas: bool) -> None:
        super().__init__(columns, file, most_bytes)
        self._formulas = formulas
        self._line = io.StringIO(newline="")
        self._writer = csv.writer(self._line)
        self.write(self.names)

    def write(self, row: Row) -> None:
        self._writer.writerow([self._cell(value) for value in row])
        self.file.write(self._line.getvalue().encode())
        self._line.seek(0)
        self._line.truncate()

    def _cell(self, value: Any) -> Any:
        if isinstance(value, str):
            return value if self._formulas or not value.startswith(_FORMULA) else f"'{value}"
        if isinstance(value, bool):
            return "true" if value else "false"
        if value is None or isinstance(value, int):
            return value
        told = plain(value)
        return json.dumps(told, ensure_ascii=False) if isinstance(told, list | dict) else told


class NdJson(InFile):
    """A JSON object a line, in UTF-8."""

    def write(self, row: Row) -> None:
        kept = dict(zip(self.names, map(plain, row), strict=True))
        self.file.write(json.dumps(kept, ensure_ascii=False).encode(errors="replace") + b"\n")
