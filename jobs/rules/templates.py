"""One text of a payload with its expressions: ``Bearer {{ secrets.token }}``.

A text that is one expression and nothing else has that expression's value, of whatever type; in any other, the
values become text where they stand. Nothing of a value is ever looked at for expressions again. A literal ``{{``
is written ``{{ '{{' }}``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from jobs.rules import expression_values
from jobs.rules.expression_values import MAX_CHARS, MAX_VALUE, Budget, CannotCompute, InvalidExpression

if TYPE_CHECKING:
    from jobs.rules.expression_language import Expression

BEGIN, END = "{{", "}}"
_QUOTE_OR_END = re.compile(r"['\"]|}}")
_REST_OF_QUOTED = {quote: re.compile(rf"[^{quote}\\]*(?:\\.[^{quote}\\]*)*{quote}", re.DOTALL) for quote in "'\""}
_STATEMENT = re.compile(
    r"{%[-+]?\s*(?:autoescape|block|break|call|continue|do|el(?:if|se)|end\w+|extends|filter|for|from|if|import|include|macro"
    r"|raw|set|trans|with)\b"
)
_COMMENT = re.compile(r"{#-?\s")


class InvalidTemplate(ValueError):
    """A text whose expressions cannot be read or computed. The message says where and why."""

    def __init__(self, message: str, text: str, offset: int) -> None:
        line, column = text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset)
        super().__init__(f"line {line}, column {column}: {message}")


@dataclass(frozen=True)
class Template:
    """A text as it was written, and its parts: literal text, or an expression with where it begins."""

    text: str
    parts: Sequence[str | tuple[int, Expression]]

    @property
    def expressions(self) -> Iterator[Expression]:
        """In their order."""
        return (part[1] for part in self.parts if not isinstance(part, str))

    def render(self, scope: Mapping[str, Any], budget: Budget) -> Any:
        """Its value. Raises :class:`InvalidTemplate`."""
        if len(self.parts) == 1:
            return self._told(self.parts[0], scope, budget, whole=True)
        made = [self._told(part, scope, budget, whole=False) for part in self.parts]
        try:
            budget.charge(sum(map(len, made)))
        except CannotCompute as error:
            raise InvalidTemplate(str(error), self.text, 0) from None
        return "".join(made)

    def _told(
        self, part: str | tuple[int, Expression], scope: Mapping[str, Any], budget: Budget, *, whole: bool
    ) -> Any:
        if isinstance(part, str):
            return part
        offset, expression = part
        try:
            value = expression.evaluate(scope, budget)
            return value if whole else expression_values.text(value)
        except CannotCompute as error:
            raise InvalidTemplate(str(error), self.text, offset) from None


def parse(text: str, further: frozenset[str] = frozenset()) -> Template | None:
    """The text's template; None for a text without expressions. ``further`` names may be read as well. Raises :class:`InvalidTemplate`."""
    if BEGIN not in text:
        return None
    if len(text) > MAX_VALUE:
        raise InvalidTemplate(f"a text with expressions is at most {MAX_VALUE // 1024} KiB long", text, 0)
    parts: list[str | tuple[int, Expression]] = []
    last = 0
    for begin, end in spans(text):
        parts += [text[last:begin], (begin, _expression(text, begin + len(BEGIN), end - len(END), further))]
        last = end
    parts.append(text[last:])
    _refuse_statements(text, parts)
    return Template(text, [part for part in parts if part != ""])


def spans(text: str) -> Iterator[tuple[int, int]]:
    """Where its expressions stand, braces included, whatever is in them. Raises :class:`InvalidTemplate`."""
    last = 0
    while (begin := text.find(BEGIN, last)) >= 0:
        last = _end(text, begin + len(BEGIN)) + len(END)
        yield begin, last


def _expression(text: str, begin: int, end: int, further: frozenset[str]) -> Expression:
    from jobs.rules import expression_language  # noqa: PLC0415 - 8 MiB that a process without expressions does without

    try:
        return expression_language.parse(text[begin:end], further)
    except InvalidExpression as error:
        # One that as a whole is refused is found at its opening braces.
        offset = begin + error.offset if error.offset else begin - len(BEGIN)
        raise InvalidTemplate(error.message, text, offset) from None


def _end(text: str, begin: int) -> int:
    """Where the expression that begins here ends: at the first ``}}`` outside of quotes."""
    place, furthest = begin, begin + MAX_CHARS + len(END)
    while found := _QUOTE_OR_END.search(text, place, furthest):
        if found[0] == END:
            return found.start()
        quoted = _REST_OF_QUOTED[found[0]].match(text, found.end(), furthest)
        if quoted is None:
            raise InvalidTemplate(f"a quote is not closed, within {MAX_CHARS} characters", text, found.start())
        place = quoted.end()
    message = (
        f"{BEGIN} is not closed by {END}, within {MAX_CHARS} characters; a literal one is written {{{{ '{{{{' }}}}"
    )
    raise InvalidTemplate(message, text, begin - len(BEGIN))


def _refuse_statements(text: str, parts: Sequence[str | tuple[int, Expression]]) -> None:
    """Who writes them beside expressions expects them to be obeyed."""
    place = 0
    for part in parts:
        if not isinstance(part, str):
            place = text.index(END, part[0] + len(BEGIN) + len(part[1].source)) + len(END)
            continue
        if found := _STATEMENT.search(part):
            message = "there are no statements, only expressions; a literal {% is written {{ '{%' }}"
            raise InvalidTemplate(message, text, place + found.start())
        if (found := _COMMENT.search(part)) and "#}" in part[found.end() :]:
            message = "there are no comments; a literal {# is written {{ '{#' }}"
            raise InvalidTemplate(message, text, place + found.start())
