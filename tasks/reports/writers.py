"""Documents, written row by row in constant memory; a PDF is small, and set at its end."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from jobs.handlers import HandlerError
from jobs.rules.codes import Failure
from tasks.databases import sinks
from tasks.databases.session import Column
from tasks.reports import cells

PDF_CHARS = 500
#: Cells of a PDF, and characters in all of them: they are set in one go, which nothing can interrupt.
PDF_CELLS, PDF_ALL_CHARS = 20_000, 1_000_000
CHART_ROWS = 30


@dataclass(frozen=True)
class Picture:
    """A chart by the places of its columns."""

    kind: str
    label: int
    value: int


@dataclass(frozen=True)
class Layout:
    """What a document is about."""

    title: str
    #: When, for whom.
    note: str
    headings: Sequence[str]
    picture: Picture | None
    #: Private, for whatever is on its way.
    folder: Path
    #: Texts above and below the table.
    before: str = ""
    after: str = ""
    #: Of a page; the usual one if there is none.
    template: str | None = None


class Writer(ABC):
    """Takes rows, then is finished."""

    def __init__(self, layout: Layout, file: BinaryIO) -> None:
        self.layout = layout
        self.file = file
        self.begin()

    def begin(self) -> None:  # noqa: B027 - some have nothing to do
        """Before the first row."""

    @abstractmethod
    def put(self, row: Sequence[Any]) -> None:
        """One row."""

    @abstractmethod
    def finish(self, truncated: bool) -> None:
        """No more rows come; there were more if it is truncated."""


class Csv(Writer):
    """As the job type ``database`` writes it: what looks like a formula has an apostrophe before it."""

    def begin(self) -> None:
        columns = [Column(heading) for heading in self.layout.headings]
        self._sink = sinks.Csv(columns, self.file, None, formulas=False)

    def put(self, row: Sequence[Any]) -> None:
        self._sink.write(row)

    def finish(self, truncated: bool) -> None:
        """There is no place in it to say so; the result does."""


class Pdf(Writer):
    """Set by Typst. What is in the rows reaches it as values of a JSON file, never as its language."""

    def begin(self) -> None:
        self._rows: list[list[str]] = []
        self._right = [True] * len(self.layout.headings)
        self._bars: list[dict[str, Any]] = []
        self._chars = 0

    def put(self, row: Sequence[Any]) -> None:
        told = [cells.text(value, PDF_CHARS) for value in row]
        self._chars += sum(map(len, told))
        self._rows.append(told)
        self._right = [
            so_far and (value is None or cells.is_number(value)) for so_far, value in zip(self._right, row, strict=True)
        ]
        if len(self._rows) * len(row) > PDF_CELLS or self._chars > PDF_ALL_CHARS:
            message = "this is too much for a PDF: take fewer rows or columns, or format xlsx, csv or html"
            raise HandlerError(message, code=Failure.RESOURCE_LIMIT)
        picture = self.layout.picture
        if picture and len(self._bars) < CHART_ROWS:
            self._bars.append({"label": told[picture.label][:40], "value": cells.number(row[picture.value]) or 0})

    def finish(self, truncated: bool) -> None:
        from tasks.reports import typesetting  # noqa: PLC0415 - 20 MiB that other jobs do without

        layout = self.layout
        said = {
            "title": layout.title,
            "note": layout.note,
            "before": layout.before.splitlines(),
            "after": layout.after.splitlines(),
            "headings": [cells.text(heading, 100) for heading in layout.headings],
            "rows": self._rows,
            "right": self._right,
            "bars": self._bars,
            "truncated": truncated,
        }
        self.file.write(typesetting.pdf(said, layout.folder))
