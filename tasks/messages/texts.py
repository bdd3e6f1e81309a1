"""A message's body in the words of whoever shows it. Pure."""

from __future__ import annotations

import re
from html.parser import HTMLParser

CUT = "… (cut)"
_BLOCKS = {"p", "div", "br", "li", "tr", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "table", "blockquote", "pre"}
_SILENT = {"script", "style", "head", "title"}


def cut(text: str, most: int) -> str:
    """No longer than that, and marked if it was."""
    return text if len(text) <= most else text[: most - len(CUT)] + CUT


def of_html(source: str) -> str:
    """What a reader would see of it, in lines."""
    reader = _Reader()
    reader.feed(source)
    reader.close()
    lines = (" ".join(line.split()) for line in "".join(reader.parts).splitlines())
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def for_slack(text: str) -> str:
    """Nothing in it calls anybody, and nothing is a link with another name."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _SILENT:
            self._silent += 1
        if tag in _BLOCKS:
            self.parts.append("\n")
        if tag == "a" and (leads := dict(attrs).get("href")):
            self.parts.append(f"{leads} ")

    def handle_endtag(self, tag: str) -> None:
        if tag in _SILENT:
            self._silent = max(self._silent - 1, 0)
        if tag in _BLOCKS:
            self.parts.append("\n")

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.parts.append(data)
