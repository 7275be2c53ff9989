"""Trees in the form in which they are compared: signs written out, conditions listed, bound variables renamed."""

from __future__ import annotations

from verifiers.expressions.measures import total
from verifiers.expressions.tree import (
    BINDING,
    COLLECTIONS,
    Node,
    Op,
    constant,
    free_symbols,
    negative,
    substitute,
    symbol,
    walk,
)


def normalised(node: Node) -> Node:
    """The tree with its plus-minus signs written out, and lists of conditions in one form."""
    node = total(_listed(without_signs(node)))
    if node.op is Op.RELATION and node.data[-1] == "equiv" and node.args[-1].op is Op.CALL:
        last = node.args[-1]
        if last.data == "mod":
            return Node(node.op, (*node.args[:-1], Node(Op.CALL, last.args, "pmod")), node.data)
    if node.op is not Op.LIST:
        return node
    items = node.args
    first = items[0]
    if first.op is Op.RELATION and first.data == ("!=",) and all(item.op is not Op.RELATION for item in items[1:]):
        rest = (Node(Op.RELATION, (first.args[0], item), ("!=",)) for item in items[1:])  # "x != 2, -3"
        return Node(Op.LIST, (first, *rest), "and")
    kept = tuple(item for item in items if not _is_domain(item))
    if 0 < len(kept) < len(items) and any(free_symbols(item) for item in kept):
        return kept[0] if len(kept) == 1 else Node(Op.LIST, kept, node.data)
    return node


def _listed(node: Node) -> Node:
    r"""The values of "x \in \{1, 2\}", also written "x = \{1, 2\}", as the list "x = 1 or x = 2"."""
    if node.op is not Op.RELATION or node.data not in (("in",), ("=",)) or node.args[1].op is not Op.SET:
        return node
    name, values = node.args
    if name.op is not Op.SYMBOL or (node.data == ("=",) and name.data[:1].isupper()):  # a capital is the set's name
        return node
    equations = tuple(Node(Op.RELATION, (name, value), ("=",)) for value in dict.fromkeys(values.args))
    return equations[0] if len(equations) == 1 else Node(Op.LIST, equations, "or")


def _is_domain(node: Node) -> bool:
    """Whether a clause only says what kind of number a letter is: "k in Z"."""
    return (
        node.op is Op.RELATION
        and node.data == ("in",)
        and node.args[0].op is Op.SYMBOL
        and node.args[1].op is Op.CONSTANT
    )


def without_signs(node: Node) -> Node:
    """The tree, or the list of its two values where it has a plus-minus sign."""
    if node.op is Op.RELATION and node.data == ("=",) and len(node.args) == 2:
        left, right = map(without_signs, node.args)
        if right.op is Op.LIST and node.args[1].op is not Op.LIST and left.op is not Op.LIST:
            return Node(Op.LIST, tuple(Node(Op.RELATION, (left, value), ("=",)) for value in right.args), "or")
    if node.op in (*COLLECTIONS, Op.RELATION):
        parts: list[Node] = []
        for part in node.args:
            plain = part if part.op in COLLECTIONS else without_signs(part)
            spread = node.op is not Op.RELATION and plain.op is Op.LIST and part.op not in COLLECTIONS
            parts.extend(plain.args if spread else (plain,))
        return Node(node.op, tuple(parts), node.data)
    if not any(part.op is Op.PLUS_MINUS for part in walk(node)):
        return node
    return Node(Op.LIST, (_signed(node, 1), _signed(node, -1)), ",")


def _signed(node: Node, sign: int) -> Node:
    args = tuple(_signed(child, sign) for child in node.args)
    if node.op is Op.PLUS_MINUS:
        return args[0] if node.data == sign else negative(args[0])
    return Node(node.op, args, node.data) if args else node


def renamed_bound(node: Node) -> Node:
    """The tree with its bound variable called otherwise."""
    bound = symbol(f"bound variable {sum(part.op in BINDING for part in walk(node))}")
    if node.op is Op.SERIES:
        first, last, body = node.args
        return Node(node.op, (first, last, _rebound(body, node.data[1], bound)), (node.data[0], bound.data))
    if node.op is Op.LIMIT:
        target, body = node.args
        return Node(node.op, (target, substitute(body, node.data[0], bound)), (bound.data, node.data[1]))
    if len(node.args) == 3:
        body, low, high = node.args
        return Node(node.op, (substitute(body, node.data, bound), low, high), bound.data)
    return node


def _rebound(body: Node, index: str, bound: Node) -> Node:
    if index in ("i", "e"):  # read as a constant
        if body == constant(index):
            return bound
        return Node(body.op, tuple(_rebound(child, index, bound) for child in body.args), body.data)
    return substitute(body, index, bound)
