"""Whether a slot may go on that waits for the slots of other jobs: pure.

    upstream's slots        ● ● ● ● ● ●           ●
    downstream's slots    ┊             ┊     ┊
                       before           at    next: nothing since, so the latest before counts

Upstream slots after the downstream's slot before this one, up to this one, count; where there are none, the latest before
does. What is due and has no execution yet (its schedule is paused, or nobody has come to it) is waited for as if it
had one, and so is an upstream that never had any. After so long, that ends the wait.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from jobs.rules import trigger_rules, yes_or_no
from jobs.rules.codes import Absence
from jobs.rules.states import State
from jobs.rules.trigger_rules import Outcome, Rule, Verdict

#: Of a slot that was skipped: what its downstreams count as failed.
_FAILED_BEFORE = frozenset({Absence.DEPENDENCY_FAILED, Absence.DEPENDENCY_TIMEOUT})
_OUTCOMES = {State.SUCCEEDED: Outcome.SUCCEEDED, State.FAILED: Outcome.FAILED, State.CANCELLED: Outcome.FAILED}
#: Characters that one condition may work on.
MOST_WORK = 256 * 1024
#: (state, reason, how many) of upstream slots.
Slots = Sequence[tuple[str, str, int]]


class Course(StrEnum):
    """What becomes of the slot."""

    GO = "go"
    WAIT = "wait"
    SKIP = "skip"
    REJECT = "reject"


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """One edge, as it stands. ``within``: upstream slots since the downstream's slot before; ``latest`` before that."""

    rule: Rule
    timeout: timedelta
    within: Slots = ()
    latest: Slots = ()
    #: Upstream slots that nothing stands for yet.
    is_missing: bool = False

    def counts(self) -> list[Outcome]:
        """How each slot that counts has ended, or that it has not."""
        # Whatever was the latest, what has not been made yet comes after it: how that went no longer matters.
        chosen = self.within or (() if self.is_missing else self.latest)
        found = [outcome for state, reason, many in chosen for outcome in [outcome_of(state, reason)] * many]
        return [*found, Outcome.WAITING] if self.is_missing or not found else found

    def said(self) -> str:
        """How it stands, in words."""
        found = self.counts()
        ended = len(found) - found.count(Outcome.WAITING)
        if self.is_missing:
            return "a slot of it has not been made yet"
        if not self.within and not self.latest:
            return "it has not run yet"
        return f"{ended} of {len(found)} slots have ended"

    @property
    def is_open(self) -> bool:
        """Whether nothing of it is waited for any more."""
        return Outcome.WAITING not in self.counts()


@dataclass(frozen=True, slots=True)
class Decision:
    """``reason``: of a skip, or what is wrong; ``until``: when a wait ends at the latest."""

    course: Course
    reason: str = ""
    until: datetime | None = None


_VERDICTS = {
    Verdict.START: Decision(Course.GO),
    Verdict.UPSTREAM_FAILED: Decision(Course.SKIP, Absence.DEPENDENCY_FAILED),
    Verdict.NOT_MET: Decision(Course.SKIP, Absence.RULE_NOT_MET),
}


def outcome_of(state: str, reason: str) -> Outcome:
    """How an upstream's slot stands, as the slots that wait for it see it."""
    if state == State.SKIPPED:
        return Outcome.UPSTREAM_FAILED if reason in _FAILED_BEFORE else Outcome.SKIPPED
    return _OUTCOMES.get(State(state), Outcome.WAITING)


def decide(gates: Sequence[Gate], *, since: datetime, now: datetime) -> Decision:
    """Of a slot that has waited since then. Gates of the same rule are judged together, as elsewhere."""
    verdict = trigger_rules.together(
        trigger_rules.decide(rule, trigger_rules.counts(outcomes)) for rule, outcomes in _by_rule(gates)
    )
    if verdict is not Verdict.WAIT:
        return _VERDICTS[verdict]
    until = since + min(gate.timeout for gate in gates if not gate.is_open)
    return Decision(Course.SKIP, Absence.DEPENDENCY_TIMEOUT) if until <= now else Decision(Course.WAIT, until=until)


def by_conditions(conditions: Iterable[str], upstream: Mapping[str, Any]) -> Decision:
    """Of a slot that its rules let go; ``upstream``: state and result by the job's name."""
    for condition in conditions:
        verdict = yes_or_no.decide(condition, {"upstream": upstream}, MOST_WORK)
        if verdict.problem:
            return Decision(Course.REJECT, f"its condition {condition} cannot be computed: {verdict.problem}")
        if not verdict.is_true:
            return Decision(Course.SKIP, Absence.CONDITION_FALSE)
    return Decision(Course.GO)


def _by_rule(gates: Sequence[Gate]) -> Iterable[tuple[Rule, list[Outcome]]]:
    found = defaultdict[Rule, list[Outcome]](list)
    for gate in gates:
        found[gate.rule] += gate.counts()
    return found.items()
