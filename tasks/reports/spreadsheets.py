"""XLSX in constant memory. Every text is written as a text: no formula, no link, whatever it begins with."""

from __future__ import annotations

import math
import shutil
from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import xlsxwriter

from tasks.reports import cells
from tasks.reports.writers import Writer

#: Of one cell.
CHARS = 32_767
#: Digits that a cell's number keeps.
DIGITS = 15
_OPTIONS = {
    "constant_memory": True,
    "strings_to_formulas": False,
    "strings_to_urls": False,
    "strings_to_numbers": False,
    "default_date_format": "yyyy-mm-dd hh:mm:ss",
}
#: The first day a sheet knows.
_FIRST = 1900


class Xlsx(Writer):
    """One sheet; what it is about stands in the file's properties, so that the first row is the headings.

    A text above the table has its lines before them, and an empty row.
    """

    def begin(self) -> None:
        path = self.layout.folder / "report.xlsx"
        self._path = path
        self._book = xlsxwriter.Workbook(str(path), {**_OPTIONS, "tmpdir": str(self.layout.folder)})
        self._book.set_properties({"title": self.layout.title, "comments": self.layout.note})
        self._sheet = self._book.add_worksheet("Report")
        self._day = self._book.add_format({"num_format": "yyyy-mm-dd"})
        self._top = self._lines(0, self.layout.before)
        self._top += 1 if self._top else 0
        self._sheet.freeze_panes(self._top + 1, 0)
        self._sheet.set_column(0, max(len(self.layout.headings) - 1, 0), 18)
        bold = self._book.add_format({"bold": True})
        for place, heading in enumerate(self.layout.headings):
            self._sheet.write_string(self._top, place, cells.text(heading, CHARS), bold)
        self._count = 0

    def put(self, row: Sequence[Any]) -> None:
        self._count += 1
        for place, value in enumerate(row):
            self._cell(self._top + self._count, place, value)

    def finish(self, truncated: bool) -> None:
        self._lines(self._top + self._count + 2, self.layout.after)
        if self.layout.picture and self._count:
            self._draw(self.layout.picture.kind, self.layout.picture.label, self.layout.picture.value)
        if truncated:
            self._book.add_worksheet("There are more rows")
        self._book.close()
        with self._path.open("rb") as made:
            shutil.copyfileobj(made, self.file)
        self._path.unlink()

    def _lines(self, first: int, text: str) -> int:
        """How many they are."""
        lines = text.splitlines()
        for row, line in enumerate(lines, first):
            self._sheet.write_string(row, 0, cells.text(line, CHARS))
        return len(lines)

    def _cell(self, row: int, place: int, value: Any) -> None:
        match value:
            case None:
                return
            case bool():
                self._sheet.write_boolean(row, place, value)
            case int() | float() | Decimal() if _is_kept(value):
                self._sheet.write_number(row, place, float(value))
            case datetime() if value.year >= _FIRST:
                at = value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value
                self._sheet.write_datetime(row, place, at)
            case date() if not isinstance(value, datetime) and value.year >= _FIRST:
                self._sheet.write_datetime(row, place, value, self._day)
            case _:
                self._sheet.write_string(row, place, cells.text(value, CHARS))

    def _draw(self, kind: str, label: int, value: int) -> None:
        chart = self._book.add_chart({"type": "column" if kind == "bar" else "line"})
        first, last = self._top + 1, self._top + self._count
        chart.add_series(
            {
                "name": self.layout.headings[value],
                "categories": ["Report", first, label, last, label],
                "values": ["Report", first, value, last, value],
            }
        )
        chart.set_title({"name": self.layout.title})
        self._sheet.insert_chart(first, len(self.layout.headings) + 1, chart)


def _is_kept(value: float | Decimal) -> bool:
    """Whether a cell's number is the same; any other is told as text."""
    if not math.isfinite(value):
        return False
    if isinstance(value, float):
        return True
    return len(Decimal(value).normalize().as_tuple().digits) <= DIGITS and abs(value) < Decimal(10) ** 300
