"""Refuses expressions by their words: before a parser sees too many of them, and with their place."""

from __future__ import annotations

from collections.abc import Iterator

from jinja2 import Environment, TemplateSyntaxError

from jobs.rules.expression_filters import FILTERS
from jobs.rules.expression_values import MAX_CHARS, InvalidExpression

MAX_TOKENS = 200
MAX_NESTING = 10
_BRACKETS = {"(": 1, "[": 1, ")": -1, "]": -1}
_OPERATORS = {*_BRACKETS, "==", "!=", "<", "<=", ">", ">=", "~", "|", ".", ",", "-"}
_VALUES = {"name", "string", "integer", "float"}
#: Words that a bracket may follow without being a call's.
_WORDS = {"and", "or", "not", "in", "if", "else"}
_TOO_MUCH = "is too long or nested too deeply: compute it in the job instead"


def check(source: str, environment: Environment) -> None:
    """Raises :class:`InvalidExpression`."""
    if len(source) > MAX_CHARS:
        raise InvalidExpression(f"is longer than {MAX_CHARS} characters")
    count, nesting, last, before_last = 0, 0, "", ""
    for offset, kind, word in _words(source, environment):
        count += 1
        nesting += _BRACKETS.get(word, 0) if kind == "operator" else 0
        if count > MAX_TOKENS or nesting > MAX_NESTING:
            raise InvalidExpression(_TOO_MUCH, offset)
        _check(kind, word, offset)
        if kind == "operator" and word == "(" and _calls(last, before_last):
            raise InvalidExpression(f"nothing can be called; filters are written: value | {'/'.join(FILTERS)}", offset)
        before_last, last = last, word if kind == "operator" else f"{kind} {word}"
    if not count:
        raise InvalidExpression("is empty; a literal {{ is written {{ '{{' }}")


def _words(source: str, environment: Environment) -> Iterator[tuple[int, str, str]]:
    """(offset, kind, word), without the spaces between them."""
    offset = 0
    try:
        for _, kind, word in environment.lexer.tokeniter(source, None, None, "variable"):
            if kind != "whitespace":
                yield offset, kind, word
            offset += len(word)
    except TemplateSyntaxError as error:
        raise InvalidExpression(f"cannot be read: {error.message}", offset) from None


def _check(kind: str, word: str, offset: int) -> None:
    if kind == "name" and word.startswith("_"):
        raise InvalidExpression("names that begin with _ cannot be read", offset)
    if not (word in _OPERATORS if kind == "operator" else kind in _VALUES):
        raise InvalidExpression(f"{word[:20]} cannot stand in an expression", offset)


def _calls(last: str, before_last: str) -> bool:
    """Whether a bracket after these two words would be a call's. After a filter's name it holds its arguments."""
    if last in (")", "]"):
        return True
    kind, _, word = last.partition(" ")
    return kind in _VALUES and word not in _WORDS and before_last != "|"
