"""I4, I5, I6: leases that do not overlap, no write of a former claim, only legal transitions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import pairwise

from tests.chaos.checker.evidence import Change, Evidence, Fault, Renewal, Run, Violation

WAITING = ("scheduled", "blocked", "pending", "queued")
TERMINAL = frozenset({"succeeded", "failed", "cancelled", "skipped"})
#: What may follow what. The checker's own copy: it must not learn from the product what is right.
LEGAL = frozenset(
    {
        (None, "scheduled"), (None, "blocked"), (None, "pending"), (None, "skipped"),
        ("blocked", "scheduled"), ("scheduled", "pending"), ("pending", "queued"), ("queued", "running"), ("queued", "pending"),
        ("running", "succeeded"), ("running", "failed"), ("running", "cancelled"), ("running", "scheduled"), ("running", "pending"), ("running", "blocked"),
        ("scheduled", "skipped"), ("blocked", "skipped"), ("pending", "skipped"), ("queued", "skipped"),
        *((state, "cancelled") for state in WAITING), *((state, "failed") for state in WAITING),
    }
)  # fmt: skip
#: What may keep a run alive beyond its claim: whoever should stop it stands still or cannot be reached.
HELD_UP = ("stop", "partition", "lossy", "postgres", "terminate", "drop", "lock", "disk", "connections")
#: A process missing from a list that was being read while it was forked is not missing.
FORKING = 2.0


def violations(evidence: Evidence) -> Iterator[Violation]:
    """All of the three."""
    by_execution: dict[str, list[Change]] = defaultdict(list)
    for change in sorted(evidence.changes, key=lambda one: one.seq):
        by_execution[change.execution].append(change)
    for execution, changes in by_execution.items():
        own = [change for change in changes if change.table == "execution"]
        yield from _legal(execution, own)
        yield from _fenced(execution, changes)
    yield from _taken_from_the_living(evidence)
    yield from _overlaps(evidence)


def _legal(execution: str, changes: Sequence[Change]) -> Iterator[Violation]:
    for former, change in pairwise([None, *changes]):
        before = former.after if former else None
        if change.before != before:
            yield Violation("I6", f"{change.before} does not follow {before}: a transition is not on record", execution)
        elif change.after == change.before:
            if change.epoch != former.epoch or change.attempt != former.attempt:  # type: ignore[union-attr]
                yield Violation(
                    "I6", f"epoch {former.epoch} became {change.epoch} while it stayed {change.after}", execution
                )  # type: ignore[union-attr]
        elif (change.before, change.after) not in LEGAL:
            yield Violation("I6", f"{change.before} became {change.after}", execution)
        elif former is not None and change.epoch - former.epoch != (change.after == "running"):
            yield Violation(
                "I6", f"epoch {former.epoch} became {change.epoch} on {change.before} to {change.after}", execution
            )


def _fenced(execution: str, changes: Sequence[Change]) -> Iterator[Violation]:
    """A transaction that ends an attempt must have been the newest claim's."""
    current = {change.xid: change.epoch for change in changes if change.table == "execution"}
    newest = 0
    for change in changes:
        if change.table == "execution":
            newest = change.epoch
        elif change.epoch < current.get(change.xid, newest):
            yield Violation(
                "I5",
                f"attempt of epoch {change.epoch} became {change.after} under epoch {max(newest, current.get(change.xid, 0))}",
                execution,
            )


def _taken_from_the_living(evidence: Evidence) -> Iterator[Violation]:
    """An attempt may be called lost only if its worker's lease was over, or its process gone."""
    renewals: dict[str, list[Renewal]] = defaultdict(list)
    for renewal in sorted(evidence.renewals, key=lambda one: one.at):
        renewals[renewal.worker].append(renewal)
    for attempt in evidence.attempts:
        if attempt.state != "lost" or attempt.finished_at is None:
            continue
        told = [renewal for renewal in renewals[attempt.worker] if renewal.at <= attempt.finished_at]
        if told and told[-1].expires_at > attempt.finished_at and attempt.pid in told[-1].pids:
            yield Violation(
                "I4",
                f"attempt {attempt.number} was called lost while its worker held its lease and its process lived",
                attempt.execution,
            )


def _overlaps(evidence: Evidence) -> Iterator[Violation]:
    ended: dict[tuple[str, int], float] = {}
    for attempt in evidence.attempts:
        key = (attempt.execution, attempt.number)
        ended[key] = max(ended.get(key, 0.0), attempt.finished_at or evidence.read_at)
    runs: dict[str, list[Run]] = defaultdict(list)
    for run in evidence.runs:
        runs[run.execution].append(run)
    for execution, own in runs.items():
        own.sort(key=lambda run: run.began)
        for number, run in enumerate(own):
            allowed = evidence.limits.grace + _held_up(evidence.faults, run)
            for later in own[number + 1 :]:
                if run.ended - later.began > allowed:
                    yield Violation(
                        "I4",
                        f"attempt {run.attempt} went on {run.ended - later.began:.1f} s into attempt {later.attempt}",
                        execution,
                    )
            over = ended.get((execution, run.attempt))
            if over is not None and run.ended - over > allowed:
                yield Violation(
                    "I4",
                    f"something of attempt {run.attempt} lived {run.ended - over:.1f} s longer than the attempt",
                    execution,
                )


def overlap_seconds(evidence: Evidence) -> float:
    """How long, all in all, two starts of one execution were seen alive at once."""
    total = 0.0
    runs: dict[str, list[Run]] = defaultdict(list)
    for run in evidence.runs:
        runs[run.execution].append(run)
    for own in runs.values():
        for former, later in pairwise(sorted(own, key=lambda run: run.began)):
            total += max(0.0, min(former.ended, later.ended) - later.began)
    return total


def _held_up(faults: Sequence[Fault], run: Run) -> float:
    """Seconds of the run's life in which whoever should stop it could not."""
    return sum(
        max(0.0, min(fault.ended, run.ended) - max(fault.began, run.began))
        for fault in faults
        if fault.kind.startswith(HELD_UP)
    )
