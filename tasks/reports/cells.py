"""What stands in a cell. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from tasks.databases.values import plain

CUT = "…"
_WRITTEN = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?")


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


def is_number(value: Any) -> bool:
    """Whether it stands on the right: a number, or a text that is written like one."""
    if isinstance(value, str):
        return _WRITTEN.fullmatch(value) is not None
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def number(value: Any) -> float | None:
    """For a chart; None of what is no number."""
    if isinstance(value, bool):
        return None
    try:
        found = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return found if abs(found) < float("inf") else None
