"""The life of an execution: every state, every event, and which event may happen where.

This table is the only statement of it. `jobs/engine/transitions.py` derives each guard from it,
the models derive their constraints, the API its `allowed_actions`, the docs their diagram, and one
test walks every state and event.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType


class State(StrEnum):
    """Where an execution stands."""

    SCHEDULED = "scheduled"  # not due: a future slot, a back-off, a deferral
    BLOCKED = "blocked"  # waits for upstreams; one that has begun waits for what somebody else ends
    PENDING = "pending"  # due, waits for capacity
    QUEUED = "queued"  # published to the broker
    RUNNING = "running"  # a worker holds it
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    SKIPPED = "skipped"  # did not run, and says why


class Event(StrEnum):
    """What may happen to an execution."""

    UNBLOCK = "unblock"
    SETTLE = "settle"
    RIPEN = "ripen"
    ADMIT = "admit"
    WITHDRAW = "withdraw"
    POSTPONE = "postpone"
    CLAIM = "claim"
    SUCCEED = "succeed"
    RETRY = "retry"
    RELEASE = "release"
    DEFER = "defer"
    SUSPEND = "suspend"
    EXHAUST = "exhaust"
    REJECT = "reject"
    CANCEL = "cancel"
    ACKNOWLEDGE_CANCEL = "acknowledge_cancel"
    SKIP = "skip"


@dataclass(frozen=True, slots=True)
class Transition:
    """From where to where; ``fenced`` ones also need the epoch of the claim they end."""

    sources: frozenset[State]
    target: State
    fenced: bool = False


S = State
TERMINAL = frozenset({S.SUCCEEDED, S.FAILED, S.CANCELLED, S.SKIPPED})
#: What a tenant's and a job's caps count: an execution in flight is its own permit.
IN_FLIGHT = frozenset({S.QUEUED, S.RUNNING})
WAITING = frozenset({S.SCHEDULED, S.BLOCKED, S.PENDING, S.QUEUED})


def _from(*sources: State, to: State, fenced: bool = False) -> Transition:
    return Transition(frozenset(sources), to, fenced)


TRANSITIONS: Mapping[Event, Transition] = MappingProxyType(
    {
        Event.UNBLOCK: _from(S.BLOCKED, to=S.SCHEDULED),
        Event.SETTLE: _from(S.SCHEDULED, to=S.SCHEDULED),
        Event.RIPEN: _from(S.SCHEDULED, to=S.PENDING),
        Event.ADMIT: _from(S.PENDING, to=S.QUEUED),
        Event.WITHDRAW: _from(S.QUEUED, to=S.PENDING),
        Event.POSTPONE: _from(S.SCHEDULED, S.PENDING, to=S.SCHEDULED),
        Event.CLAIM: _from(S.QUEUED, to=S.RUNNING),
        Event.SUCCEED: _from(S.RUNNING, to=S.SUCCEEDED, fenced=True),
        Event.RETRY: _from(S.RUNNING, to=S.SCHEDULED, fenced=True),
        Event.RELEASE: _from(S.RUNNING, to=S.PENDING, fenced=True),
        Event.DEFER: _from(S.RUNNING, to=S.SCHEDULED, fenced=True),
        Event.SUSPEND: _from(S.RUNNING, to=S.BLOCKED, fenced=True),
        Event.EXHAUST: _from(S.RUNNING, to=S.FAILED, fenced=True),
        Event.REJECT: _from(*WAITING, to=S.FAILED),
        Event.CANCEL: _from(*WAITING, to=S.CANCELLED),
        Event.ACKNOWLEDGE_CANCEL: _from(S.RUNNING, to=S.CANCELLED, fenced=True),
        Event.SKIP: _from(S.SCHEDULED, S.BLOCKED, S.PENDING, S.QUEUED, to=S.SKIPPED),
    }
)

#: States an execution may be created in; a skipped one is a slot that will not run, with its reason; a pending one is
#: due and keeps to an operation's pace, so it waits for that from the first.
INITIAL = frozenset({S.SCHEDULED, S.BLOCKED, S.PENDING, S.SKIPPED})


def allowed_actions(state: State, *, is_slot: bool = False) -> tuple[str, ...]:
    """What a client may ask of an execution in ``state``; ``is_slot``: of a schedule's slot."""
    if state is State.SKIPPED and is_slot:
        return ("run-anyway", "retry", "replay")
    if state in TERMINAL:
        return ("retry", "replay")
    return ("cancel", "skip") if state in TRANSITIONS[Event.SKIP].sources else ("cancel",)
