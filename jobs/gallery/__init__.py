"""The built-in templates: a file each beside this one, the same for every tenant and read-only.

A file holds what a template's owner would write (see docs/templates.md), and an ``example``: parameters that make a job
of it, which a test makes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

_FOLDER = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Entry:
    """A template of the gallery, with what others read of a tenant's template."""

    name: str
    description: str
    category: str
    parameters: Mapping[str, Any]
    body: Mapping[str, Any]
    example: Mapping[str, Any]
    active: bool = True
    version: int = 1


@cache
def entries() -> Mapping[str, Entry]:
    """All of them by name."""
    files = sorted(_FOLDER.glob("*.json"))
    return {path.stem: Entry(name=path.stem, **json.loads(path.read_text(encoding="utf-8"))) for path in files}
