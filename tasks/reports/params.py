"""The payload of a report."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from jobs.connections import named
from jobs.connections.services import Address
from jobs.handlers import Json, Params
from tasks.databases import texts
from tasks.handlers.database import ParamName, Statement, Value
from tasks.reports import templates

MOST_COLUMNS = 200
#: Rows of a document, by its format: what whoever opens it can still open. A sheet of Excel ends at 1,048,576.
MOST_ROWS = {"pdf": 2_000, "html": 20_000, "xlsx": 1_000_000, "csv": 10_000_000}
#: In a PDF a page's width is all there is.
MOST_PDF_COLUMNS = 20
#: Above and below the table.
Text = Annotated[str, Field(max_length=4_000)]


def _page(template: str) -> str:
    if why := templates.problem(template):
        raise ValueError(why)
    return template


class Source(Params):
    """Where rows come from; one of the three."""

    connection: named("postgresql", "mysql", "sqlite") | None = None  # type: ignore[valid-type]
    query: Statement | None = None
    params: dict[ParamName, Value] = Field(default={}, description="Values for :name in the query.")
    rows: list[dict[str, Json]] | None = Field(
        default=None,
        description="Objects, such as {{ upstream.load.result.rows }}. The order of their fields is not stored: say columns.",
    )
    artifact: dict[str, Json] | None = Field(
        default=None,
        description="An artifact of NDJSON or CSV by its reference, such as {{ upstream.load.result.file }}.",
    )
    execution: Annotated[str, Field(max_length=36)] | None = Field(
        default=None, description="The id of the execution that left the artifact."
    )

    @model_validator(mode="after")
    def _one(self) -> Self:
        if sum(each is not None for each in (self.query, self.rows, self.artifact)) != 1:
            raise ValueError("give a query, rows or an artifact, one of them")
        if (self.query is None) != (self.connection is None):
            raise ValueError("a query needs a connection, and a connection a query")
        if (self.artifact is None) != (self.execution is None):
            raise ValueError("an artifact needs the id of its execution")
        if self.query is not None and not texts.reads(self.query):
            raise ValueError(f"{texts.first_word(self.query)} may write: a report asks with SELECT")
        return self


class Column(Params):
    """One column that is shown."""

    name: Annotated[str, Field(max_length=200)] = Field(description="As the source calls it.")
    title: Annotated[str, Field(max_length=200)] = Field(default="", description="As the report does.")


class Chart(Params):
    """One picture of the first rows: bars or a line in a spreadsheet, bars in a PDF."""

    kind: Literal["bar", "line"] = "bar"
    label: Annotated[str, Field(max_length=200)] = Field(description="The column of names.")
    value: Annotated[str, Field(max_length=200)] = Field(description="The column of numbers.")


class Mail(Params):
    """Whom the report is sent to, as an attachment."""

    connection: named("smtp")  # type: ignore[valid-type]
    to: Annotated[list[Address], Field(min_length=1, max_length=50)]
    subject: Annotated[str, Field(max_length=200)] = Field(default="", description="The title if it is left out.")
    message: Annotated[str, Field(max_length=10_000)] = ""


class ReportParams(Params):
    source: Source
    format: Literal["pdf", "xlsx", "csv", "html"] = "pdf"
    title: Annotated[str, Field(max_length=200)] = Field(default="", description="The job's name if it is left out.")
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}$")] = Field(
        default="report", description="The artifact's, without what the format adds."
    )
    columns: Annotated[list[Column], Field(min_length=1, max_length=MOST_COLUMNS)] | None = Field(
        default=None, description="Those that are shown, in this order; left out, all."
    )
    chart: Chart | None = None
    before: Text = Field(default="", description="Plain text above the table, in html, pdf and xlsx.")
    after: Text = Field(default="", description="The same below it.")
    template: Annotated[str, Field(max_length=templates.MOST_CHARS), AfterValidator(_page)] | None = Field(
        default=None,
        description=f"An HTML document with [[table]], and as it likes {', '.join(f'[[{name}]]' for name in templates.MARKS)}.",
    )
    max_rows: Annotated[int, Field(ge=1, le=MOST_ROWS["csv"])] | None = Field(
        default=None, description=f"At most what the format has room for: {MOST_ROWS}."
    )
    mail: Mail | None = None

    @property
    def most_rows(self) -> int:
        """That it may have."""
        return min(self.max_rows or MOST_ROWS[self.format], MOST_ROWS[self.format])

    @model_validator(mode="after")
    def _chart_fits(self) -> Self:
        if self.chart and self.format not in ("xlsx", "pdf"):
            raise ValueError("a chart is drawn in xlsx and pdf only")
        if self.format == "pdf" and self.columns and len(self.columns) > MOST_PDF_COLUMNS:
            raise ValueError(f"a page of a PDF has room for {MOST_PDF_COLUMNS} columns")
        return self

    @model_validator(mode="after")
    def _texts_are_shown(self) -> Self:
        if self.template is not None and self.format != "html":
            raise ValueError(
                f"a template is a page of HTML: leave it out, or let format be html instead of {self.format}"
            )
        for name, text in (("before", self.before), ("after", self.after)):
            if text and self.format == "csv":
                raise ValueError(f"{name} is shown in html, pdf and xlsx: CSV has rows only")
            if text and self.template is not None and not templates.has(self.template, name):
                raise ValueError(f"the template has no [[{name}]] where {name} would be shown")
        return self
