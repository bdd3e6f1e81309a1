"""A schedule of which only so many runs are left. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import takewhile

from jobs.rules.slots import TICK, Slot, Trigger

_SECOND = timedelta(seconds=1)


def _all_run(after: datetime, until: datetime) -> int:  # noqa: ARG001 - none of them is left out
    return 0


def ending_with(
    trigger: Trigger,
    left: int,
    *,
    after: datetime,
    until: datetime,
    left_out: Callable[[datetime, datetime], int] = _all_run,
) -> Trigger:
    """``trigger`` with no slot beyond the first ``left`` runs after an instant; what lies from ``until`` on nobody asks of it.

    ``left_out``: how many slots after an instant, and not later than another, do not run and so use up none.
    """
    slots = -1
    more = left
    while more > slots:
        slots = more
        if trigger.count(after, until) <= slots:
            return trigger
        last = _last(trigger, slots, after, until)
        more = left + left_out(after, last)
    return _Ending(trigger, last)


def _last(trigger: Trigger, slots: int, after: datetime, until: datetime) -> datetime:
    """Less than a second before the first slot that is one too many."""
    low, high = after, until
    while high - low > _SECOND:
        middle = low + (high - low) / 2
        low, high = (low, middle) if trigger.count(after, middle) > slots else (middle, high)
    return low


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
