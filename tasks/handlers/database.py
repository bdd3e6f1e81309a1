"""The ``database`` job type: a query whose rows are kept, or statements in their order.

Values reach a statement as bound parameters only. What limits it stands outside the session: see ``tasks/databases``.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from jobs.connections import named
from jobs.handlers import Context, Handler, HandlerError, Json, Params
from tasks import databases
from tasks.databases import sinks, texts
from tasks.databases.contract import Isolation
from tasks.databases.session import Rows, Session

DEFAULT_ROWS = 1000
TELL_EVERY = 5.0
CONTENT_TYPES = {
    "csv": "text/csv; charset=utf-8",
    "ndjson": "application/x-ndjson",
    "parquet": "application/vnd.apache.parquet",
}


def _allowed(text: str) -> str:
    if "\0" in text:
        raise ValueError("holds a NUL character")
    if not texts.first_word(text):
        raise ValueError("is no statement: it must begin with a word of SQL")
    if why := texts.refusal(text):
        raise ValueError(why)
    return text


Statement = Annotated[str, Field(min_length=1, max_length=256 * 1024), AfterValidator(_allowed)]
Scalar = str | int | float | bool | None
Value = Scalar | Annotated[list[Scalar], Field(max_length=10_000)] | dict[str, Json]
ParamName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]


class Expected(Params):
    """How many rows there must be."""

    min_rows: Annotated[int, Field(ge=0)] | None = None
    max_rows: Annotated[int, Field(ge=0)] | None = None


class DatabaseParams(Params):
    connection: named("postgresql", "mysql", "sqlite")  # type: ignore[valid-type]
    query: Statement | None = Field(default=None, description="One statement, whose rows are kept.")
    statements: Annotated[list[Statement], Field(min_length=1, max_length=100)] | None = Field(
        default=None, description="Several, in this order, instead of a query; their rows are not kept."
    )
    params: dict[ParamName, Value] = Field(
        default={}, description="Values for :name in the texts; a list stands for IN :name, an object is sent as JSON."
    )
    transaction: Literal["all", "each"] = Field(
        default="all", description="One transaction around all of it, or each statement for itself."
    )
    isolation: Isolation | None = None
    read_only: bool = Field(default=False, description="The server refuses to write anything.")
    output: Literal["result", "csv", "ndjson", "parquet"] = Field(
        default="result", description="Where a query's rows go: into the result, or into an artifact."
    )
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}$")] = Field(
        default="rows", description="The artifact's, without what the format adds."
    )
    formulas: bool = Field(
        default=False, description="In CSV: texts that begin like a spreadsheet's formula stay as they are."
    )
    max_rows: Annotated[int, Field(ge=1)] | None = Field(
        default=None,
        description=f"Rows that are kept; {DEFAULT_ROWS} in a result, all in an artifact, if it is left out.",
    )
    max_bytes: Annotated[int, Field(ge=1)] | None = Field(
        default=None, description="No row is kept after the one with which there are so many bytes."
    )
    expect: Expected | None = Field(default=None, description="Otherwise the attempt fails.")
    statement_seconds: Annotated[float, Field(gt=0)] | None = Field(
        default=None, description="All of it ends after these, if not before with the attempt."
    )

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if (self.query is None) == (self.statements is None):
            raise ValueError("give a query or statements, one of them")
        if self.statements is not None and (self.output != "result" or self.expect is not None):
            raise ValueError("statements keep no rows: take a query for output and expect")
        for text in self.texts if self.read_only else ():
            if not texts.reads(text):
                raise ValueError(f"{texts.first_word(text)} may write: leave read_only out, or ask with SELECT")
        needed = max((self.expect.min_rows or 0, self.expect.max_rows or 0)) if self.expect else 0
        if self.most_rows is not None and needed > self.most_rows:
            raise ValueError("max_rows must be as large as the rows in expect: those beyond it are not counted")
        return self

    @property
    def texts(self) -> list[str]:
        """What it runs."""
        return [self.query] if self.query is not None else list(self.statements or ())

    @property
    def most_rows(self) -> int | None:
        """That are kept."""
        return self.max_rows or (DEFAULT_ROWS if self.output == "result" else None)


class Database(Handler[DatabaseParams]):
    job_type = "database"
    title = "Database"
    description = "Runs SQL in PostgreSQL, MySQL, MariaDB or SQLite, and keeps a query's rows."
    params = DatabaseParams
    inputs = frozenset({"params"})
    without_expressions: ClassVar[dict[str, str]] = dict.fromkeys(
        ("query", "statements"), "write :name in the SQL, and the expression as the value of that name in params"
    )
    example: ClassVar[dict[str, Json]] = {
        "connection": "warehouse",
        "query": "SELECT id, total FROM orders WHERE day = :day",
        "params": {"day": "2026-01-31"},
        "read_only": True,
    }

    def run(self, params: DatabaseParams, context: Context) -> Json:
        connection = context.connection(params.connection)
        with databases.session(context, connection, timeout=params.statement_seconds) as session:
            context.log(f"logged in to {connection.kind} as {params.connection} says")
            with _transaction(params, session):
                if params.query is None:
                    return {"statements": [_ran(session, params, text, context) for text in params.texts]}
                found = _asked(session, params, context, connection.kind)
        _check(params, found)
        return found


def _transaction(params: DatabaseParams, session: Session) -> contextlib.AbstractContextManager[None]:
    """For itself runs only what writes: reading needs a transaction in which the server refuses all else."""
    if params.transaction == "each" and not params.read_only and params.isolation is None:
        return contextlib.nullcontext()
    return session.transaction(read_only=params.read_only, isolation=params.isolation)


def _ran(session: Session, params: DatabaseParams, text: str, context: Context) -> dict[str, Json]:
    started = time.monotonic()
    touched = session.execute(text, params.params)
    seconds = round(time.monotonic() - started, 3)
    context.log(f"{texts.first_word(text)}: {touched} rows in {seconds:.3f} s")
    return {"rows": touched, "seconds": seconds}


def _asked(session: Session, params: DatabaseParams, context: Context, kind: str) -> dict[str, Json]:
    assert params.query is not None
    started = time.monotonic()
    rows = session.stream(params.query, params.params)
    found: dict[str, Json] = {}
    if not rows.columns:
        found["rows_touched"] = rows.affected
    else:
        with _sink(params, rows, context, kind, found) as sink:
            taken, total = _poured(rows, sink, params, context)
        found |= {"row_count": taken, "truncated": total is None or total > taken}
        if total is not None:
            found["total_rows"] = total
    found["seconds"] = round(time.monotonic() - started, 3)
    context.log(f"{found.get('row_count', found.get('rows_touched'))} rows in {found['seconds']:.3f} s")
    return found


@contextlib.contextmanager
def _sink(
    params: DatabaseParams, rows: Rows, context: Context, kind: str, found: dict[str, Json]
) -> Iterator[sinks.Sink]:
    """Where rows go; what came of it is in ``found`` when the block has ended."""
    if params.output == "result":
        kept = sinks.Kept(rows.columns, params.max_bytes)
        yield kept
        found["columns"], found["rows"] = kept.names, kept.rows
        return
    name = f"{params.name}.{params.output}"
    with context.artifact(name, content_type=CONTENT_TYPES[params.output]) as file:
        sink = _writer(params, rows, file, kind)
        try:
            yield sink
            sink.close()
        except BaseException:
            sink.abandon()
            raise
    found["columns"], found["file"] = sink.names, file.reference


def _writer(params: DatabaseParams, rows: Rows, file: Any, kind: str) -> sinks.Sink:
    if params.output == "csv":
        return sinks.Csv(rows.columns, file, params.max_bytes, formulas=params.formulas)
    if params.output == "ndjson":
        return sinks.NdJson(rows.columns, file, params.max_bytes)
    from tasks.databases.parquet import Parquet  # noqa: PLC0415 - 300 ms and 60 MiB that other jobs do without

    return Parquet(rows.columns, file, params.max_bytes, database=kind)


def _poured(rows: Rows, sink: sinks.Sink, params: DatabaseParams, context: Context) -> tuple[int, int | None]:
    """How many were taken, and how many there are: None where nobody looked.

    What may only read is ended when there is enough; whatever writes is read to its end, or it would be undone.
    """
    taken = total = 0
    is_full = False
    told_at = time.monotonic()
    for batch in rows.batches():
        total += len(batch)
        if not is_full:
            room = batch if params.most_rows is None else batch[: params.most_rows - taken]
            put = sink.put(room)
            taken += put
            is_full = put < len(batch)
        if is_full and params.read_only:
            rows.close()
            return taken, None
        if time.monotonic() - told_at > TELL_EVERY:
            told_at = time.monotonic()
            _tell(context, taken, total, params)
    return taken, total


def _tell(context: Context, taken: int, total: int, params: DatabaseParams) -> None:
    """A share of the rows where their number is known, or else only how many there are."""
    if params.max_rows:
        context.progress(taken / params.max_rows, f"{taken} rows")
    else:
        context.log(f"{total} rows so far")


def _check(params: DatabaseParams, found: dict[str, Json]) -> None:
    if params.expect is None:
        return
    count = found.get("total_rows", found.get("row_count", found.get("rows_touched"))) or 0
    if params.expect.min_rows is not None and count < params.expect.min_rows:
        message = f"{count} rows, and at least {params.expect.min_rows} are expected"
        raise HandlerError(message, tags={"rows:too_few"}, result=found)
    if params.expect.max_rows is not None and (count > params.expect.max_rows or found.get("truncated")):
        message = f"{count} rows or more, and at most {params.expect.max_rows} are expected"
        raise HandlerError(message, tags={"rows:too_many"}, result=found)
