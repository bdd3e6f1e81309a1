"""What stands in a cell. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tasks.databases.values import plain

CUT = "…"


def text(value: Any, most: int) -> str:
    """As a reader sees it; nothing where there is nothing."""
    told = plain(value)
    match told:
        case None:
            return ""
        case bool():
            return "true" if told else "false"
        case Mapping() | list():
            told = json.dumps(told, ensure_ascii=False)
    said = str(told)
    return said if len(said) <= most else said[: most - len(CUT)] + CUT


def number(value: Any) -> float | None:
    """For a chart; None of what is no number."""
    if isinstance(value, bool):
        return None
    try:
        found = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return found if abs(found) < float("inf") else None
