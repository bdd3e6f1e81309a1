"""``retry_if`` of a retry policy: an expression over ``result`` that says of a success that it is none.

    result.status == 'pending' or result.rows < 1

Strict where it is stored. If it cannot be computed of a result, such as for a field that this lacks, the attempt has
failed for good: nobody knows whether to believe the result, and doing the work once more would not mend the expression.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from jobs.rules.expression_values import Budget, CannotCompute, InvalidExpression, kind

LONGEST = 500
#: Characters that one condition may work on: twice the largest result.
MOST_WORK = 128 * 1024
NAMES = frozenset({"result"})


class InvalidCondition(ValueError):
    """What is wrong with a condition, and where in it."""

    def __init__(self, message: str, offset: int = 0) -> None:
        super().__init__(f"{message} (at character {offset + 1})")


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a result is refused; ``problem`` says why that could not be computed."""

    refused: bool
    problem: str = ""


def check(source: str) -> None:
    """Raises :class:`InvalidCondition`; empty is none."""
    if not source:
        return
    if len(source) > LONGEST:
        raise InvalidCondition(f"is longer than {LONGEST} characters", LONGEST)
    if source.lstrip().startswith("{{"):
        raise InvalidCondition("is an expression as it is: leave out the braces, such as result.status == 'pending'")
    try:
        expression = _parsed(source)
    except InvalidExpression as error:
        raise InvalidCondition(error.message, error.offset) from None
    for name in sorted(expression.names - NAMES):
        found = re.search(rf"(?<![\w.]){name}\b", source)
        raise InvalidCondition(f"{name} cannot be read here, only result", found.start() if found else 0)
    if not expression.decides:
        raise InvalidCondition("does not come to yes or no: compare, such as result.status == 'pending'")


def judge(source: str, result: Any) -> Verdict:
    """Whether the condition is true of a result."""
    if not source:
        return Verdict(False)
    try:
        value = _parsed(source).evaluate({"result": result}, Budget(MOST_WORK))
    except InvalidExpression as error:
        return Verdict(False, f"cannot be read any more: {error.message}")
    except CannotCompute as error:
        return Verdict(False, str(error))
    if isinstance(value, bool):
        return Verdict(value)
    return Verdict(False, f"came to {kind(value)}, not to yes or no")


def _parsed(source: str) -> Any:
    from jobs.rules import expression_language  # noqa: PLC0415 - as in templates: 8 MiB that few processes need

    return expression_language.parse(source, NAMES)
