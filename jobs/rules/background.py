"""Work behind all that is live: what is caught up after an outage, and backfills.

Its priorities lie below 0, so that within a tenant anything live goes first, and keep their own order.
"""

from __future__ import annotations

_LOWERED = 10


def behind(priority: int) -> int:
    """The priority of something in the background whose job has ``priority`` (0 to 9)."""
    return priority - _LOWERED


def is_behind(priority: int) -> bool:
    """Whether an execution of this priority gives way to what is live."""
    return priority < 0
