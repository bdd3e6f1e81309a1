"""Everything the checker says of a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tests.chaos.checker import attempts, claims, operations, policies, recovery, slots
from tests.chaos.checker.evidence import Evidence, Violation
from tests.chaos.checker.slots import Judged

#: What is judged; the others (webhooks, workflows) need parts the product does not have yet.
INVARIANTS = {
    "I1": "no required slot is lost or later than allowed",
    "I2": "one row for each slot",
    "I3": "nothing runs that nobody asked for, or while it must not",
    "I4": "leases do not overlap; a run outlives its claim by its grace at most",
    "I5": "no write of a former claim is accepted",
    "I6": "only legal transitions, none off the record, terminal ones final",
    "I7": "what was answered is kept, what was refused is not done, what is unknown is done once or never",
    "I8": "attempts and crashes are bounded, retries spaced",
    "I9": "nothing is left unfinished",
    "I10": "caps hold in the order of commits",
    "I11": "cancels converge",
    "I12": "tenants never meet",
    "I13": "the audit chain is whole, and everything in it is sealed",
    "I14": "no secret is in the database, in Redis, in a log",
    "I16": "after the healing everything is on time again",
    "I17": "overlap and misfire policies are obeyed",
}


@dataclass(frozen=True, slots=True)
class Verdict:
    violations: Sequence[Violation]
    schedules: Sequence[Judged]

    def of(self, code: str) -> list[Violation]:
        """Those of one invariant."""
        return [violation for violation in self.violations if violation.code == code]

    @property
    def slots(self) -> int:
        """How many slots were judged."""
        return sum(len(schedule.targets.required) for schedule in self.schedules)


def judge(evidence: Evidence) -> Verdict:
    """All invariants."""
    schedules = slots.judged(evidence)
    found = [
        *slots.violations(evidence, schedules),
        *slots.unwitnessed(evidence, schedules),
        *claims.violations(evidence),
        *attempts.violations(evidence),
        *operations.kept(evidence),
        *operations.cancelled(evidence),
        *operations.separated(evidence),
        *policies.caps(evidence),
        *policies.overlaps(evidence),
        *policies.misfires(schedules),
        *recovery.violations(evidence, schedules),
        *(Violation("I13", finding) for finding in evidence.audit),
        *(Violation("I14", f"a secret is in {place}") for place in evidence.leaks),
    ]
    return Verdict(found, schedules)
