"""The ``report`` job type: rows as a document, kept as an artifact and perhaps sent by mail."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import Any, BinaryIO, ClassVar

from jobs.connections.services import Smtp
from jobs.handlers import Cancelled, Context, Handler, HandlerError, Json, PermanentFailure
from jobs.rules.codes import Failure
from tasks import egress, mail
from tasks.messages import Message
from tasks.messages.sending import letter
from tasks.reports import pages, sources, writers
from tasks.reports.params import MOST_PDF_COLUMNS, Mail, ReportParams
from tasks.reports.sources import Table
from tasks.reports.writers import Layout, Picture, Writer

TELL_EVERY = 5.0
CONTENT_TYPES = {
    "pdf": "application/pdf",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "csv": "text/csv; charset=utf-8",
    "html": "text/html; charset=utf-8",
}


class Report(Handler[ReportParams]):
    job_type = "report"
    title = "Report"
    description = "Makes a PDF, a spreadsheet, CSV or HTML of rows, keeps it and sends it by mail."
    params = ReportParams
    without_expressions: ClassVar[dict[str, str]] = {
        "source.query": "write :name in the SQL, and the expression as the value of that name in params",
        "template": "write [[title]], [[before]] or [[after]] in the template, and the expression as the field of that name",
    }
    example: ClassVar[dict[str, Json]] = {
        "source": {
            "connection": "warehouse",
            "query": "SELECT region, total FROM sales WHERE day = :day",
            "params": {"day": "2026-01-31"},
        },
        "format": "xlsx",
        "title": "Sales by region",
        "chart": {"label": "region", "value": "total"},
    }

    def run(self, params: ReportParams, context: Context) -> Json:
        with (
            sources.opened(params.source, context) as table,
            context.artifact(f"{params.name}.{params.format}", content_type=CONTENT_TYPES[params.format]) as file,
        ):
            count, truncated = _written(params, table, file, context)
        result = {"rows": count, "truncated": truncated, "file": file.reference}
        context.log(f"{count} rows in {file.reference['bytes']} bytes")
        if params.mail:
            _send(params, params.mail, file.reference, context)
            result["sent_to"] = len(params.mail.to)
        return result


def _written(params: ReportParams, table: Table, file: Any, context: Context) -> tuple[int, bool]:
    """How many rows it has, and whether there are more."""
    places = _places(params, table.names)
    writer = _writer(params, table.names, places, file, context)
    count, told_at = 0, time.monotonic()
    for row in islice(table.rows, params.most_rows):
        writer.put([row[place] for place in places])
        count += 1
        if context.cancelled:
            raise Cancelled
        if time.monotonic() - told_at > TELL_EVERY:
            told_at = time.monotonic()
            context.progress(count / params.most_rows, f"{count} rows")
    truncated = next(table.rows, None) is not None
    writer.finish(truncated)
    return count, truncated


def _places(params: ReportParams, names: Sequence[str]) -> list[int]:
    wanted = [column.name for column in params.columns or ()] or list(names)
    found = [_place(name, names) for name in wanted] if names else []
    if params.format == "pdf" and len(found) > MOST_PDF_COLUMNS:
        message = f"a page of a PDF has room for {MOST_PDF_COLUMNS} columns, and there are {len(found)}: name some"
        raise PermanentFailure(message, code=Failure.CONFIG_INVALID)
    return found


def _place(name: str, names: Sequence[str]) -> int:
    if name not in names:
        raise PermanentFailure(f"there is no column {name}; there are {', '.join(names)}", code=Failure.CONFIG_INVALID)
    return list(names).index(name)


def _writer(params: ReportParams, names: Sequence[str], places: Sequence[int], file: Any, context: Context) -> Writer:
    shown = [names[place] for place in places]
    titles = {column.name: column.title or column.name for column in params.columns or ()}
    picture = None
    if params.chart and shown:
        picture = Picture(params.chart.kind, _place(params.chart.label, shown), _place(params.chart.value, shown))
    layout = Layout(
        title=params.title or context.job,
        note=f"{context.job}, {datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        headings=[titles.get(name, name) for name in shown],
        picture=picture,
        folder=context.folder(),
        before=params.before,
        after=params.after,
        template=params.template,
    )
    match params.format:
        case "csv":
            return writers.Csv(layout, file)
        case "html":
            return pages.Html(layout, file)
        case "pdf":
            return writers.Pdf(layout, file)
    from tasks.reports.spreadsheets import Xlsx  # noqa: PLC0415 - other jobs do without

    return Xlsx(layout, file)


def _send(params: ReportParams, to: Mail, reference: Any, context: Context) -> None:
    by = context.connection(to.connection)
    if not isinstance(by, Smtp):
        raise PermanentFailure(f"{to.connection} is no connection of kind smtp", code=Failure.CONFIG_INVALID)
    message = Message(to.subject or params.title or context.job, to.message, id=context.idempotency_key)
    found = letter(by, message, to.to)
    kind, _, rest = CONTENT_TYPES[params.format].partition(";")[0].partition("/")
    with context.open_artifact(reference, context.execution_id) as file:
        found.add_attachment(_content(file), maintype=kind, subtype=rest, filename=reference["artifact"])
    context.log(f"sending to {len(to.to)} recipients")
    refused = mail.send(found, to.to, by=by, guard=egress.Guard(context.allowed_hosts), call=context)
    if refused:
        raise HandlerError(f"the mail server took it for some and refused {', '.join(refused)}", tags={"smtp:partly"})


def _content(file: BinaryIO) -> bytes:
    content = file.read(mail.MOST_BYTES + 1)
    if len(content) > mail.MOST_BYTES:
        message = f"the report has more than {mail.MOST_BYTES} bytes: it is kept, but too large for a mail"
        raise HandlerError(message, code=Failure.RESOURCE_LIMIT)
    return content
