"""The ``cleanup`` job type: deletes a table's old rows, in small transactions, until none is left or time is up; or old files."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Annotated, ClassVar, Self

from pydantic import Field, model_validator

from jobs.connections import named
from jobs.handlers import Cancelled, Context, Handler, Json, Params, PermanentFailure
from jobs.rules.codes import Failure
from tasks import databases
from tasks.databases import periods, tables
from tasks.databases.session import Session
from tasks.databases.tables import ColumnName, TableName
from tasks.files import elsewhere, operations
from tasks.files.params import Path, Pattern
from tasks.files.work import Work

#: It ends by itself so long before the attempt's time is up; of a short attempt, a tenth before.
MARGIN_SECONDS = 10.0
GLANCE_SECONDS = 0.2
TELL_EVERY = 5.0


class CleanupParams(Params):
    connection: named("postgresql", "mysql", "sqlite") | None = None  # type: ignore[valid-type]
    table: TableName | None = Field(None, description="Whose old rows go.")
    column: ColumnName | None = Field(
        None, description="A date or time; rows with an older one go. Without a zone it is taken as UTC."
    )
    path: Path | None = Field(None, description="Or a folder whose old files go; empty is all of the place.")
    store: named("s3", "sftp") | None = None  # type: ignore[valid-type]
    pattern: Pattern | None = Field(None, description="Of files: names that fit, such as *.csv.")
    recursive: bool = Field(False, description="Of files: those in folders below too. Folders stay.")
    dry_run: bool = Field(False, description="Of files: only tell.")
    older_than_days: Annotated[float, Field(gt=0, le=36_500)]
    batch_rows: Annotated[int, Field(ge=1, le=100_000)] = Field(default=1000, description="Rows of one transaction.")
    pause_seconds: Annotated[float, Field(ge=0, le=60)] = Field(default=0.1, description="Between transactions.")

    @property
    def older_than_seconds(self) -> float:
        """As the operation on files asks for it."""
        return self.older_than_days * 86_400

    @model_validator(mode="after")
    def _is_of_one_kind(self) -> Self:
        of_rows = [name for name in ("connection", "table", "column") if getattr(self, name) is not None]
        of_files = [name for name in ("path", "store", "pattern", "recursive", "dry_run") if getattr(self, name)]
        if self.path is None and len(of_rows) < 3:
            raise ValueError("say connection, table and column for old rows, or path for old files")
        if of_rows and self.path is not None:
            raise ValueError(f"{of_rows[0]} is of rows and path of files: make two jobs of them")
        if of_files and self.path is None:
            raise ValueError(f"{of_files[0]} is of files, and there is no path")
        return self


class Cleanup(Handler[CleanupParams]):
    job_type = "cleanup"
    title = "Clean-up"
    description = "Deletes a table's old rows in batches, until none is left or the attempt's time is nearly up; or old files of a folder, a bucket, a server over SFTP."
    params = CleanupParams
    example: ClassVar[dict[str, Json]] = {
        "connection": "warehouse",
        "table": "visits",
        "column": "seen_at",
        "older_than_days": 90,
    }

    def run(self, params: CleanupParams, context: Context) -> Json:
        before = datetime.now(UTC) - timedelta(days=params.older_than_days)
        deleted = _rows if params.path is None else _files
        return {**deleted(params, context, before), "before": before.isoformat()}


def _files(params: CleanupParams, context: Context, before: datetime) -> dict[str, Json]:
    context.log(f"deleting files of {params.path or 'the whole place'} from before {before:%Y-%m-%d %H:%M:%S} UTC")
    with elsewhere.place(params.store, context) as place:
        found = operations.clean_up(operations.Job(params, place, place, Work(context)))
    assert isinstance(found, dict)
    context.log(f"{found['count']} files {'would be ' if params.dry_run else ''}deleted")
    return {**found, "deleted": 0 if params.dry_run else found["count"], "done": not params.dry_run}


def _rows(params: CleanupParams, context: Context, before: datetime) -> dict[str, Json]:
    assert params.connection
    assert params.table
    assert params.column
    margin = min(MARGIN_SECONDS, context.remaining() / 10)
    deleted = batches = 0
    is_done = False
    told_at = time.monotonic()
    context.log(f"deleting rows of {params.table} before {before:%Y-%m-%d %H:%M:%S} UTC")
    with databases.session(context, context.connection(params.connection)) as session:
        text = tables.delete_older(session, params.table, params.column)
        _check_holds_times(session, params.table, params.column)
        values = {"before": periods.said(before, session.dialect.name), "most": params.batch_rows}
        while not is_done and not context.ending and context.remaining() > margin:
            touched = session.execute(text, values) or 0
            deleted, batches, is_done = deleted + touched, batches + 1, touched < params.batch_rows
            if time.monotonic() - told_at > TELL_EVERY:
                told_at = time.monotonic()
                context.log(f"{deleted} rows deleted so far")
            if not is_done:
                _pause(params.pause_seconds, context)
    context.log(f"{deleted} rows deleted" if is_done else f"{deleted} rows deleted, and the time is up")
    return {"deleted": deleted, "batches": batches, "done": is_done}


def _check_holds_times(session: Session, table: str, column: str) -> None:
    """SQLite holds anything anywhere; of what is no text it cannot tell when that was."""
    if session.dialect.name != "sqlite":
        return
    for (kind,) in list(session.stream(tables.kind_of_one(session, table, column))):
        if kind != "text":
            message = f"{column} holds values of type {kind}: a column of dates or times as texts is needed"
            raise PermanentFailure(message, code=Failure.CONFIG_INVALID)


def _pause(seconds: float, context: Context) -> None:
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        if context.cancelled:
            raise Cancelled
        time.sleep(min(left, GLANCE_SECONDS))
