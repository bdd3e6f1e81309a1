"""What a schedule was at which time, from what its owner asked for and got told.

An operation takes effect somewhere between its call and its answer. One whose answer was lost was
asked again until somebody said that it is done, so its effect lies between the first call and that
answer; inside such a gap nothing is judged.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from tests.chaos.checker.evidence import INFINITY, Evidence, Operation, PlannedSchedule, Rule

#: The planner works this far ahead.
AHEAD = 3.0
#: Two clocks are read for one instant: never further apart than this.
SLACK = 1.0
#: What ended this long before a moment may still be felt in it: processes start, connections come back.
AFTERMATH = 20.0


@dataclass(frozen=True, slots=True)
class Step:
    """An operation that was carried out, at some instant from ``began`` to ``settled``."""

    kind: str
    target: str
    began: float
    settled: float
    number: int


@dataclass(frozen=True, slots=True)
class Era:
    """A time with one rule. It began between the first two instants and ended between the last two."""

    rule: Rule
    after: float
    surely_from: float
    surely_until: float
    until: float


@dataclass(frozen=True, slots=True)
class Hold:
    """A time when nothing was planned: from between the first two instants to between the last two."""

    began: float
    surely_from: float
    surely_until: float
    until: float
    kind: str


@dataclass(frozen=True, slots=True)
class Timeline:
    """Of one schedule. ``deleted`` is when, or None."""

    job: str
    position: int
    planned: PlannedSchedule
    eras: Sequence[Era]
    holds: Sequence[Hold]
    deleted: Step | None


def steps(operations: Iterable[Operation]) -> list[Step]:
    """What was carried out, once each, whether the answer came or not."""
    pending: dict[tuple[str, str], float] = {}
    done: list[Step] = []
    for operation in sorted(operations, key=lambda one: one.began):
        key = (operation.kind, operation.target)
        if operation.outcome == "info":
            pending.setdefault(key, operation.began)
        elif operation.outcome == "ok" or key in pending:
            # Refused after a lost answer: it is so already, which is what was asked for.
            began = pending.pop(key, operation.began)
            done.append(Step(operation.kind, operation.target, began, operation.ended, operation.number))
    # Never resolved: from then on, anything may be.
    done += [Step(kind, target, began, INFINITY, 0) for (kind, target), began in pending.items()]
    return sorted(done, key=lambda step: step.began)


def timelines(evidence: Evidence) -> list[Timeline]:
    """Of every schedule of every job that was made, or may have been."""
    taken = steps(operation for operation in evidence.operations if operation.kind in _CHANGING)
    existing = {job.name for job in evidence.stored_jobs}
    rules = {
        operation.number: Rule(**operation.data["rule"])
        for operation in evidence.operations
        if "rule" in operation.data
    }
    made = []
    for job in evidence.jobs.values():
        created = next((step for step in taken if step.kind == "create" and step.target == job.name), None)
        if created is None or job.name not in existing:
            continue
        for position, planned in enumerate(job.schedules):
            own = [step for step in taken if step.target in (job.name, f"{job.name}#{position}")]
            made.append(_timeline(job.name, position, planned, created, own, rules))
    return made


_CHANGING = {
    "create",
    "delete",
    "pause",
    "resume",
    "disable",
    "activate",
    "pause-schedule",
    "resume-schedule",
    "edit-schedule",
}
_HOLDS = {"pause": "resume", "disable": "activate", "pause-schedule": "resume-schedule"}


def _timeline(
    job: str, position: int, planned: PlannedSchedule, created: Step, own: Sequence[Step], rules: dict[int, Rule]
) -> Timeline:
    deleted = next((step for step in own if step.kind == "delete"), None)
    end = (deleted.began, deleted.settled) if deleted else (INFINITY, INFINITY)
    eras = [Era(planned.rule, created.began, created.settled + SLACK, *end)]
    for step in own:
        if step.kind == "edit-schedule":
            eras[-1] = replace(eras[-1], surely_until=step.began, until=step.settled)
            # Planning goes on strictly after what was planned ahead by the old rule.
            eras.append(Era(rules.get(step.number, planned.rule), step.began, step.settled + AHEAD + SLACK, *end))
    return Timeline(job, position, planned, eras, _holds(own), deleted)


def _holds(own: Sequence[Step]) -> list[Hold]:
    holds = []
    for kind, opposite in _HOLDS.items():
        begun: Step | None = None
        for step in own:
            if step.kind == kind and begun is None:
                begun = step
            elif step.kind == opposite and begun is not None:
                holds.append(Hold(begun.began, begun.settled, step.began, step.settled, kind))
                begun = None
        if begun is not None:
            holds.append(Hold(begun.began, begun.settled, INFINITY, INFINITY, kind))
    return sorted(holds, key=lambda hold: hold.began)
