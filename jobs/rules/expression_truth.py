"""Whether an expression may come to yes or no: as far as that shows before it is evaluated."""

from __future__ import annotations

from jinja2 import nodes


def may_decide(node: nodes.Node | None) -> bool:
    """Not if it is sure to come to something else. What is read of a payload shows only once it is there."""
    match node:
        case nodes.Compare() | nodes.Not():
            return True
        case nodes.Const():
            return isinstance(node.value, bool)
        case nodes.And() | nodes.Or():
            return may_decide(node.left) and may_decide(node.right)
        case nodes.CondExpr():
            return may_decide(node.expr1) and may_decide(node.expr2)
        case nodes.Filter():
            return node.name == "default" and all(map(may_decide, [node.node, *node.args]))
    return isinstance(node, nodes.Getattr | nodes.Getitem)
