"""The language of expressions: Jinja's parser and compiler behind a list of what may be written.

Allowed are the names in :data:`NAMES`, what is in them (``.name``, ``[0]``, ``['name']``), constants, comparisons,
``and``/``or``/``not``, ``~``, ``x if y else z`` and the filters of :mod:`jobs.rules.expression_filters`. There are no
calls, no arithmetic, no loops and no statements, and nothing reads an attribute of a Python object. What ``secrets``
holds may only be inserted, or joined to other text with ``~``.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from jinja2 import StrictUndefined, TemplateSyntaxError, Undefined, UndefinedError, nodes
from jinja2.environment import Template, TemplateExpression
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment

from jobs.rules import expression_filters, expression_needs, expression_shapes, expression_tokens, expression_truth
from jobs.rules.expression_filters import BUDGET, FILTERS
from jobs.rules.expression_values import Budget, CannotCompute, InvalidExpression, Nothing, kind

MAX_DEPTH = 25
#: What an expression may begin with, and what it is.
NAMES = {
    "payload": "the payload with the overrides of the execution",
    "secrets": "the tenant's secrets, by name",
    "upstream": "the jobs before this one, by name, each with its id, state, reason and result",
    "execution": "id, attempt, trigger, scheduled_for and created_at",
    "job": "id, name and type",
    "tenant": "slug and name",
    "now": "when the attempt was made ready, in UTC",
    "event": "the event that started it: id, name, sender, received_at, payload and headers; null if none did",
}
#: What can be read of a job before this one.
OF_UPSTREAMS = ("id", "state", "reason", "result")
#: What can be read of an event.
OF_EVENTS = ("id", "name", "sender", "received_at", "payload", "headers")


@dataclass(frozen=True)
class Expression:
    """One that may be evaluated."""

    source: str
    #: Of :data:`NAMES`, those it uses.
    names: frozenset[str]
    #: The secrets it inserts.
    secrets: frozenset[str]
    #: The places in the payload it reads, those that are computed left out.
    payload: frozenset[tuple[str | int, ...]]
    #: The jobs whose end it reads.
    upstreams: frozenset[str] = frozenset()
    #: The ``parameters`` it fails without.
    parameters: frozenset[str] = frozenset()
    #: Whether it may be a yes or no, as far as that shows before it is evaluated.
    decides: bool = True

    def evaluate(self, scope: Mapping[str, Any], budget: Budget) -> Any:
        """Its value with ``scope``'s names. Raises :class:`CannotCompute`."""
        try:
            return expression_filters.plain(_compiled(self.source)({**scope, BUDGET: budget}), budget)
        except CannotCompute:
            raise
        except UndefinedError as error:
            raise CannotCompute(str(error)) from None
        except Exception as error:  # noqa: BLE001 - whatever Python makes of values nobody has foreseen
            raise CannotCompute(_words(error)) from None


@functools.lru_cache(1024)
def parse(source: str, further: frozenset[str] = frozenset()) -> Expression:
    """``further`` names may be read beside :data:`NAMES`. Raises :class:`InvalidExpression`."""
    expression_tokens.check(source, _ENVIRONMENT)
    reading, tree = _Reading(further), _tree(source)
    reading.check(tree, secrets_may_stand=True, depth=0)
    used = frozenset(reading.names), frozenset(reading.secrets), frozenset(reading.payload)
    read = frozenset(reading.upstreams), frozenset(expression_needs.of(tree, "parameters"))
    return Expression(source, *used, *read, decides=expression_truth.may_decide(tree))


class Missing(StrictUndefined):
    """Nothing there; whoever uses it, but for the filter ``default``, is told so."""


class Hidden(expression_filters.Unreadable, Missing):
    """Stands in the scope's payload for what is an expression itself."""

    def __init__(self) -> None:
        super().__init__("it holds an expression itself: write here what stands there")


