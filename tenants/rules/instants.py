"""Instants as people write them: absolute, or ``-2h``, so long before now."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

_BEFORE = re.compile(r"-([1-9][0-9]{0,5})([smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
LONGEST = timedelta(days=3660)


def before(text: str, now: datetime) -> datetime | None:
    """The instant that ``-2h`` (``s``, ``m``, ``h``, ``d`` or ``w``) means at ``now``; None for any other text."""
    found = _BEFORE.fullmatch(text)
    return None if found is None else now - min(timedelta(**{_UNITS[found[2]]: int(found[1])}), LONGEST)
