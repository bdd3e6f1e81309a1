"""Conditions of dependencies: an expression over ``upstream`` that comes to yes or no.

upstream.extract.result.rows > 0 and upstream['nightly-check'].state == 'succeeded'
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobs.rules import yes_or_no
from jobs.rules.yes_or_no import InvalidQuestion as InvalidCondition

if TYPE_CHECKING:
    from jobs.rules.expression_language import Expression

__all__ = ["LONGEST", "InvalidCondition", "parse"]

LONGEST = 1000
_NAMES = frozenset({"upstream"})


def parse(source: str) -> Expression:
    """Raises :class:`InvalidCondition`."""
    return yes_or_no.parse(source, _NAMES, longest=LONGEST, such_as="upstream.extract.result.rows > 0")
