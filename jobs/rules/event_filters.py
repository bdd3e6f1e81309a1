"""Filters of schedules that wait for events: an expression over ``event`` that comes to yes or no.

    event.payload.total > 100 and event.payload.country in ['DE', 'AT']

Strict where it is stored, and where it is asked: what cannot be computed of an event, such as a field that it lacks,
is no match, and is told.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jobs.rules.expression_values import Budget, CannotCompute, InvalidExpression, kind

LONGEST = 500
#: Characters that one filter may work on.
MOST_WORK = 256 * 1024


class InvalidFilter(ValueError):
    """What is wrong with a filter, and where in it."""

    def __init__(self, message: str, offset: int = 0) -> None:
        super().__init__(f"{message} (at character {offset + 1})")


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a filter takes an event; ``problem`` says why that could not be computed."""

    matches: bool
    problem: str = ""


def check(source: str) -> None:
    """Raises :class:`InvalidFilter`."""
    if len(source) > LONGEST:
        raise InvalidFilter(f"is longer than {LONGEST} characters", LONGEST)
    if source.lstrip().startswith("{{"):
        raise InvalidFilter("is an expression as it is: leave out the braces, such as event.payload.total > 100")
    try:
        expression = _parsed(source)
    except InvalidExpression as error:
        raise InvalidFilter(error.message, error.offset) from None
    for name in sorted(expression.names - {"event"}):
        found = re.search(rf"(?<![\w.]){name}\b", source)
        raise InvalidFilter(f"{name} cannot be read here, only event", found.start() if found else 0)
    if not expression.decides:
        raise InvalidFilter("does not come to yes or no: compare, such as event.payload.total > 100")


def judge(source: str, event: Mapping[str, Any]) -> Verdict:
    """Whether an event passes; no filter lets everything pass."""
    if not source:
        return Verdict(True)
    try:
        value = _parsed(source).evaluate({"event": event}, Budget(MOST_WORK))
    except InvalidExpression as error:
        return Verdict(False, f"cannot be read any more: {error.message}")
    except CannotCompute as error:
        return Verdict(False, str(error))
    if isinstance(value, bool):
        return Verdict(value)
    return Verdict(False, f"came to {kind(value)}, not to yes or no")


def _parsed(source: str) -> Any:
    from jobs.rules import expression_language  # noqa: PLC0415 - as in templates: 8 MiB that few processes need

    return expression_language.parse(source)
