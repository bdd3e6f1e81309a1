"""Where a zone's clock changes touch the slots of a trigger. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import islice

from jobs.rules.slots import TICK, Slot, Trigger
from jobs.triggers import zones

_DAY = timedelta(days=1)


def slots(trigger: Trigger, zone: str, since: datetime, until: datetime) -> Iterator[Slot]:
    """Those of [since, until) that a change may leave out: at a change, and as near to it as it moves the clocks."""
    for segment in zones.upward(zone, since - _DAY):
        near = abs(segment.jump)
        if segment.start - near >= until:
            return
        low, high = max(segment.start - near, since), min(segment.start + max(near, TICK), until)
        if near and low < high:
            yield from islice(trigger.after(low - TICK), trigger.count(low - TICK, high - TICK))
