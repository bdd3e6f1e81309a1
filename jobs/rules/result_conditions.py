"""``retry_if`` of a retry policy: an expression over ``result`` that says of a success that it is none.

    result.status == 'pending' or result.rows < 1

If it cannot be computed of a result, such as for a field that this lacks, the attempt has failed for good: nobody knows
whether to believe the result, and doing the work once more would not mend the expression.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jobs.rules import yes_or_no
from jobs.rules.yes_or_no import InvalidQuestion as InvalidCondition
from jobs.rules.yes_or_no import Verdict

__all__ = ["LONGEST", "NAMES", "InvalidCondition", "Verdict", "check", "decide", "judge"]

LONGEST = 500
#: Characters that one condition may work on: twice the largest result.
MOST_WORK = 128 * 1024
NAMES = frozenset({"result"})


def check(source: str, names: frozenset[str] = NAMES, such_as: str = "result.status == 'pending'") -> None:
    """Raises :class:`InvalidCondition`; empty is none. ``names`` are what it may read."""
    if source:
        yes_or_no.parse(source, names, longest=LONGEST, such_as=such_as)


def judge(source: str, result: Any) -> Verdict:
    """Whether the condition is true of a result."""
    return decide(source, {"result": result}) if source else Verdict(False)


def decide(source: str, scope: Mapping[str, Any], most_work: int = MOST_WORK) -> Verdict:
    """Whether a condition is true, ``scope`` being what it reads."""
    return yes_or_no.decide(source, scope, most_work)