class Environment(ImmutableSandboxedEnvironment):
    """Reads JSON: keys of objects, items of lists, and no attributes of anything."""

    def getattr(self, obj: Any, attribute: str) -> Any:
        return self.getitem(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        if isinstance(obj, Undefined):
            return obj
        if isinstance(obj, Mapping) and isinstance(argument, str):
            return obj[argument] if argument in obj else Missing(_not_among(argument, obj))
        if isinstance(obj, list) and type(argument) is int:
            within = -len(obj) <= argument < len(obj)
            return obj[argument] if within else Missing(f"there is no item {argument}: the list has {len(obj)}")
        return Missing(f"{_shown(argument)} cannot be read of {kind(obj)}")


def _not_among(name: str, there: Mapping[str, Any]) -> str:
    if isinstance(there, Nothing):
        return f"there is no {_shown(name)}: {there.why}"
    named = ", ".join(sorted(str(key)[:40] for key in there)[:8])
    return f"there is no {_shown(name)}, only {named or 'nothing'}{', …' if len(there) > 8 else ''}"


def _shown(argument: Any) -> str:
    return repr(argument[:40]) if isinstance(argument, str) else str(argument)[:40]


def _environment() -> Environment:
    made = Environment(undefined=Missing, optimized=False, cache_size=0, autoescape=False)
    made.globals = {}
    made.tests = {}
    made.filters = {**FILTERS, "inserted": expression_filters.inserted}
    return made


_ENVIRONMENT = _environment()


@functools.lru_cache(1024)
def _compiled(source: str) -> TemplateExpression:
    """As ``compile_expression`` does, with the parts of a text made text by our rules."""
    tree = _tree(source)
    for joined in list(_inclusive(tree, nodes.Concat)):
        joined.nodes = [nodes.Filter(part, "inserted", [], [], None, None, lineno=1) for part in joined.nodes]
    tree.set_environment(_ENVIRONMENT)
    body: list[nodes.Node] = [nodes.Assign(nodes.Name("result", "store"), tree, lineno=1)]
    template: Template = _ENVIRONMENT.from_string(nodes.Template(body, lineno=1))
    return TemplateExpression(template, undefined_to_none=False)


def _inclusive(tree: nodes.Node, kind: type[nodes.Concat]) -> Iterator[nodes.Concat]:
    if isinstance(tree, kind):
        yield tree
    yield from tree.find_all(kind)


def _tree(source: str) -> nodes.Expr:
    try:
        parser = Parser(_ENVIRONMENT, source, state="variable")
        tree = parser.parse_expression()
        if not parser.stream.eos:
            raise InvalidExpression(f"{parser.stream.current.value!s:.40} is one too many", _place(source, parser))
    except TemplateSyntaxError as error:
        raise InvalidExpression(f"cannot be read: {error.message}") from None
    except (RecursionError, ValueError, OverflowError, MemoryError) as error:
        if isinstance(error, InvalidExpression):
            raise
        raise InvalidExpression("cannot be read") from None
    return tree


def _place(source: str, parser: Parser) -> int:
    return max(source.find(str(parser.stream.current.value)), 0)


class _Reading:
    """Goes through a tree, refuses what is not on the list, and notes what is used."""

    def __init__(self, further: frozenset[str]) -> None:
        self._known = (*further, *NAMES)
        self.names: set[str] = set()
        self.secrets: set[str] = set()
        self.payload: set[tuple[str | int, ...]] = set()
        self.upstreams: set[str] = set()

    def check(self, node: nodes.Node, *, secrets_may_stand: bool, depth: int) -> None:
        if depth > MAX_DEPTH:
            raise InvalidExpression("is nested too deeply: compute it in the job instead")
        below = depth + 1
        match node:
            case nodes.Const():
                _check_text(node.value)
            case nodes.Name() | nodes.Getattr() | nodes.Getitem():
                self._place(node, secrets_may_stand, below)
            case nodes.Concat():
                self._all(node.nodes, below, secrets_may_stand)
            case nodes.CondExpr():
                if node.expr2 is None:
                    raise InvalidExpression("if needs an else")
                self._all([node.test], below)
                self._all([node.expr1, node.expr2], below, secrets_may_stand)
            case _ if expression_shapes.only_combines(node):
                self._all(node.iter_child_nodes(), below)
            case nodes.Filter():
                self._filter(node, below)
            case _:
                raise InvalidExpression(expression_shapes.refusal(node))

    def _all(self, parts: Iterable[nodes.Node], depth: int, secrets_may_stand: bool = False) -> None:
        for part in parts:
            self.check(part, secrets_may_stand=secrets_may_stand, depth=depth)

    def _filter(self, node: nodes.Filter, depth: int) -> None:
        if node.name not in FILTERS:
            raise InvalidExpression(f"there is no filter {node.name[:40]!r}; there are {', '.join(FILTERS)}")
        if node.kwargs or node.dyn_args or node.dyn_kwargs or not all(map(expression_shapes.is_constant, node.args)):
            raise InvalidExpression(f"{node.name} takes constants only, by place")
        fewest, most = expression_filters.ARGUMENTS.get(node.name, (0, 0))
        if not fewest <= len(node.args) <= most:
            raise InvalidExpression(f"{node.name} takes {expression_filters.numbered(fewest, most)}")
        assert node.node is not None
        self._all([node.node, *node.args], depth)

    def _place(self, node: nodes.Expr, secrets_may_stand: bool, depth: int) -> None:
        """A name, with the way from it: ``payload.env['REGION'][0]``."""
        way: list[str | int] = []
        written_out = True
        while not isinstance(node, nodes.Name):
            if not isinstance(node, nodes.Getattr | nodes.Getitem):
                raise InvalidExpression("only names such as payload have something in them that can be read")
            part = node.attr if isinstance(node, nodes.Getattr) else self._part(node.arg, depth)
            if isinstance(part, str) and part.startswith("_" if isinstance(node, nodes.Getattr) else "__"):
                raise InvalidExpression("names that begin with _ cannot be read")
            written_out = written_out and part is not None
            way = [] if part is None else [part, *way]
            node, depth = node.node, depth + 1
            if depth > MAX_DEPTH:
                raise InvalidExpression("is nested too deeply: compute it in the job instead")
        if node.name not in self._known:
            raise InvalidExpression(f"there is no {node.name[:40]!r}; there are {', '.join(self._known)}")
        self.names.add(node.name)
        if node.name == "secrets":
            self._secret(way, secrets_may_stand)
        elif node.name == "upstream":
            self._upstream(way)
        elif node.name == "payload" and written_out:
            self.payload.add(tuple(way))
        elif node.name == "event" and written_out and way and way[0] not in OF_EVENTS:
            raise InvalidExpression(f"an event has no {str(way[0])[:40]!r}; it has {', '.join(OF_EVENTS)}")

    def _upstream(self, way: list[str | int]) -> None:
        if not way or not isinstance(way[0], str):
            raise InvalidExpression("write which job: upstream.<name>, or upstream['a-name']")
        if len(way) > 1 and way[1] not in OF_UPSTREAMS:
            raise InvalidExpression(f"an upstream has no {str(way[1])[:40]!r}; it has {', '.join(OF_UPSTREAMS)}")
        self.upstreams.add(way[0])

    def _part(self, argument: nodes.Expr, depth: int) -> str | int | None:
        if isinstance(argument, nodes.Const) and type(argument.value) in (str, int):
            _check_text(argument.value)
            return argument.value  # type: ignore[no-any-return]
        self.check(argument, secrets_may_stand=False, depth=depth)
        return None

    def _secret(self, way: list[str | int], may_stand: bool) -> None:
        if not may_stand:
            raise InvalidExpression("a secret can only be inserted, or joined to other text with ~")
        if not way or not isinstance(way[0], str):
            raise InvalidExpression("write which secret: secrets.<name>")
        self.secrets.add(way[0])


def _check_text(value: Any) -> None:
    if isinstance(value, str) and any("\ud800" <= each <= "\udfff" or each == "\0" for each in value):
        raise InvalidExpression("holds a character that no text may hold: NUL, or half of a pair")


def _words(error: Exception) -> str:
    """Of Python's own words only those that cannot hold a value."""
    if isinstance(error, RecursionError):
        return "its values are nested too deeply"
    return "its values cannot be compared" if isinstance(error, TypeError) else "its values do not fit together"
