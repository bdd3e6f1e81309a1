"""A schedule of which only so many runs are left. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import takewhile

from jobs.rules.slots import TICK, Slot, Trigger

_SECOND = timedelta(seconds=1)


def ending_with(trigger: Trigger, left: int, *, after: datetime, until: datetime) -> Trigger:
    """``trigger`` with no slot beyond the first ``left`` ones after an instant; what lies from ``until`` on nobody asks of it."""
    if trigger.count(after, until) <= left:
        return trigger
    low, high = after, until
    while high - low > _SECOND:
        middle = low + (high - low) / 2
        low, high = (low, middle) if trigger.count(after, middle) > left else (middle, high)
    return _Ending(trigger, low)


@dataclass(frozen=True, slots=True)
class _Ending:
    """See :class:`jobs.rules.slots.Trigger`. The last slot is not later than ``last``."""

    trigger: Trigger
    last: datetime

    def after(self, instant: datetime) -> Iterator[Slot]:
        return takewhile(lambda slot: slot.at <= self.last, self.trigger.after(instant))

    def before(self, instant: datetime, not_before: datetime) -> Iterator[Slot]:
        return self.trigger.before(min(instant, self.last), not_before)

    def count(self, after: datetime, until: datetime) -> int:
        return self.trigger.count(after, min(until, self.last)) if self.last > after - TICK else 0
