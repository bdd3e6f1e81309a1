"""Conditions of dependencies: an expression over ``upstream`` that comes to yes or no.

    upstream.extract.result.rows > 0 and upstream['nightly-check'].state == 'succeeded'

Strict where it is stored. What cannot be computed when it is asked is for whoever asks.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from jobs.rules.expression_values import InvalidExpression

if TYPE_CHECKING:
    from jobs.rules.expression_language import Expression

LONGEST = 1000


class InvalidCondition(ValueError):
    """What is wrong with a condition, and where in it."""

    def __init__(self, message: str, offset: int = 0) -> None:
        super().__init__(f"{message} (at character {offset + 1})")


def parse(source: str) -> Expression:
    """Raises :class:`InvalidCondition`."""
    from jobs.rules import expression_language  # noqa: PLC0415 - as in templates: 8 MiB that few processes need

    if len(source) > LONGEST:
        raise InvalidCondition(f"is longer than {LONGEST} characters", LONGEST)
    if source.lstrip().startswith("{{"):
        raise InvalidCondition("is an expression as it is: leave out the braces, such as upstream.extract.result.ok")
    try:
        expression = expression_language.parse(source)
    except InvalidExpression as error:
        raise InvalidCondition(error.message, error.offset) from None
    for name in sorted(expression.names - {"upstream"}):
        found = re.search(rf"(?<![\w.]){name}\b", source)
        raise InvalidCondition(f"{name} cannot be read here, only upstream", found.start() if found else 0)
    if not expression.decides:
        raise InvalidCondition("does not come to yes or no: compare, such as upstream.extract.result.rows > 0")
    return expression
