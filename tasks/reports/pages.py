"""HTML, row by row: a page by a template, behind a policy that lets it run and load nothing."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

from tasks.reports import cells, templates
from tasks.reports.writers import Writer

#: Of one cell.
CHARS = 32_000
#: Images only from within; nothing is sent, and no address is read against another place.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
#: Before the template's first character: a browser that reads on has these, and passes over a second doctype and head.
_PROLOGUE = f'<!doctype html><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'


class Html(Writer):
    """One page."""

    def begin(self) -> None:
        self._count = 0
        layout = self.layout
        self._values = {"title": escape(layout.title), "note": escape(layout.note)}
        self._values |= {"before": _paragraph(layout.before), "after": _paragraph(layout.after)}
        before, self._rest = templates.parts(layout.template or templates.PAGE)
        headings = "".join(f"<th>{escape(heading)}</th>" for heading in layout.headings)
        self._write(_PROLOGUE + templates.filled(before, self._values))
        self._write(f"<table><thead><tr>{headings}</tr></thead><tbody>\n")

    def put(self, row: Sequence[Any]) -> None:
        self._count += 1
        self._write("<tr>" + "".join(map(_cell, row)) + "</tr>\n")

    def finish(self, truncated: bool) -> None:
        self._write("</tbody></table>" + ('<p class="more">There are more rows.</p>' if truncated else ""))
        self._write(templates.filled(self._rest, {**self._values, templates.ROWS: str(self._count)}))

    def _write(self, text: str) -> None:
        self.file.write(text.encode(errors="replace"))


def _cell(value: Any) -> str:
    kind = ' class="n"' if cells.is_number(value) else ""
    return f"<td{kind}>{escape(cells.text(value, CHARS))}</td>"


def _paragraph(text: str) -> str:
    """Its lines; nothing where there is nothing."""
    return "<p>" + "<br>\n".join(map(escape, text.splitlines())) + "</p>" if text else ""
