"""I1, I2, I3: no required slot lost or late, no slot twice, nothing run that nobody asked for."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from tests.chaos.checker import matching
from tests.chaos.checker.claims import TERMINAL
from tests.chaos.checker.evidence import Attempt, Evidence, Execution, PlannedJob, Violation
from tests.chaos.checker.targets import Targets, targets
from tests.chaos.checker.timelines import SLACK, Timeline, timelines

#: In the message of a start that the witness saw too late.
SAW_NONE = "the witness saw no start"
#: A start is no earlier than its slot, but for the reading of two clocks.
EARLY = 0.1


@dataclass(frozen=True, slots=True)
class Judged:
    """A schedule, what is expected of it, and the rows it has."""

    job: PlannedJob
    targets: Targets
    rows: Sequence[Execution]

    @property
    def timeline(self) -> Timeline:
        return self.targets.timeline

    def coverage(self) -> Counter[int]:
        """How many rows account for each required slot."""
        count: Counter[int] = Counter()
        for row in self.rows:
            if row.folded_until is not None and row.slot is not None:
                count.update(slot for slot in self.targets.required if row.slot <= slot <= row.folded_until)
            elif row.slot is not None:
                count[round(row.slot)] += 1
        return count

    @property
    def must_run(self) -> bool:
        """Whether every slot of it runs, however late: no policy of its owner's leaves one out."""
        planned = self.timeline.planned
        held = any(hold.kind == "disable" for hold in self.timeline.holds)
        return (
            self.job.overlap in ("allow", "queue_all")
            and planned.misfire == "all"
            and not held
            and not self.timeline.deleted
        )


def judged(evidence: Evidence) -> list[Judged]:
    """Every schedule that can be judged."""
    names = {job.id: job.name for job in evidence.stored_jobs}
    places = {row.id: (names.get(row.job, ""), row.position) for row in evidence.stored_schedules}
    rows = defaultdict(list)
    for row in evidence.executions:
        if row.schedule is not None:
            rows[places.get(row.schedule, ("", 0))].append(row)
    return [
        Judged(evidence.jobs[timeline.job], targets(evidence, timeline), rows[timeline.job, timeline.position])
        for timeline in timelines(evidence)
    ]


def violations(evidence: Evidence, schedules: Sequence[Judged]) -> Iterator[Violation]:
    """All of I1, I2 and I3 but the witness's part."""
    first = first_starts(evidence.attempts)
    cancelled = {
        str(one.data.get("execution")) for one in evidence.operations if one.kind == "cancel" and one.outcome != "fail"
    }
    for schedule in schedules:
        yield from _accounts(schedule)
        yield from _premature(schedule, first)
        yield from _phantoms(schedule)
        yield from _planned_while_held(schedule)
        if schedule.must_run:
            yield from _runs(schedule, first, cancelled)


def first_starts(attempts: Sequence[Attempt]) -> dict[str, float]:
    """When each execution was claimed for the first time."""
    first: dict[str, float] = {}
    for attempt in attempts:
        first[attempt.execution] = min(attempt.started_at, first.get(attempt.execution, attempt.started_at))
    return first


def _premature(schedule: Judged, first: Mapping[str, float]) -> Iterator[Violation]:
    for row in schedule.rows:
        if row.slot is not None and row.id in first and first[row.id] < row.slot - EARLY:
            yield Violation("I3", f"slot {row.slot} started {row.slot - first[row.id]:.2f} s before it was due", row.id)


def _accounts(schedule: Judged) -> Iterator[Violation]:
    count = schedule.coverage()
    name = f"{schedule.job.name}#{schedule.timeline.position}"
    for slot in sorted(schedule.targets.required):
        if not count[slot]:
            yield Violation("I1", f"slot {slot} has no row", name)
    for slot, times in sorted(count.items()):
        if times > 1:
            yield Violation("I2", f"slot {slot} has {times} rows", name)


def _phantoms(schedule: Judged) -> Iterator[Violation]:
    for row in schedule.rows:
        if row.slot is not None and row.folded_until is None and round(row.slot, 3) not in schedule.targets.possible:
            yield Violation("I3", f"slot {row.slot} is none of this schedule's, or was after its end", row.id)


def _planned_while_held(schedule: Judged) -> Iterator[Violation]:
    for hold in schedule.timeline.holds:
        for row in schedule.rows:
            if hold.surely_from + SLACK < row.created_at < hold.surely_until - SLACK:
                yield Violation(
                    "I3",
                    f"slot {row.slot} was planned {row.created_at - hold.surely_from:.1f} s into a {hold.kind}",
                    row.id,
                )
    deleted = schedule.timeline.deleted
    if deleted is not None:
        for row in schedule.rows:
            if row.created_at > deleted.settled + SLACK:
                yield Violation("I3", f"slot {row.slot} was planned after its job was deleted", row.id)


def _runs(schedule: Judged, first: Mapping[str, float], cancelled: set[str]) -> Iterator[Violation]:
    for row in schedule.rows:
        if row.slot is None or round(row.slot) not in schedule.targets.required or row.id in cancelled:
            continue
        started = first.get(row.id)
        if row.state in ("skipped", "cancelled"):
            yield Violation("I1", f"slot {row.slot} must run and is {row.state} {row.reason}".rstrip(), row.id)
        elif started is None and row.state in TERMINAL:
            yield Violation("I1", f"slot {row.slot} never started", row.id)
        elif started is not None and schedule.job.overlap == "allow" and schedule.job.max_running is None:
            late = started - schedule.targets.deadlines[round(row.slot)]
            if late > 0:
                yield Violation(
                    "I1",
                    f"slot {row.slot} started {started - row.slot:.1f} s late, {late:.1f} s more than allowed",
                    row.id,
                )


def unwitnessed(evidence: Evidence, schedules: Sequence[Judged]) -> Iterator[Violation]:
    """I1 by the witness alone: each slot that must run has a start of its own, whatever the rows say.

    Where starts are only late, as many windows have none as do; what is lost has none however long one waits.
    """
    starts: dict[str, dict[str, float]] = defaultdict(dict)
    for run in sorted(evidence.runs, key=lambda one: one.began, reverse=True):
        if run.operation is None:
            starts[run.job][run.execution] = run.began
    windows = defaultdict(list)
    skipped = set()
    for schedule in schedules:
        if not (
            schedule.must_run
            and schedule.job.is_witnessed
            and schedule.job.overlap == "allow"
            and schedule.job.max_running is None
        ):
            skipped.add(schedule.job.name)
        windows[schedule.job.name] += [
            (slot - SLACK, schedule.targets.deadlines[slot]) for slot in schedule.targets.required
        ]
    cancelled = {
        evidence_of.target
        for evidence_of in evidence.operations
        if evidence_of.kind == "cancel" and evidence_of.outcome != "fail"
    }
    for job, wanted in windows.items():
        if job in skipped or job in cancelled:
            continue
        seen = starts[job].values()
        lost = matching.unmatched([(begins, math.inf) for begins, _ in wanted], seen)
        for begins, _ in lost:
            yield Violation("I1", f"the witness never saw a start that was due at {begins:.1f}", job)
        for begins, ends in matching.unmatched(wanted, seen)[len(lost) :]:
            yield Violation("I1", f"{SAW_NONE} between {begins:.1f} and {ends:.1f}", job)
