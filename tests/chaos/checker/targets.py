"""The target model: which slots must be accounted for, which may be, and by when one must have started.

    created ──(optional)── required ── required ──(optional)── edited, deleted or read
                              held: planned after the release, as the misfire policy says

A slot is *required* if its rule surely held and the planner surely had time for it; *possible* if the
rule may have held; any other slot of the schedule is a phantom. The planner's progress is known but for
what a fault may have held up: with no fault near, everything due a second ago is planned.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tests.chaos.checker.evidence import INFINITY, Evidence, Fault, Limits
from tests.chaos.checker.timelines import AFTERMATH, AHEAD, SLACK, Hold, Timeline


@dataclass(frozen=True, slots=True)
class Targets:
    """Of one schedule. ``deadlines``: by when a required slot that runs at once must have started."""

    timeline: Timeline
    required: frozenset[int]
    possible: frozenset[int]
    deadlines: Mapping[int, float]


def targets(evidence: Evidence, timeline: Timeline) -> Targets:
    """What is expected of one schedule."""
    required: set[int] = set()
    possible: set[int] = set()
    read = evidence.read_at
    for era in timeline.eras:
        possible.update(era.rule.slots(era.after - AHEAD - SLACK, min(era.until + AHEAD + SLACK, read + AHEAD + SLACK)))
        # While it still fires at the end of the run, the newest slots may yet be on their way.
        surely_until = min(era.surely_until, read)
        planned = _surely_planned(surely_until, timeline.holds, evidence)
        if not any(hold.until == INFINITY for hold in timeline.holds):
            planned = min(planned, read - evidence.limits.on_time)
        required.update(era.rule.slots(era.surely_from, planned))
    deadlines = {slot: deadline(slot, timeline.holds, evidence.faults, evidence.limits) for slot in required}
    return Targets(timeline, frozenset(required), frozenset(possible), deadlines)


def _surely_planned(at: float, holds: Sequence[Hold], evidence: Evidence) -> float:
    """Every slot up to this instant was surely planned at ``at``."""
    # By the time of the soak everything was well again, and the planner had been waited for.
    calm = evidence.phases.get("soak", (INFINITY, INFINITY))[0]
    planned = at - SLACK
    # Backwards through faults that touch each other, to the first instant when planning may have stood still.
    for fault in sorted(evidence.faults, key=lambda one: one.ended, reverse=True):
        if fault.began < at and planned <= fault.ended + AFTERMATH and not fault.ended <= calm <= at:
            planned = min(planned, fault.began - SLACK)
    for hold in holds:
        if hold.began < at <= hold.until:
            planned = min(planned, _surely_planned(hold.began, (), evidence))
    return planned


def deadline(slot: float, holds: Sequence[Hold], faults: Sequence[Fault], limits: Limits) -> float:
    """By when a slot that may run at once has started. Faults and holds in its way put it off."""
    due = slot
    for hold in sorted(holds, key=lambda one: one.began):
        if hold.began <= due + AHEAD and due <= hold.until:
            due = max(due, hold.until)
    if due == INFINITY:
        return due
    latest = due + limits.on_time
    for fault in sorted(faults, key=lambda one: one.began):
        # A fault leaves its mark for a while: processes that come back, executions that wait for a lease.
        if fault.began <= latest and fault.ended + limits.recovered >= due:
            latest = max(latest, fault.ended + limits.recovered)
    return latest
