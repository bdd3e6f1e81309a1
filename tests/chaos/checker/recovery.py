"""I16 and the figures of faults: how soon it is found, how soon everything is on time again."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from tests.chaos.checker.evidence import INFINITY, Evidence, Fault, Violation
from tests.chaos.checker.slots import Judged, first_starts

#: Later than this is late.
LATE = 2.0
#: A fault is thought to be felt this long after its end.
FELT = 20.0
#: Faults that cost attempts their owner.
LOSING = ("kill worker", "kill child", "stop worker", "power off")


@dataclass(frozen=True, slots=True)
class Start:
    """A slot that runs at once, and how late it started."""

    slot: float
    late: float


def starts(evidence: Evidence, schedules: Sequence[Judged]) -> list[Start]:
    """Of every slot that nothing but a fault holds up, planned in time."""
    first = first_starts(evidence.attempts)
    found = []
    for schedule in schedules:
        held = any(hold.until < INFINITY for hold in schedule.timeline.holds)
        if schedule.job.overlap != "allow" or schedule.job.max_running is not None or held:
            continue
        for row in schedule.rows:
            if row.slot is not None and row.id in first:
                found.append(Start(row.slot, first[row.id] - row.slot))
    return sorted(found, key=lambda start: start.slot)


def violations(evidence: Evidence, schedules: Sequence[Judged]) -> Iterator[Violation]:
    """I16: after the healing something starts soon, and the soak's slots are on time again."""
    healed = evidence.phases.get("heal")
    soak = evidence.phases.get("soak")
    if healed is None or soak is None:
        return
    claimed = [attempt.started_at for attempt in evidence.attempts if attempt.started_at >= healed[1]]
    if not claimed or min(claimed) - healed[1] > evidence.limits.first_claim:
        yield Violation("I16", f"nothing was claimed within {evidence.limits.first_claim:g} s of the healing")
    late = sorted(start.late for start in starts(evidence, schedules) if soak[0] <= start.slot <= soak[1])
    if late and percentile(late, 99) > evidence.limits.soak_late:
        yield Violation("I16", f"slots of the soak started up to {late[-1]:.1f} s late")


def percentile(values: Sequence[float], part: float) -> float:
    """Of ascending values, by the nearest rank; 0 of none."""
    return values[min(len(values) - 1, int(len(values) * part / 100))] if values else 0.0


@dataclass(frozen=True, slots=True)
class Effect:
    """What one kind of fault did. ``recovered``: seconds from its beginning until nothing late was left to start."""

    times: int
    slots: int
    latest: float
    recovered: Sequence[float]
    detected: Sequence[float]


def _felt_until(fault: Fault, evidence: Evidence) -> float:
    following = [other.began for other in evidence.faults if other.began > fault.ended]
    return min([fault.ended + FELT, *following])


def effects(evidence: Evidence, schedules: Sequence[Judged]) -> Mapping[str, Effect]:
    """By kind of fault. Faults that overlap share the blame; what is due once the next one has begun is the next one's."""
    found = starts(evidence, schedules)
    lost = [(one.started_at, one.finished_at) for one in evidence.attempts if one.state == "lost" and one.finished_at]
    effects = {}
    by_kind = defaultdict(list)
    for fault in evidence.faults:
        by_kind[fault.kind].append(fault)
    for kind, faults in by_kind.items():
        felt = [[one for one in found if fault.began <= one.slot <= _felt_until(fault, evidence)] for fault in faults]
        recovered = [
            max((start.slot + start.late - fault.began for start in own if start.late > LATE), default=0.0)
            for fault, own in zip(faults, felt, strict=True)
        ]
        detected = [
            min(found_at)
            for fault in faults
            if kind.startswith(LOSING)
            if (
                found_at := [
                    at - fault.began
                    for began, at in lost
                    if began <= fault.began <= at <= fault.began + evidence.limits.lease + FELT
                ]
            )
        ]
        latest = max((start.late for own in felt for start in own), default=0.0)
        effects[kind] = Effect(len(faults), sum(map(len, felt)), latest, recovered, detected)
    return effects
