"""PDF by Typst, in this process: it reads two files of a private folder and nothing else, and fetches no packages."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import typst

from jobs.handlers import HandlerError

TEMPLATE = Path(__file__).with_name("report.typ")


def pdf(said: Mapping[str, Any], folder: Path) -> bytes:
    """The document that says this."""
    source = folder / "report.typ"
    source.write_bytes(TEMPLATE.read_bytes())
    (folder / "data.json").write_text(json.dumps(said), encoding="utf-8")
    try:
        found = typst.compile(str(source), root=str(folder), format="pdf")
    except RuntimeError as error:
        raise HandlerError(f"the PDF cannot be set: {str(error)[:500]}") from None
    assert isinstance(found, bytes)
    return found
