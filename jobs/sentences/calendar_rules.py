"""A calendar rule in words. A rule that says something unknown here is quoted as it is."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


def words(rule: Mapping[str, Any]) -> str:
    """Such as ``at 17:00 on the last business day of the month``, in lower case."""
    return f"by the calendar rule {json.dumps(dict(rule), sort_keys=True, ensure_ascii=False)}"
