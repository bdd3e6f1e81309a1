"""Which slots of a time that has passed run again, and how far ahead of what has ended they are made.

    slots of the schedule's own trigger ──► what was made for each ──► its standing ──► wanted, or not

A slot stands as the newest of its runs does. What never ran is no run: a skipped row, a folded one, one that was
cancelled while it waited.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from jobs.rules.slots import TICK, Slot, SlotKind, Trigger
from jobs.rules.states import TERMINAL, State

#: A slot that nothing ran for; any other standing is a state.
MISSING = "missing"
#: Most slots that one backfill is about.
MOST_SLOTS = 100_000
#: So many wait beside those in flight, that nothing stands idle between two steps.
_IN_RESERVE = 20


class Which(StrEnum):
    """The slots that run."""

    MISSING = "missing"  # that nothing ran for
    FAILED = "failed"  # whose newest run failed
    ALL = "all"  # but those with a run that has not ended


class Order(StrEnum):
    """The slots that come first."""

    OLDEST = "oldest"
    NEWEST = "newest"


@dataclass(frozen=True, slots=True)
class Run:
    """What was made for a slot at ``made_at``, or a replay of that."""

    state: str
    started: bool
    made_at: datetime

    @property
    def is_one(self) -> bool:
        """Whether it ran, or still may."""
        return self.started or self.state not in (State.CANCELLED, State.SKIPPED)


def standing(runs: Iterable[Run]) -> str:
    """How a slot stands: the state of a run that has not ended, else of the newest one; or missing."""
    real = sorted((run for run in runs if run.is_one), key=lambda run: run.made_at)
    unfinished = [run.state for run in real if run.state not in TERMINAL]
    return unfinished[-1] if unfinished else real[-1].state if real else MISSING


def is_wanted(which: Which, stands: str) -> bool:
    """Whether a slot that stands so runs again."""
    if which is Which.ALL:
        return stands == MISSING or stands in TERMINAL
    return stands == (MISSING if which is Which.MISSING else State.FAILED)


def slots(
    trigger: Trigger, *, since: datetime, until: datetime, order: Order, beyond: datetime | None
) -> Iterator[Slot]:
    """The slots of [since, until) that run, in their order, without those up to and including ``beyond``."""
    if order is Order.OLDEST:
        for slot in trigger.after(since - TICK if beyond is None else beyond):
            if slot.at >= until:
                return
            if slot.kind is SlotKind.RUN:
                yield slot
        return
    newest = until if beyond is None else beyond
    yield from (slot for slot in trigger.before(newest - TICK, since) if slot.kind is SlotKind.RUN)


def room(max_active: int, unfinished: int) -> int:
    """How many more are made while so many have not ended."""
    return max(0, 2 * max_active + _IN_RESERVE - unfinished)
