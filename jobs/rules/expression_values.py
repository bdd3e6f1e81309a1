"""What expressions make: values, as text, and what they may cost; and how they fail.

Knows nothing of how they are read: that takes Jinja, which is loaded with the first expression, not with this.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

#: Characters of an expression.
MAX_CHARS = 1000
#: Characters of one value, and of all that one payload's expressions work on.
MAX_VALUE = 128 * 1024
MAX_WORK = 2 * 1024 * 1024
#: Beside its characters, what any value costs.
EACH = 8
LONGEST_NUMBER = 100


class InvalidExpression(ValueError):
    """An expression that cannot be read. ``offset`` is where in it."""

    def __init__(self, message: str, offset: int = 0) -> None:
        super().__init__(message)
        self.message = message
        self.offset = offset


class CannotCompute(ValueError):
    """An expression that can be read, and has no value with what it is given."""


class Nothing(dict[str, Any]):
    """An object without anything in it; ``why`` is said to whoever looks for something there."""

    def __init__(self, why: str) -> None:
        super().__init__()
        self.why = why


class Budget:
    """What is left of the work that one payload's expressions may make."""

    def __init__(self, work: int = MAX_WORK) -> None:
        self._left = work

    def charge(self, size: int) -> None:
        """Take so many characters off it. Raises :class:`CannotCompute`."""
        self._left -= size + EACH
        if size > MAX_VALUE:
            raise CannotCompute(f"its value is longer than {MAX_VALUE // 1024} KiB")
        if self._left < 0:
            raise CannotCompute("the payload's expressions are too much work together")


def kind(value: Any) -> str:
    """What a value is called."""
    names = {str: "a text", bool: "a yes or no", int: "a number", float: "a number", list: "a list", type(None): "null"}
    return names.get(type(value), "an object" if isinstance(value, Mapping) else "this")


def text(value: Any) -> str:
    """A value in the midst of text. Raises :class:`CannotCompute` for what has no text of its own."""
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case int() | float() if is_bearable(value):
            return json.dumps(value)
        case None:
            raise CannotCompute("is null, which has no text: add | default('…')")
    raise CannotCompute(f"is {kind(value)}, which has no text of its own: add | json, or | join(', ') to a list")


def is_bearable(number: float) -> bool:
    if isinstance(number, int):
        return number.bit_length() < 3 * LONGEST_NUMBER
    return number - number == 0  # neither infinite nor not a number
