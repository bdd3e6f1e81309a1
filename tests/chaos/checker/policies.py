"""I10, I17: caps hold in the order of commits, overlap and misfire policies are obeyed."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence

from tests.chaos.checker.claims import TERMINAL
from tests.chaos.checker.evidence import Change, Evidence, Violation
from tests.chaos.checker.slots import Judged
from tests.chaos.checker.timelines import SLACK

IN_FLIGHT = ("queued", "running")
#: What a slot says that the misfire policy left out.
_MISSED = {"MISFIRE", "PAUSED_SCHEDULE", "PAUSED_JOB", "PAUSED_TENANT"}


def caps(evidence: Evidence) -> Iterator[Violation]:
    """I10: a job's and a tenant's cap, and one run at a time of a job's slots unless they may overlap."""
    tenant_of = {row.id: row.tenant for row in evidence.executions}
    names = {job.id: job.name for job in evidence.stored_jobs}
    limits = {name: job.max_running for name, job in evidence.jobs.items()}
    single = {name for name, job in evidence.jobs.items() if job.overlap != "allow"}
    yield from _counted(evidence, lambda change: tenant_of.get(change.execution), evidence.caps.get, "tenant")
    yield from _counted(evidence, lambda change: names.get(change.job), limits.get, "job")
    slots = [change for change in evidence.changes if change.trigger == "schedule"]
    yield from _counted(
        evidence,
        lambda change: names.get(change.job),
        lambda name: 1 if name in single else None,
        "slots of job",
        slots,
    )


def _counted(
    evidence: Evidence,
    key: Callable[[Change], str | None],
    limit: Callable[[str], int | None],
    what: str,
    changes: Sequence[Change] | None = None,
) -> Iterator[Violation]:
    flying: Counter[str] = Counter()
    told: set[str] = set()
    own = [change for change in (evidence.changes if changes is None else changes) if change.table == "execution"]
    own.sort(key=lambda change: (change.committed_at, change.xid, change.seq))
    for number, change in enumerate(own):
        name = key(change)
        if name is None or limit(name) is None:
            continue
        flying[name] += (change.after in IN_FLIGHT) - (change.before in IN_FLIGHT)
        last_of_commit = number + 1 == len(own) or own[number + 1].xid != change.xid
        for crowded in [one for one in flying if flying[one] > (limit(one) or 0)] if last_of_commit else ():
            if crowded not in told:
                told.add(crowded)
                yield Violation(
                    "I10", f"{flying[crowded]} in flight of {what} {crowded}, its cap is {limit(crowded)}", crowded
                )


def overlaps(evidence: Evidence) -> Iterator[Violation]:
    """I17: a slot left out because another was active had another that was active."""
    active = _activity(evidence)
    names = {job.id: job.name for job in evidence.stored_jobs}
    skipped_at = {
        change.execution: change.at
        for change in evidence.changes
        if change.table == "execution" and change.after == "skipped"
    }
    for row in evidence.executions:
        if row.state != "skipped" or row.reason != "OVERLAP":
            continue
        job = evidence.jobs.get(names.get(row.job, ""))
        if job is None or job.overlap not in ("skip", "queue_one"):
            yield Violation("I17", "left out for an overlap, which its job allows", row.id)
            continue
        at = skipped_at.get(row.id, row.created_at)
        others = [
            span
            for execution, span in active[row.job].items()
            if execution != row.id and span[0] <= at + SLACK and span[1] >= at - SLACK
        ]
        if not others:
            yield Violation("I17", "left out for an overlap, and no other slot of its job was active", row.id)


def _activity(evidence: Evidence) -> dict[str, dict[str, tuple[float, float]]]:
    """Per job: from when to when each execution of a slot was neither planned only nor over."""
    spans: dict[str, dict[str, tuple[float, float]]] = defaultdict(dict)
    for change in sorted(evidence.changes, key=lambda one: one.seq):
        if change.table != "execution" or change.trigger != "schedule":
            continue
        began, _ = spans[change.job].get(change.execution, (change.at if change.after == "pending" else None, 0.0))
        if began is not None:
            spans[change.job][change.execution] = (began, change.at if change.after in TERMINAL else float("inf"))
    return spans


def misfires(schedules: Sequence[Judged]) -> Iterator[Violation]:
    """I17: planned within its grace a slot runs, planned later it follows the policy."""
    for schedule in schedules:
        planned = schedule.timeline.planned
        for row in schedule.rows:
            if row.slot is None or row.folded_until is not None:
                continue
            least, most = row.begun_at - row.slot, row.created_at - row.slot
            if row.reason in _MISSED and (most < planned.grace - SLACK or planned.misfire == "all"):
                yield Violation(
                    "I17",
                    f"left out as missed {most:.1f} s after its slot; its grace is {planned.grace:g} s, its policy {planned.misfire}",
                    row.id,
                )
            if planned.misfire == "skip" and least > planned.grace + SLACK and row.state != "skipped":
                yield Violation(
                    "I17",
                    f"planned {least:.1f} s after its slot, beyond its grace of {planned.grace:g} s, and not left out",
                    row.id,
                )
