"""The ``db_to_kafka`` job type: the rows of a query as messages of a topic, in constant memory.

    rows ─► one batch to Kafka ─► all of it confirmed ─► the bookmark moves ─► the next batch

With a cursor column an attempt goes on behind the last bookmark, whatever ended the one before: no row is left out,
and at most the rows of one batch are sent again.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from jobs import connections
from jobs.handlers import Cancelled, Context, Handler, Json, Params, PermanentFailure
from jobs.rules.codes import Failure
from tasks import databases
from tasks.queues import rows, sending

if TYPE_CHECKING:
    from tasks.queues.kafka import KafkaSession
    from tasks.queues.kafka_messages import Deliveries

TELL_SECONDS = 2.0
#: The cursor's value in the query that goes on behind it; a name that no query has.
AFTER = "carillon_after"

Scalar = str | int | float | bool | None
ColumnName = Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[^:\\\x00-\x1f]+$")]


class DbToKafkaParams(Params):
    source: connections.named("postgresql", "mysql", "sqlite")  # type: ignore[valid-type]
    target: connections.named("kafka")  # type: ignore[valid-type]
    query: Annotated[str, Field(min_length=1, max_length=65_536)] = Field(
        description="One SELECT, with :name for each of params."
    )
    params: dict[str, Scalar] = {}
    topic: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,249}$")]
    key_column: ColumnName | None = None
    value_columns: list[ColumnName] | None = Field(default=None, min_length=1, description="All, if left out.")
    header_columns: list[ColumnName] = Field(default=[], description="Sent as headers of the same names.")
    headers: sending.Headers = {}
    tombstone_column: ColumnName | None = Field(
        default=None, description="Where it is true, the message has no value: the key's deletion."
    )
    format: rows.Format = "json"
    mode: Literal["full", "incremental"] = Field(
        default="full", description="incremental: only rows behind the last run's cursor."
    )
    cursor_column: ColumnName | None = Field(
        default=None, description="Rows are read in its order, and an attempt goes on behind what is confirmed."
    )
    bookmark: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")] = Field(
        default="main", description="Under which the cursor is kept with the job; another one begins anew."
    )
    batch_size: int = Field(default=5000, ge=1, le=50_000, description="Rows between two moves of the bookmark.")
    count_first: bool = Field(default=False, description="Count the rows first, so that progress has an end.")

    @model_validator(mode="after")
    def _columns_that_are_needed(self) -> Self:
        if self.mode == "incremental" and self.cursor_column is None:
            raise ValueError("incremental needs a cursor_column: unique, never null, and growing")
        if self.tombstone_column is not None and self.key_column is None:
            raise ValueError("tombstone_column needs a key_column: a deletion is of a key")
        if AFTER in self.params:
            raise ValueError(f"params: {AFTER} is taken: name it otherwise")
        return self


class DbToKafka(Handler[DbToKafkaParams]):
    job_type = "db_to_kafka"
    title = "Database to Kafka"
    description = "Sends the rows of a query to a topic of Kafka, all of them or those that are new."
    params = DbToKafkaParams
    inputs = frozenset({"params"})
    example: ClassVar[dict[str, Json]] = {
        "source": "warehouse",
        "target": "broker",
        "query": "SELECT id, name, price, deleted_at IS NOT NULL AS gone FROM product",
        "topic": "products",
        "key_column": "id",
        "value_columns": ["id", "name", "price"],
        "tombstone_column": "gone",
        "mode": "incremental",
        "cursor_column": "id",
    }

    def run(self, params: DbToKafkaParams, context: Context) -> Json:
        from tasks.queues.kafka import KafkaSession  # noqa: PLC0415 - loaded by those who use it
        from tasks.queues.kafka_messages import Deliveries  # noqa: PLC0415

        source, target = context.connection(params.source), context.connection(params.target)
        place = Place(params, context)
        with (
            KafkaSession(target, context, params.topic) as kafka,  # type: ignore[arg-type]
            databases.session(context, source) as session,
            session.transaction(read_only=True),
        ):
            transfer = Transfer(params, context, place, kafka, Deliveries())
            transfer.total = _counted(session, params, place) if params.count_first else None
            context.log(f"asking {params.source}")
            found = session.stream(*_asked(session, params, place))
            transfer.run(found, [column.name for column in found.columns])
        return transfer.result()


class Place:
    """How far the job has got. A full run goes by its own execution's bookmark alone."""

    def __init__(self, params: DbToKafkaParams, context: Context) -> None:
        self._context = context
        self._name = f"db_to_kafka:{params.mode}:{params.bookmark}"
        self._execution = str(context.execution_id)
        kept = (context.bookmark(self._name) if params.cursor_column else None) or {}
        is_ours = kept.get("execution") == self._execution
        self.cursor: Mapping[str, str] | None = kept.get("cursor") if is_ours or params.mode == "incremental" else None
        #: Where this attempt begins, and what those before it have sent.
        self.began_after = self.cursor
        self.rows_before: int = kept["rows"] if is_ours else 0

    def move(self, cursor: Mapping[str, str], count: int) -> None:
        """All rows up to the cursor are confirmed, so many by this attempt."""
        self.cursor = cursor
        kept = {"cursor": dict(cursor), "execution": self._execution, "rows": self.rows_before + count}
        self._context.keep_bookmark(self._name, kept)


