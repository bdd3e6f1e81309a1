"""The ``cleanup`` job type: deletes a table's old rows, in small transactions, until none is left or time is up."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Annotated, ClassVar

from pydantic import Field

from jobs.connections import named
from jobs.handlers import Cancelled, Context, Handler, Json, Params
from tasks import databases
from tasks.databases import periods, tables
from tasks.databases.tables import ColumnName, TableName

#: It ends by itself so long before the attempt's time is up; of a short attempt, a tenth before.
MARGIN_SECONDS = 10.0
GLANCE_SECONDS = 0.2
TELL_EVERY = 5.0


class CleanupParams(Params):
    connection: named("postgresql", "mysql", "sqlite")  # type: ignore[valid-type]
    table: TableName
    column: ColumnName = Field(
        description="A date or time; rows with an older one go. Without a zone it is taken as UTC."
    )
    older_than_days: Annotated[float, Field(gt=0, le=36_500)]
    batch_rows: Annotated[int, Field(ge=1, le=100_000)] = Field(default=1000, description="Rows of one transaction.")
    pause_seconds: Annotated[float, Field(ge=0, le=60)] = Field(default=0.1, description="Between transactions.")


class Cleanup(Handler[CleanupParams]):
    job_type = "cleanup"
    title = "Clean-up"
    description = "Deletes a table's old rows in batches, until none is left or the attempt's time is nearly up."
    params = CleanupParams
    example: ClassVar[dict[str, Json]] = {
        "connection": "warehouse",
        "table": "visits",
        "column": "seen_at",
        "older_than_days": 90,
    }

    def run(self, params: CleanupParams, context: Context) -> Json:
        before = datetime.now(UTC) - timedelta(days=params.older_than_days)
        margin = min(MARGIN_SECONDS, context.remaining() / 10)
        deleted = batches = 0
        is_done = False
        told_at = time.monotonic()
        context.log(f"deleting rows of {params.table} before {before:%Y-%m-%d %H:%M:%S} UTC")
        with databases.session(context, context.connection(params.connection)) as session:
            text = tables.delete_older(session, params.table, params.column)
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
        return {"deleted": deleted, "batches": batches, "done": is_done, "before": before.isoformat()}


def _pause(seconds: float, context: Context) -> None:
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        if context.cancelled:
            raise Cancelled
        time.sleep(min(left, GLANCE_SECONDS))
