"""Work behind all that is live: what is caught up after an outage, and backfills.

Its priorities lie below 0, so that within a tenant anything live goes first, and keep their own order.
"""

from __future__ import annotations

_LOWERED = 10
#: Missed slots of a tenant that are made in one go and simply run; if there are more, they go behind.
HANDFUL = 10
#: Most executions of an operation in flight: unless somebody says otherwise, and whatever they say.
USUAL_ACTIVE, MOST_ACTIVE = 4, 1000


def behind(priority: int) -> int:
    """The priority of something in the background whose job has ``priority`` (0 to 9)."""
    return priority - _LOWERED


def share(slots: int) -> int:
    """How many of a queue's live slots work in the background takes together at most."""
    return max(1, slots // 2)


def is_behind(priority: int) -> bool:
    """Whether an execution of this priority gives way to what is live."""
    return priority < 0
