"""A page as its author writes it: HTML with marks such as ``[[title]]`` where values come. Pure.

There is no code in it, and what it says of scripts is not believed: ``pages.py`` writes a policy before its first
character, which the browser keeps whatever comes after. What is refused here is what that policy says nothing of.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

MOST_CHARS = 64 * 1024
TABLE, ROWS = "table", "rows"
#: Those that stand for a text that is there before the first row.
TEXTS = ("title", "note", "before", "after")
MARKS = (*TEXTS, TABLE, ROWS)
_MARK = re.compile(r"\[\[([^\[\]\n]*)\]\]")
#: Names of elements and attributes cannot be written in any other way, so that looking for their letters finds them all.
_CLOSED = re.compile(r"<(?:script|iframe|frame|object|embed|base|form|link)\b|http-equiv", re.IGNORECASE)
#: What a mark's place is told by, in one go over the text.
_PLACES = re.compile(r"<style\b|</style\b|[<>]|\[\[[^\[\]\n]*\]\]", re.IGNORECASE)

PAGE = """<html lang="en"><head><title>[[title]]</title><style>
:root{color-scheme:light dark}
body{font:14px/1.4 system-ui,sans-serif;margin:2rem}
table{border-collapse:collapse}
th,td{padding:.3rem .6rem;border:1px solid #8886;text-align:left;vertical-align:top}
td.n{text-align:right;font-variant-numeric:tabular-nums}
.note,.more{opacity:.7}
</style></head><body><h1>[[title]]</h1><p class="note">[[note]]</p>
[[before]][[table]][[after]]
</body></html>
"""


def problem(template: str) -> str | None:
    """Why it is no page of a report, if that is so."""
    names = _MARK.findall(template)
    if unknown := [name for name in names if name not in MARKS]:
        return f"there is no [[{unknown[0][:40]}]]: there are {', '.join(f'[[{name}]]' for name in MARKS)}"
    if names.count(TABLE) != 1:
        return "[[table]] must stand in it once: there the rows are written"
    if ROWS in names[: names.index(TABLE)]:
        return "[[rows]] must stand after [[table]]: rows are counted as they are written"
    if closed := _CLOSED.search(template):
        return f"{closed[0]} may not stand in it: a report runs nothing, loads nothing and leads nowhere by itself"
    if inside := _inside(template):
        return f"{inside} stands within a tag, a comment or a style: put it where text is shown"
    return None


def _inside(template: str) -> str | None:
    """The first mark that is not put where text is."""
    is_tag = is_style = False
    for place in _PLACES.finditer(template):
        match place[0].lower():
            case "<" | "<style" | "</style" as found:
                is_tag = True
                is_style = found == "<style" or (is_style and found == "<")
            case ">":
                is_tag = False
            case _ if is_tag or is_style:
                return place[0]
    return None


def has(template: str, name: str) -> bool:
    """Whether that mark stands in it."""
    return f"[[{name}]]" in template


def parts(template: str) -> tuple[str, str]:
    """What comes before the table, and what after it."""
    before, _, after = template.partition(f"[[{TABLE}]]")
    return before, after


def filled(part: str, values: Mapping[str, str]) -> str:
    """With the values, which are HTML, at their marks."""
    return "".join(_pieces(part, values))


def _pieces(part: str, values: Mapping[str, str]) -> Iterator[str]:
    for number, piece in enumerate(_MARK.split(part)):
        yield values[piece] if number % 2 else piece
