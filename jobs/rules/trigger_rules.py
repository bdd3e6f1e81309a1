"""When a downstream starts: the decision table of trigger rules, as one pure function.

Its upstreams are counted by outcome. Each rule either lets the downstream start, says that it never will, or waits for
more of them to end. Where it never will, it is skipped: for want of an upstream that failed, which further downstreams
count as failed, or because the rule is not met, which they count as skipped. The rules and their meaning are those of
Airflow's documentation; a cancelled upstream counts as failed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum


class Rule(StrEnum):
    """Which outcomes of its upstreams let a downstream start."""

    ALL_SUCCESS = "all_success"
    ALL_FAILED = "all_failed"
    ALL_DONE = "all_done"
    ALL_SKIPPED = "all_skipped"
    ONE_SUCCESS = "one_success"
    ONE_FAILED = "one_failed"
    ONE_DONE = "one_done"
    NONE_FAILED = "none_failed"
    NONE_FAILED_MIN_ONE_SUCCESS = "none_failed_min_one_success"
    NONE_SKIPPED = "none_skipped"
    ALWAYS = "always"


class Outcome(StrEnum):
    """How an upstream stands, as its downstreams see it."""

    WAITING = "waiting"  # has not ended
    SUCCEEDED = "succeeded"
    FAILED = "failed"  # failed, or was cancelled
    UPSTREAM_FAILED = "upstream_failed"  # was skipped because something before it failed
    SKIPPED = "skipped"


class Verdict(StrEnum):
    """What follows for the downstream."""

    WAIT = "wait"
    START = "start"
    UPSTREAM_FAILED = "upstream_failed"
    NOT_MET = "not_met"


@dataclass(frozen=True, slots=True)
class Counts:
    """Of one downstream's upstreams under one rule."""

    total: int
    succeeded: int
    failed: int
    skipped: int
    #: Of the failed, those that did not even start, since something before them failed.
    upstream_failed: int = 0

    @property
    def done(self) -> int:
        """How many have ended."""
        return self.succeeded + self.failed + self.skipped

    @property
    def is_over(self) -> bool:
        """Whether all have."""
        return self.done >= self.total

    @property
    def ran(self) -> int:
        """How many have ended after they had started."""
        return self.succeeded + self.failed - self.upstream_failed


def counts(outcomes: Iterable[Outcome]) -> Counts:
    """Of some upstreams."""
    found = Counter(outcomes)
    return Counts(
        total=found.total(),
        succeeded=found[Outcome.SUCCEEDED],
        failed=found[Outcome.FAILED] + found[Outcome.UPSTREAM_FAILED],
        skipped=found[Outcome.SKIPPED],
        upstream_failed=found[Outcome.UPSTREAM_FAILED],
    )


def decide(rule: Rule, seen: Counts) -> Verdict:
    """What follows under one rule; a downstream with several goes on when each says start, see :func:`together`."""
    if rule is Rule.ALWAYS or not seen.total:
        return Verdict.START
    return _impossible(rule, seen) or (Verdict.START if _is_met(rule, seen) else Verdict.WAIT)


def together(verdicts: Iterable[Verdict]) -> Verdict:
    """Of all the rules of a downstream."""
    found = set(verdicts)
    order = (Verdict.UPSTREAM_FAILED, Verdict.NOT_MET, Verdict.WAIT)
    return next((verdict for verdict in order if verdict in found), Verdict.START)


def _impossible(rule: Rule, seen: Counts) -> Verdict | None:
    """Whether the rule can never be met any more, and as what the downstream counts then."""
    return next((verdict for holds, verdict in _NEVER[rule] if holds(seen)), None)


#: For each rule, in this order: when it can never be met any more, and what follows.
_NEVER: Mapping[Rule, Sequence[tuple[Callable[[Counts], object], Verdict]]] = {
    Rule.ALL_SUCCESS: [
        (lambda seen: seen.failed, Verdict.UPSTREAM_FAILED),
        (lambda seen: seen.skipped, Verdict.NOT_MET),
    ],
    Rule.ALL_FAILED: [(lambda seen: seen.succeeded or seen.skipped, Verdict.NOT_MET)],
    Rule.ALL_DONE: [],
    Rule.ALL_SKIPPED: [(lambda seen: seen.succeeded or seen.failed, Verdict.NOT_MET)],
    Rule.ONE_SUCCESS: [
        (lambda seen: seen.is_over and not seen.succeeded and seen.failed, Verdict.UPSTREAM_FAILED),
        (lambda seen: seen.is_over and not seen.succeeded, Verdict.NOT_MET),
    ],
    Rule.ONE_FAILED: [(lambda seen: seen.is_over and not seen.failed, Verdict.NOT_MET)],
    Rule.ONE_DONE: [(lambda seen: seen.is_over and not seen.ran, Verdict.NOT_MET)],
    Rule.NONE_FAILED: [(lambda seen: seen.failed, Verdict.UPSTREAM_FAILED)],
    Rule.NONE_FAILED_MIN_ONE_SUCCESS: [
        (lambda seen: seen.failed, Verdict.UPSTREAM_FAILED),
        (lambda seen: seen.is_over and not seen.succeeded, Verdict.NOT_MET),
    ],
    Rule.NONE_SKIPPED: [(lambda seen: seen.skipped, Verdict.NOT_MET)],
    Rule.ALWAYS: [],
}


def _is_met(rule: Rule, seen: Counts) -> bool:
    """Of a rule that may still be met; what forbids it has been looked at."""
    match rule:
        case Rule.ONE_SUCCESS:
            return seen.succeeded > 0
        case Rule.ONE_FAILED:
            return seen.failed > 0
        case Rule.ONE_DONE:
            return seen.ran > 0
    return seen.is_over
