"""Expressions that come to yes or no: one mechanism for the conditions of edges, of results and of slots, and for filters of events.

Strict where they are stored. What cannot be computed when it is asked is told, and is no yes: what follows from that is for
whoever asks.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from jobs.rules.expression_values import Budget, CannotCompute, InvalidExpression, kind

if TYPE_CHECKING:
    from jobs.rules.expression_language import Expression


class InvalidQuestion(ValueError):
    """What is wrong with one, and where in it."""

    def __init__(self, message: str, offset: int = 0) -> None:
        super().__init__(f"{message} (at character {offset + 1})")


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether it came to yes; ``problem`` says why that could not be computed."""

    is_true: bool
    problem: str = ""


def parse(source: str, names: frozenset[str], *, longest: int, such_as: str) -> Expression:
    """One that reads these names alone. Raises :class:`InvalidQuestion`; ``such_as`` is an example for whoever is refused."""
    if len(source) > longest:
        raise InvalidQuestion(f"is longer than {longest} characters", longest)
    if source.lstrip().startswith("{{"):
        raise InvalidQuestion(f"is an expression as it is: leave out the braces, such as {such_as}")
    try:
        expression = _parsed(source, names)
    except InvalidExpression as error:
        raise InvalidQuestion(error.message, error.offset) from None
    for name in sorted(expression.names - names):
        found = re.search(rf"(?<![\w.]){name}\b", source)
        there = ", ".join(sorted(names))
        raise InvalidQuestion(f"{name} cannot be read here, only {there}", found.start() if found else 0)
    if not expression.decides:
        raise InvalidQuestion(f"does not come to yes or no: compare, such as {such_as}")
    return expression


def decide(source: str, scope: Mapping[str, Any], most_work: int) -> Verdict:
    """What it comes to, ``scope`` being what it reads; ``most_work``: characters that it may work on."""
    try:
        value = _parsed(source, frozenset(scope)).evaluate(scope, Budget(most_work))
    except InvalidExpression as error:
        return Verdict(False, f"cannot be read any more: {error.message}")
    except CannotCompute as error:
        return Verdict(False, str(error))
    if isinstance(value, bool):
        return Verdict(value)
    return Verdict(False, f"came to {kind(value)}, not to yes or no")


def _parsed(source: str, names: frozenset[str]) -> Expression:
    from jobs.rules import expression_language  # noqa: PLC0415 - as in templates: 8 MiB that few processes need

    return expression_language.parse(source, names.difference(expression_language.NAMES))
