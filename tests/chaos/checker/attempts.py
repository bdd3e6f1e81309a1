"""I8, I9: attempts and crashes are bounded and spaced, and nothing stays unfinished."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise

from tests.chaos.checker.claims import TERMINAL
from tests.chaos.checker.evidence import Attempt, Evidence, Run, Violation

MAX_CRASHES = 3
#: What a policy's delay may fall short of: jitter draws from the upper half, and clocks are read twice.
SHORTEST = 0.5
CLOCKS = 0.1
_TRIES = ("succeeded", "failed", "lost", "running", "cancelled")


def violations(evidence: Evidence) -> Iterator[Violation]:
    """Both."""
    attempts: dict[str, list[Attempt]] = defaultdict(list)
    for attempt in sorted(evidence.attempts, key=lambda one: one.epoch):
        attempts[attempt.execution].append(attempt)
    names = {job.id: job.name for job in evidence.stored_jobs}
    for row in evidence.executions:
        job = evidence.jobs.get(names.get(row.job, ""))
        own = attempts[row.id]
        if job is not None:
            yield from _bounded(row.id, own, job.max_attempts)
            yield from _spaced(row.id, own, job.delay)
        if row.state not in TERMINAL and row.not_before <= evidence.read_at:
            yield Violation(
                "I9", f"{row.state} since {evidence.read_at - row.not_before:.0f} s after it was due", row.id
            )
        if row.crashes != sum(attempt.state == "lost" for attempt in own) and row.state != "cancelled":
            yield Violation(
                "I8", f"{row.crashes} crashes counted, {sum(one.state == 'lost' for one in own)} attempts lost", row.id
            )


def _bounded(execution: str, own: list[Attempt], most: int) -> Iterator[Violation]:
    crashes = sum(attempt.state == "lost" for attempt in own)
    failures = sum(attempt.state == "failed" for attempt in own)
    if failures > most:
        yield Violation("I8", f"{failures} attempts failed, {most} were allowed", execution)
    if crashes > MAX_CRASHES:
        yield Violation("I8", f"{crashes} crashes, {MAX_CRASHES} are allowed", execution)


def _spaced(execution: str, own: list[Attempt], delay: float) -> Iterator[Violation]:
    for former, later in pairwise(own):
        if former.state == "failed" and former.finished_at is not None:
            waited = later.started_at - former.finished_at
            if waited < delay * SHORTEST - CLOCKS:
                yield Violation(
                    "I8",
                    f"attempt {later.number} came {waited:.2f} s after a failure, its delay is {delay:g} s",
                    execution,
                )


def duplicate_starts(evidence: Evidence) -> list[Run]:
    """Starts the witness saw beyond the claims there were: the at-least-once that is left."""
    claims: dict[tuple[str, int], int] = defaultdict(int)
    for attempt in evidence.attempts:
        claims[attempt.execution, attempt.number] += 1
    surplus = []
    for run in sorted(evidence.runs, key=lambda one: one.began):
        claims[run.execution, run.attempt] -= 1
        if claims[run.execution, run.attempt] < 0:
            surplus.append(run)
    return surplus
