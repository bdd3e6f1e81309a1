"""Which shapes of expressions may be written, and what is said of the others."""

from __future__ import annotations

from jinja2 import nodes

_COMPARISONS = {"eq", "ne", "lt", "lteq", "gt", "gteq", "in", "notin"}
_WORDS: dict[type[nodes.Node], str] = {
    nodes.Call: "a call",
    nodes.Test: "a test with is",
    nodes.Dict: "an object",
    nodes.Tuple: "a tuple",
    nodes.List: "a list of anything but constants",
    nodes.Slice: "a slice",
    nodes.Operand: "such a comparison",
    **dict.fromkeys((nodes.Add, nodes.Sub, nodes.Mul, nodes.Div, nodes.FloorDiv, nodes.Mod, nodes.Pow), "arithmetic"),
}


def refusal(node: nodes.Node) -> str:
    """Of what is not on the list."""
    message = f"{_WORDS.get(type(node), 'this')} cannot stand in an expression"
    name = _dashed(node)
    return f"{message}; a name with - in it is written upstream['{name}']" if name else message


def _dashed(node: nodes.Node) -> str:
    """The name that was meant by ``upstream.d-ext.result``, which reads as a difference."""
    if not isinstance(node, nodes.Sub):
        return ""
    left, right = _way(node.left), _way(node.right)
    return f"{left[1]}-{right[0]}" if len(left) == 2 and left[0] == "upstream" and right else ""


def _way(node: nodes.Node) -> list[str]:
    """The names of ``a.b.c``; ``a-b.c`` counts as one name. Empty for anything else."""
    match node:
        case nodes.Name():
            return [node.name]
        case nodes.Getattr():
            return [*way, node.attr] if (way := _way(node.node)) else []
        case nodes.Sub():
            left, right = _way(node.left), _way(node.right)
            return [*left[:-1], f"{left[-1]}-{right[0]}", *right[1:]] if left and right else []
    return []


def only_combines(node: nodes.Node) -> bool:
    """Whether it just puts others together."""
    match node:
        case nodes.And() | nodes.Or() | nodes.Not() | nodes.Neg() | nodes.Compare():
            return True
        case nodes.Operand():
            return node.op in _COMPARISONS
        case nodes.List():
            return all(isinstance(item, nodes.Const) for item in node.items)
    return False


def is_constant(node: nodes.Expr) -> bool:
    """Whether it is a value that is written out."""
    return isinstance(node, nodes.Const) or (isinstance(node, nodes.Neg) and isinstance(node.node, nodes.Const))