@dataclass
class Transfer:
    """One attempt's rows on their way."""

    params: DbToKafkaParams
    context: Context
    place: Place
    kafka: KafkaSession
    deliveries: Deliveries
    total: int | None = None
    count: int = 0
    tombstones: int = 0
    began: float = field(default_factory=time.monotonic)
    told: float = field(default_factory=time.monotonic)

    def run(self, found: Iterable[Sequence[Any]], names: Sequence[str]) -> None:
        """Each batch is confirmed before a row of the next one is sent; it ends between two values of the cursor."""
        self._check(names)
        column = self.params.cursor_column
        if self.place.cursor is not None:
            self.context.log(f"going on behind {column} {self.place.cursor['value']}")
        producer = self.kafka.producer()
        confirmed, last = 0, None
        for values in found:
            row = dict(zip(names, values, strict=True))
            cursor = None if column is None else self._cursor(row)
            if self.count - confirmed >= self.params.batch_size and (column is None or cursor != last):
                self._confirm(producer, last)
                confirmed = self.count
            self.kafka.send(producer, self.deliveries, **self._message(row))
            self.count += 1
            last = cursor
        self._confirm(producer, last)

    def _check(self, names: Sequence[str]) -> None:
        params = self.params
        asked = [params.key_column, params.tombstone_column, params.cursor_column]
        for name in [*filter(None, asked), *(params.value_columns or ()), *params.header_columns]:
            if name not in names:
                raise _refused(f"the query has no column {name!r}; it has {', '.join(names)[:500]}")
        if len(set(names)) < len(names):
            raise _refused("two columns of the query have the same name: give one of them another with AS")

    def _cursor(self, row: Mapping[str, Any]) -> dict[str, str]:
        assert self.params.cursor_column is not None
        try:
            return rows.kept_cursor(row[self.params.cursor_column])
        except ValueError as error:
            raise _refused(f"{self.params.cursor_column}: {error}") from None

    def _message(self, row: Mapping[str, Any]) -> dict[str, Any]:
        params = self.params
        headers: list[tuple[str, Any]] = [(name, text.encode()) for name, text in params.headers.items()]
        headers += [(name, (rows.key(row[name]) or "").encode()) for name in params.header_columns]
        message: dict[str, Any] = {"headers": headers} if headers else {}
        if params.key_column is not None:
            message["key"] = rows.key(row[params.key_column])
        if params.tombstone_column is not None and row[params.tombstone_column]:
            if message["key"] is None:
                raise _refused(f"{params.key_column} is null in a row that is a deletion: leave it out of the query")
            self.tombstones += 1
            return {**message, "value": None}
        columns = params.value_columns
        shown = row if columns is None else {name: row[name] for name in columns}
        return {**message, "value": rows.value(shown, params.format)}

    def _confirm(self, producer: Any, last: Mapping[str, str] | None) -> None:
        """Wait for all that was sent, then move the bookmark behind it."""
        self.kafka.delivered(producer, self.deliveries)
        if last is not None:
            self.place.move(last, self.count)
        if self.context.cancelled:
            raise Cancelled
        now = time.monotonic()
        if now - self.told > TELL_SECONDS:
            self.told = now
            said = f"{self.count} rows, {self.rate:.0f}/s"
            if self.total:
                self.context.progress(min(self.count / self.total, 1), said)
            else:
                self.context.log(said)

    @property
    def rate(self) -> float:
        """Rows a second, since the attempt began."""
        return self.count / max(time.monotonic() - self.began, 0.001)

    def result(self) -> Json:
        """What this attempt has done, and where it has left off."""
        self.context.log(f"{self.count} rows confirmed, {self.rate:.0f}/s")
        return {
            "rows": self.count,
            "rows_before": self.place.rows_before,
            "tombstones": self.tombstones,
            "rows_per_second": round(self.rate),
            "began_after": self.place.began_after and self.place.began_after["value"],
            "cursor": self.place.cursor and self.place.cursor["value"],
        }


def _source(session: databases.Session, params: DbToKafkaParams, place: Place) -> tuple[str, dict[str, Any]]:
    """The query as a table of which only what is behind the cursor is wanted, and its values."""
    query = params.query.strip().rstrip(";")
    values: dict[str, Any] = dict(params.params)
    # On lines of its own: a query may end with a comment.
    text = f"(\n{query}\n) carillon_source"
    if place.cursor is not None:
        text += f" WHERE {_column(session, params)} > :{AFTER}"
        values[AFTER] = rows.read_cursor(place.cursor)
    return text, values


def _asked(session: databases.Session, params: DbToKafkaParams, place: Place) -> tuple[str, dict[str, Any]]:
    """The query that is run; without a cursor it is the given one."""
    if params.cursor_column is None:
        return params.query, dict(params.params)
    text, values = _source(session, params, place)
    return f"SELECT * FROM {text} ORDER BY {_column(session, params)}", values  # noqa: S608 - the tenant's own query


def _counted(session: databases.Session, params: DbToKafkaParams, place: Place) -> int:
    text, values = _source(session, params, place)
    ((count,),) = session.stream(f"SELECT count(*) FROM {text}", values)  # noqa: S608 - as above
    return int(count)


def _column(session: databases.Session, params: DbToKafkaParams) -> str:
    quoted: str = session.dialect.identifier_preparer.quote_identifier(params.cursor_column)
    return f"carillon_source.{quoted}"


def _refused(message: str) -> PermanentFailure:
    return PermanentFailure(message, code=Failure.PAYLOAD_INVALID)
