"""Rows as Parquet: columns typed as the server types them, or by their first values where it does not say."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from jobs.handlers import PermanentFailure
from jobs.rules.codes import Failure
from tasks.databases.session import Column, Row
from tasks.databases.sinks import InFile
from tasks.databases.values import plain

#: A row group is written when it has so much; until then it is in memory.
GROUP_BYTES = 16 * 1024 * 1024
#: Rows wait as Python's objects until there are so many, or so many bytes of texts and bytes in them.
BATCH_ROWS = 1000
BATCH_BYTES = 4 * 1024 * 1024

_INTEGER, _REAL, _TEXT, _BYTES, _TRUTH = pa.int64(), pa.float64(), pa.string(), pa.binary(), pa.bool_()
_AT, _AT_UTC = pa.timestamp("us"), pa.timestamp("us", tz="UTC")
#: By PostgreSQL's object ids.
_POSTGRESQL = {16: _TRUTH, 17: _BYTES, 20: _INTEGER, 21: _INTEGER, 23: _INTEGER, 26: _INTEGER, 700: _REAL, 701: _REAL,
               1082: pa.date32(), 1114: _AT, 1184: _AT_UTC}  # fmt: skip
#: By MySQL's field types; its texts and bytes share theirs.
_MYSQL = {1: _INTEGER, 2: _INTEGER, 3: _INTEGER, 4: _REAL, 5: _REAL, 7: _AT, 8: _INTEGER, 9: _INTEGER, 10: pa.date32(),
          12: _AT, 13: _INTEGER}  # fmt: skip
_DECIMALS = {"postgresql": {1700}, "mysql": {0, 246}}
_BY_VALUE: list[tuple[type, pa.DataType]] = [
    (bool, _TRUTH), (int, _INTEGER), (float, _REAL), (bytes, _BYTES), (datetime, _AT), (date, pa.date32()),
]  # fmt: skip


class Parquet(InFile):
    """A Parquet file with Zstandard-compressed row groups."""

    def __init__(self, columns: Sequence[Column], file: BinaryIO, most_bytes: int | None, *, database: str) -> None:
        super().__init__(columns, file, most_bytes)
        self._database = database
        self._waiting: list[Row] = []
        self._waiting_bytes = 0
        self._group: list[pa.RecordBatch] = []
        self._writer: pq.ParquetWriter | None = None
        self._schema: pa.Schema | None = None

    def write(self, row: Row) -> None:
        self._waiting.append(row)
        self._waiting_bytes += sum(map(_weight, row))
        if len(self._waiting) >= BATCH_ROWS or self._waiting_bytes >= BATCH_BYTES:
            self._convert()

    def close(self) -> None:
        """The rest, and the footer, without which it is no Parquet file."""
        self._convert()
        self._flush()
        assert self._writer is not None
        self._writer.close()

    def abandon(self) -> None:
        """Let go of it, or it would still be given its footer."""
        if self._writer is not None:
            self._writer.is_open = False

    def _convert(self) -> None:
        rows, self._waiting, self._waiting_bytes = self._waiting, [], 0
        if self._schema is None:
            self._schema = pa.schema(
                [(column.name, self._type(column, [row[at] for row in rows])) for at, column in enumerate(self.columns)]
            )
            self._writer = pq.ParquetWriter(self.file, self._schema, compression="zstd")
        arrays = [_array(field, [row[at] for row in rows]) for at, field in enumerate(self._schema)]
        self._group.append(pa.RecordBatch.from_arrays(arrays, schema=self._schema))
        if sum(batch.nbytes for batch in self._group) >= GROUP_BYTES:
            self._flush()

    def _flush(self) -> None:
        group, self._group = self._group, []
        if group and self._writer is not None:
            self._writer.write_table(pa.Table.from_batches(group))

    def _type(self, column: Column, values: Sequence[Any]) -> pa.DataType:
        if column.code in _DECIMALS.get(self._database, ()):
            return _decimal(self._database, column)
        known = {"postgresql": _POSTGRESQL, "mysql": _MYSQL}.get(self._database, {})
        if column.code in known:
            return known[column.code]
        first = next((value for value in values if value is not None), None)
        return next((found for kind, found in _BY_VALUE if isinstance(first, kind)), _TEXT)


def _weight(value: Any) -> int:
    """Bytes of a value, about; of one that holds others, all of theirs."""
    if isinstance(value, str | bytes | bytearray | memoryview):
        return len(value)
    if isinstance(value, dict):
        return sum(_weight(key) + _weight(each) for key, each in value.items())
    return sum(map(_weight, value)) if isinstance(value, list | tuple) else 8


def _decimal(database: str, column: Column) -> pa.DataType:
    """With the digits it was declared with; one that was declared with none could have any, and is a text."""
    if database == "mysql":
        return pa.decimal128(38, column.scale or 0)
    if column.precision is None or not column.precision <= 38:
        return _TEXT
    return pa.decimal128(column.precision, column.scale or 0)


def _array(field: Any, values: list[Any]) -> Any:
    usual = _as_decimal if pa.types.is_decimal(field.type) else _same
    convert: Callable[[Any], Any] = _CONVERSIONS.get(field.type, usual)
    try:
        return pa.array([None if value is None else convert(value) for value in values], type=field.type)
    except (pa.ArrowException, ValueError, TypeError, OverflowError):
        raise PermanentFailure(
            f"the column {field.name} is {field.type} and holds a value that is none: CAST it in the query",
            code=Failure.CONFIG_INVALID,
        ) from None


def _same(value: Any) -> Any:
    return value


def _as_text(value: Any) -> str:
    told = plain(value)
    return told if isinstance(told, str) else json.dumps(told, ensure_ascii=False)


def _as_decimal(value: Any) -> Decimal | None:
    return value if not isinstance(value, Decimal) or value.is_finite() else None


def _as_utc(value: datetime) -> datetime:
    return value.astimezone(UTC)


_CONVERSIONS: dict[Any, Callable[[Any], Any]] = {_TEXT: _as_text, _BYTES: bytes, _AT_UTC: _as_utc}
