"""What the next clock changes of a zone do to a schedule, asked of its own slots. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice, takewhile
from typing import Any

from jobs.rules.slots import TICK, Slot, SlotKind, Trigger
from jobs.triggers import zones

#: A zone that changes nothing for so long has no clock changes to show.
_LOOKED_AHEAD = timedelta(days=3 * 366)
_REAL_TIME = "it follows real time: no run is moved, left out or doubled"
_NOTHING = "none of its times is touched"


@dataclass(frozen=True, slots=True)
class ClockChange:
    """Clocks move at ``at``. ``effect`` says what becomes of the schedule's times; ``leaves_out``: some do not run."""

    at: datetime
    offset_before: str
    offset_after: str
    effect: str
    leaves_out: bool


def changes(kind: str, zone: str, trigger: Trigger, after: datetime, *, most: int = 2) -> list[ClockChange]:
    """The zone's next ``most`` changes after an instant, soonest first."""
    found = islice(_jumps(zone, after), most)
    return [_change(kind, trigger, segment) for segment in found]


def _jumps(zone: str, after: datetime) -> Iterator[zones.Segment]:
    for segment in zones.upward(zone, after):
        if segment.start > after + _LOOKED_AHEAD:
            return
        if segment.jump and segment.start > after:
            yield segment


def _change(kind: str, trigger: Trigger, segment: zones.Segment) -> ClockChange:
    if kind in ("interval", "once", "event"):
        effect, leaves_out = _REAL_TIME, False
    elif segment.jump > timedelta():
        effect, leaves_out = _gap(trigger, segment)
    else:
        effect, leaves_out = _fold(trigger, segment), False
    before, after = zones.offset_text(segment.offset - segment.jump), zones.offset_text(segment.offset)
    return ClockChange(segment.start, before, after, effect, leaves_out)


def _gap(trigger: Trigger, segment: zones.Segment) -> tuple[str, bool]:
    closes = segment.wall(segment.start)
    opens = closes - segment.jump
    at_once = takewhile(lambda slot: slot.at == segment.start, trigger.after(segment.start - TICK))
    moved = next((slot for slot in at_once if opens <= _wall(slot) < closes), None)
    if moved is None and getattr(getattr(trigger, "inner", trigger), "wildcard", False):
        return _REAL_TIME, False
    walls: Any = getattr(trigger, "walls", None)  # of every kind that names wall times
    first = _wall(moved) if moved else next(walls.upward(opens, closes), None) if walls else None
    if first is None:
        return _NOTHING, False
    many = walls.count(opens, closes) if walls else 1
    slot = (
        f"the slot {_clock(first, segment)} does" if many == 1 else f"{_clock(first, segment)} and {many - 1:,} more do"
    )
    if moved and moved.kind is SlotKind.DST_GAP:
        return f"{slot} not exist and {'is' if many == 1 else 'are'} left out", True
    if moved:
        return f"{slot} not exist and run{'s' if many == 1 else ' once'} at {_clock(closes, segment)}", False
    return f"{slot} not exist; the run at {_clock(closes, segment)} stands for {'it' if many == 1 else 'them'}", False


def _fold(trigger: Trigger, segment: zones.Segment) -> str:
    back = -segment.jump
    opens = segment.start - back
    first = next(takewhile(lambda slot: slot.at < segment.start, trigger.after(opens - TICK)), None)
    if getattr(getattr(trigger, "inner", trigger), "wildcard", False):
        return _REAL_TIME
    if first is None:
        return _NOTHING
    later = takewhile(lambda slot: slot.at == first.at + back, trigger.after(first.at + back - TICK))
    second = next((slot for slot in later if _wall(slot) == _wall(first)), None)
    many = trigger.count(opens - TICK, segment.start - TICK)
    slot = (
        f"the slot {_clock(_wall(first), segment)} comes"
        if many == 1
        else f"{_clock(_wall(first), segment)} and {many - 1:,} more come"
    )
    runs = "runs" if many == 1 else "run"
    if second is None:
        return f"{slot} twice and {runs} once"
    if first.kind is SlotKind.RUN and second.kind is SlotKind.RUN:
        return f"{slot} twice and {runs} both times"
    which = "first" if first.kind is SlotKind.RUN else "second"
    return f"{slot} twice and {runs} the {which} time only"


def _wall(slot: Slot) -> datetime:
    return datetime.fromisoformat(slot.nominal).replace(tzinfo=None)


def _clock(wall: datetime, segment: zones.Segment) -> str:
    """A time on the zone's clock; with its date where clocks jump over more than hours."""
    seconds = ":%S" if wall.second else ""
    date = "%Y-%m-%d " if abs(segment.jump) >= timedelta(hours=12) else ""
    return f"{wall:{date}%H:%M{seconds}}"
