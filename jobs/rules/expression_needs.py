"""What an expression cannot do without: read of a name whatever else there is, so that it fails where that is missing."""

from __future__ import annotations

from collections.abc import Iterator

from jinja2 import nodes


def of(node: nodes.Node, name: str) -> Iterator[str]:
    """What it reads of ``name`` right away: not behind ``default``, and in no branch that may not be taken."""
    match node:
        case nodes.Getattr() | nodes.Getitem():
            yield from _first(node, name)
        case nodes.Concat():
            for part in node.nodes:
                yield from of(part, name)
        case nodes.Filter() if node.name != "default" and node.node is not None:
            yield from of(node.node, name)
        case nodes.Compare():
            yield from of(node.expr, name)


def _first(node: nodes.Expr, name: str) -> Iterator[str]:
    """The part that is nearest to the name, of ``name.part.more``."""
    part: object = None
    while isinstance(node, nodes.Getattr | nodes.Getitem):
        part = node.attr if isinstance(node, nodes.Getattr) else getattr(node.arg, "value", None)
        node = node.node
    if isinstance(node, nodes.Name) and node.name == name and isinstance(part, str):
        yield part
