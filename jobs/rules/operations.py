"""The life of an operation, long work over many executions, and how fast it goes.

running ──pause──► paused ──resume──► running
running ──finish──► succeeded      running ──fail, disown──► failed, aborted
running, paused ──cancel──► aborted
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType


class State(StrEnum):
    """Where an operation stands."""

    RUNNING = "running"
    PAUSED = "paused"
    SUCCEEDED = "succeeded"  # went over all it was about, whatever became of each
    FAILED = "failed"  # could not go on, and says why
    ABORTED = "aborted"  # somebody ended it, or whoever asked for it may no longer


class Event(StrEnum):
    """What may happen to an operation."""

    PAUSE = "pause"
    RESUME = "resume"
    CANCEL = "cancel"
    FINISH = "finish"
    FAIL = "fail"
    DISOWN = "disown"
    HOLD = "hold"


@dataclass(frozen=True, slots=True)
class Transition:
    """From where to where; ``asked`` ones are people's, the others the engine's."""

    sources: frozenset[State]
    target: State
    asked: bool = False


#: The kind that the engine makes by itself, when it catches up with many missed slots of a tenant.
RECOVERY = "recovery"
TERMINAL = frozenset({State.SUCCEEDED, State.FAILED, State.ABORTED})
#: Why one ended that nobody cancelled: whoever asked for it may no longer.
AUTHOR_LOST_RIGHTS = "AUTHOR_LOST_RIGHTS"


def _from(*sources: State, to: State, asked: bool = False) -> Transition:
    return Transition(frozenset(sources), to, asked)


TRANSITIONS: Mapping[Event, Transition] = MappingProxyType(
    {
        Event.PAUSE: _from(State.RUNNING, to=State.PAUSED, asked=True),
        Event.RESUME: _from(State.PAUSED, to=State.RUNNING, asked=True),
        Event.CANCEL: _from(State.RUNNING, State.PAUSED, to=State.ABORTED, asked=True),
        Event.FINISH: _from(State.RUNNING, to=State.SUCCEEDED),
        Event.FAIL: _from(State.RUNNING, to=State.FAILED),
        Event.DISOWN: _from(State.RUNNING, to=State.ABORTED),
        # Its canary failed: it holds itself.
        Event.HOLD: _from(State.RUNNING, to=State.PAUSED),
    }
)


def after(state: State, event: Event) -> State | None:
    """Where ``event`` leads from ``state``; None where it cannot happen."""
    transition = TRANSITIONS[event]
    return transition.target if state in transition.sources else None


def allowed_actions(state: State, kind: str = "") -> list[str]:
    """What a client may ask of an operation in ``state``."""
    asked = [str(event) for event, change in TRANSITIONS.items() if change.asked and state in change.sources]
    return [*asked, TRIM] if kind == RECOVERY and asked else asked


#: What else may be asked of a recovery: to leave out the older ones of what it has not started.
TRIM = "trim"

#: Rows a second, as a client may ask.
SLOWEST, USUAL, FASTEST = 0.1, 50.0, 500.0
#: A step takes what the rate allows in this time, and no more than so many: admission never waits for long.
SLICE = timedelta(milliseconds=200)
MOST_AT_ONCE = 100
#: What was not used of the rate is caught up with, but no more than this.
CREDIT = timedelta(seconds=1)


def at_once(rate: float) -> int:
    """How many rows one step takes at most."""
    return max(1, min(MOST_AT_ONCE, int(rate * SLICE.total_seconds())))


def next_step_at(due: datetime, now: datetime, moved: int, rate: float) -> datetime:
    """When the step after one that was ``due`` and moved so many may be taken."""
    return max(due, now - CREDIT) + timedelta(seconds=moved / rate)
