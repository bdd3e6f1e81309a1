"""The figures of a run: what is stated beside the verdict."""

from __future__ import annotations

from collections import Counter
from typing import Any

from tests.chaos.checker import attempts, claims, recovery, slots
from tests.chaos.checker.evidence import Evidence
from tests.chaos.checker.recovery import percentile
from tests.chaos.checker.verdict import INVARIANTS, Verdict

#: In the message of an I1 that was not lost, only later than allowed.
LATE = "s late"


def figures(evidence: Evidence, verdict: Verdict) -> dict[str, Any]:
    """As they stand in report.json. Seconds are rounded to milliseconds."""
    starts = recovery.starts(evidence, verdict.schedules)
    late = sum(LATE in violation.message for violation in verdict.of("I1"))
    seen_late = sum(slots.SAW_NONE in violation.message for violation in verdict.of("I1"))
    duplicates = len(attempts.duplicate_starts(evidence))
    outcomes = Counter(operation.outcome for operation in evidence.operations)
    return {
        "slots judged": verdict.slots,
        "slots lost": _count(verdict, "I1") - late - seen_late,
        "slots late": late,
        "slots doubled": _count(verdict, "I2"),
        "stale writes": _count(verdict, "I5"),
        "cross-tenant": _count(verdict, "I12"),
        "starts witnessed": len(evidence.runs),
        "duplicate starts": duplicates,
        "duplicate starts per million": _per_million(duplicates, len(evidence.runs)),
        "overlap seconds": round(claims.overlap_seconds(evidence), 2),
        "executions": len(evidence.executions),
        "states": dict(Counter(row.state for row in evidence.executions)),
        "attempts": dict(Counter(attempt.state for attempt in evidence.attempts)),
        "operations": dict(outcomes),
        "api 5xx": sum(operation.status >= 500 for operation in evidence.operations),
        "api unavailable seconds": round(_unavailable(evidence), 1),
        "lateness": {
            name: _lateness([one.late for one in starts if began <= one.slot <= ended])
            for name, (began, ended) in evidence.phases.items()
        },
        "faults": {
            kind: _effect(effect) for kind, effect in sorted(recovery.effects(evidence, verdict.schedules).items())
        },
        "violations": {code: _count(verdict, code) for code in INVARIANTS},
    }


def _count(verdict: Verdict, code: str) -> int:
    return len(verdict.of(code))


def _per_million(seen: int, of: int) -> str:
    """With none seen among N, fewer than 3 / N at 95 % confidence."""
    if not of:
        return "nothing witnessed"
    return f"{seen * 1e6 / of:.0f}" if seen else f"0 seen, below {3e6 / of:.0f} at 95 % confidence"


def _lateness(late: list[float]) -> dict[str, float]:
    late.sort()
    named = {f"p{part:g}": round(percentile(late, part), 3) for part in (50, 95, 99, 99.9)}
    return {"slots": len(late), **named, "max": round(max(late, default=0.0), 3)}


def _unavailable(evidence: Evidence) -> float:
    """Seconds in which some call was answered with a 5xx or not at all."""
    total, covered = 0.0, 0.0
    for operation in sorted(evidence.operations, key=lambda one: one.began):
        if operation.outcome == "info":
            total += max(0.0, operation.ended - max(operation.began, covered))
            covered = max(covered, operation.ended)
    return total


def _effect(effect: recovery.Effect) -> dict[str, Any]:
    return {
        "times": effect.times,
        "slots": effect.slots,
        "latest start": round(effect.latest, 2),
        "recovered after": _spread(list(effect.recovered)),
        "detected after": _spread(list(effect.detected)),
    }


def _spread(values: list[float]) -> str:
    if not values:
        return "–"
    values.sort()
    return f"{percentile(values, 50):.1f} s" + (f", at most {values[-1]:.1f} s" if len(values) > 1 else "")
