"""A payload with its expressions: found and checked when it is stored, rendered when it is to run.

Whatever stands in an execution's overrides is data: it is what ``payload.<name>`` reads, and is never looked at for
expressions itself. So is a key of an object. Paths are those of messages: ``payload.headers.Authorization``.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from jobs.rules import templates
from jobs.rules.expression_values import Budget
from jobs.rules.templates import InvalidTemplate, Template

if TYPE_CHECKING:
    from jobs.rules.expression_language import Expression

MAX_EXPRESSIONS = 100
MAX_DEPTH = 100
#: Places of an object's values are their keys, those of a list's items their indexes.
Place = tuple[str | int, ...]


class InvalidPayload(ValueError):
    """What is wrong with a payload's expressions: (place, message)."""

    def __init__(self, problems: Sequence[tuple[Place, str]]) -> None:
        super().__init__("; ".join(f"{path(place)}: {message}" for place, message in problems))
        self.problems = list(problems)


@dataclass(frozen=True)
class Expressions:
    """Those of one payload, by their places."""

    templates: Mapping[Place, Template]

    @property
    def names(self) -> set[str]:
        """What they are over: payload, secrets, …"""
        return {name for each in self.all() for name in each.names}

    @property
    def secrets(self) -> dict[str, Place]:
        """The secrets they insert, each with the first place that does."""
        named: dict[str, Place] = {}
        for place, template in self.templates.items():
            for expression in template.expressions:
                for name in sorted(expression.secrets):
                    named.setdefault(name, place)
        return named

    def touch(self, place: Place) -> bool:
        """Whether one stands there, or in something that does."""
        return any(own[: len(place)] == place for own in self.templates)

    def all(self) -> Iterator[Expression]:
        """In their order."""
        return (expression for template in self.templates.values() for expression in template.expressions)


NO_EXPRESSIONS = Expressions({})


def find(
    payload: Mapping[str, Any],
    overridden: Collection[str] = (),
    without_secrets: Mapping[str, str] | None = None,
    without_expressions: Mapping[str, str] | None = None,
    *,
    further: frozenset[str] = frozenset(),
) -> Expressions:
    """A payload's expressions, all but those in its overrides. Raises :class:`InvalidPayload` if any cannot be read.

    ``without_secrets`` are fields in which no secret may stand, ``without_expressions`` such in which nothing may that
    is put together when it runs; both with what to do instead. ``further`` names may be read.
    """
    found: dict[Place, Template] = {}
    problems: list[tuple[Place, str]] = []
    for place, text in _texts({key: value for key, value in payload.items() if key not in overridden}):
        try:
            template = templates.parse(text, further)
        except InvalidTemplate as error:
            problems.append((place, str(error)))
            continue
        if template is not None:
            found[place] = template
    expressions = Expressions(found)
    if sum(1 for _ in expressions.all()) > MAX_EXPRESSIONS:
        problems.append(((), f"a payload has at most {MAX_EXPRESSIONS} expressions"))
    problems += [
        *_circles(expressions),
        *_misplaced(expressions, without_secrets or {}),
        *_unwanted(expressions, without_expressions or {}),
    ]
    if problems:
        raise InvalidPayload(problems)
    return expressions


def render(payload: Mapping[str, Any], expressions: Expressions, scope: Mapping[str, Any]) -> dict[str, Any]:
    """The payload with the values of its expressions; it is itself the scope's ``payload``. Raises :class:`InvalidPayload`."""
    from jobs.rules.expression_language import Hidden  # noqa: PLC0415 - as in templates

    budget = Budget()
    whole = {**scope, "payload": _replaced(dict(payload), expressions, lambda _: Hidden())}

    def rendered(place: Place) -> Any:
        try:
            return expressions.templates[place].render(whole, budget)
        except InvalidTemplate as error:
            raise InvalidPayload([(place, str(error))]) from None

    made: dict[str, Any] = _replaced(dict(payload), expressions, rendered)
    return made


def path(place: Place, root: str = "payload") -> str:
    """A place as messages call it."""
    return root + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place)


def _texts(value: Any) -> Iterator[tuple[Place, str]]:
    waiting: list[tuple[Place, Any]] = [((), value)]
    while waiting:
        place, each = waiting.pop()
        if len(place) > MAX_DEPTH:
            raise InvalidPayload([(place[:1], "is nested too deeply for a payload with expressions")])
        if isinstance(each, str):
            if templates.BEGIN in each:
                yield place, each
        elif isinstance(each, Mapping):
            waiting += [((*place, key), inner) for key, inner in reversed(list(each.items()))]
        elif isinstance(each, list):
            waiting += [((*place, index), inner) for index, inner in reversed(list(enumerate(each)))]


def _circles(expressions: Expressions) -> Iterator[tuple[Place, str]]:
    """Expressions that read what is an expression itself."""
    for place, template in expressions.templates.items():
        for expression in template.expressions:
            for read in sorted(expression.payload, key=repr):
                if expressions.touch(read):
                    yield place, f"{path(read)} holds an expression itself: write here what stands there"


def _misplaced(expressions: Expressions, without_secrets: Mapping[str, str]) -> Iterator[tuple[Place, str]]:
    for place, template in expressions.templates.items():
        if place[0] in without_secrets and any(each.secrets for each in template.expressions):
            yield place, f"no secret may stand here: {without_secrets[str(place[0])]}"


def _unwanted(expressions: Expressions, without_expressions: Mapping[str, str]) -> Iterator[tuple[Place, str]]:
    for place in expressions.templates:
        for depth in range(1, len(place) + 1):
            if what := without_expressions.get(".".join(map(str, place[:depth]))):
                yield place, f"no expression may stand here: {what}"


def _replaced(value: Any, expressions: Expressions, make: Any) -> Any:
    """A copy with something else at the places of expressions."""
    for place in expressions.templates:
        value = _with(value, place, make(place))
    return value


def _with(value: Any, place: Place, new: Any) -> Any:
    """A copy of what leads to a place, with something else there."""
    if not place:
        return new
    part, *rest = place
    copy: Any = dict(value) if isinstance(value, Mapping) else list(value)
    copy[part] = _with(copy[part], tuple(rest), new)
    return copy
