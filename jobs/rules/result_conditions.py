"""``retry_if`` of a retry policy: an expression over ``result`` that says of a success that it is none.

    result.status == 'pending' or result.rows < 1

Strict where it is stored. If it cannot be computed of a result, such as for a field that this lacks, the attempt has
failed for good: nobody knows whether to believe the result, and doing the work once more would not mend the expression.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
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
    """Whether the condition is true, a result refused; ``problem`` says why that could not be computed."""

    is_true: bool
    problem: str = ""


def check(source: str, names: frozenset[str] = NAMES, such_as: str = "result.status == 'pending'") -> None:
    """Raises :class:`InvalidCondition`; empty is none. ``names`` are what it may read."""
    if not source:
        return
    if len(source) > LONGEST:
        raise InvalidCondition(f"is longer than {LONGEST} characters", LONGEST)
    if source.lstrip().startswith("{{"):
        raise InvalidCondition(f"is an expression as it is: leave out the braces, such as {such_as}")
    try:
        expression = _parsed(source, names)
    except InvalidExpression as error:
        raise InvalidCondition(error.message, error.offset) from None
    for name in sorted(expression.names - names):
        found = re.search(rf"(?<![\w.]){name}\b", source)
        there = ", ".join(sorted(names))
        raise InvalidCondition(f"{name} cannot be read here, only {there}", found.start() if found else 0)
    if not expression.decides:
        raise InvalidCondition(f"does not come to yes or no: compare, such as {such_as}")


def judge(source: str, result: Any) -> Verdict:
    """Whether the condition is true of a result."""
    return decide(source, {"result": result}) if source else Verdict(False)


def decide(source: str, scope: Mapping[str, Any], most_work: int = MOST_WORK) -> Verdict:
    """Whether a condition is true, ``scope`` being what it reads."""
    try:
        value = _parsed(source, frozenset(scope)).evaluate(scope, Budget(most_work))
    except InvalidExpression as error:
        return Verdict(False, f"cannot be read any more: {error.message}")
    except CannotCompute as error:
        return Verdict(False, str(error))
    if isinstance(value, bool):
        return Verdict(value)
    return Verdict(False, f"came to {kind(value)}, not to yes or no")


def _parsed(source: str, names: frozenset[str]) -> Any:
    from jobs.rules import expression_language  # noqa: PLC0415 - as in templates: 8 MiB that few processes need

    return expression_language.parse(source, names)
