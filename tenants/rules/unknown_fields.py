"""What is said of a field that nobody knows: the one that was meant, or those there are."""

from __future__ import annotations

import difflib
from collections.abc import Collection

#: Names that a message lists.
LISTED = 12


def told(name: str, known: Collection[str]) -> str:
    """With the nearest of the known names, or all of them if they are few."""
    if near := difflib.get_close_matches(name, known, 1, 0.6):
        return f"unknown field; did you mean {near[0]}?"
    return f"unknown field; known are {', '.join(sorted(known))}" if 0 < len(known) <= LISTED else "unknown field"


def in_short(fields: Collection[tuple[str, str]]) -> str:
    """One sentence for all of them, each with what was told."""
    hints = [f"{field} ({what})" if (what := text.partition("; ")[2]) else field for field, text in fields]
    return f"unknown field {', '.join(hints)}: remove it, or check its spelling"
