"""Values and their units: what is measured, and letters that may be units."""

from __future__ import annotations

from collections.abc import Callable

from verifiers.expressions import units
from verifiers.expressions.numbers import literal
from verifiers.expressions.tree import Node, Op, free_symbols, negative, number


def split_unit(node: Node) -> tuple[Node, units.Unit | None]:
    """A value and its unit; None where it has none."""
    if node.op is Op.NEG and node.args[0].op is Op.QUANTITY:
        value, unit = split_unit(node.args[0])
        return negative(value), unit
    if node.op is not Op.QUANTITY:
        return node, None
    return node.args[0], units.read_unit(node.data)


def total(node: Node) -> Node:
    """A sum of values with units as one value in the first one's; anything else as it is."""
    if node.op is not Op.ADD or any(term.op is not Op.QUANTITY for term in node.args):
        return node
    own = units.read_unit(node.args[0].data)
    terms = []
    for term in node.args:
        unit = units.read_unit(term.data)
        factor = None if own is None or unit is None else units.ratio(unit, own)
        if factor is None:
            return node
        terms.append(term.args[0] if factor == 1 else Node(Op.MUL, (number(factor), term.args[0])))
    return Node(Op.QUANTITY, (Node(Op.ADD, tuple(terms)),), node.args[0].data)


def hundredth(value: Node, is_percent: bool) -> Node:
    """The value that a percentage stands for; other values as they are."""
    return Node(Op.DIV, (value, number(100))) if is_percent else value


def radians(value: Node, unit: units.Unit) -> Node:
    """A value in degrees or radians as one that is evaluated in radians."""
    return Node(Op.QUANTITY, (value,), "°") if unit.kind == "degree" else value


def measured(node: Node, is_unit: Callable[[str], bool] = units.is_plain_unit_letter) -> Node | None:
    """ "5m" and "9.8 m s^-2" as quantities: a number times letters that are also units."""
    values, parts = _measures(node, 1, is_unit)
    if not parts or len(values) != 1 or literal(values[0]) is None:
        return None
    return Node(Op.QUANTITY, (values[0],), " ".join(parts))


def _measures(node: Node, sign: int, is_unit: Callable[[str], bool]) -> tuple[list[Node], list[str]]:
    """The factors of a product that are constant, and those that are units; neither where one is something else."""
    if not free_symbols(node):
        return [node if sign == 1 else Node(Op.DIV, (number(1), node))], []
    if node.op is Op.SYMBOL and is_unit(node.data):
        return [], [f"{node.data}^{sign}"]
    if node.op is Op.POW and node.args[1].op is Op.NUMBER and node.args[1].data.value in (-3, -2, -1, 2, 3):
        values, parts = _measures(node.args[0], sign * int(node.args[1].data.value), is_unit)
        return ([], parts) if len(parts) == 1 and not values else ([], [])
    if node.op not in (Op.MUL, Op.DIV):
        return [], []
    signs = [sign if node.op is Op.MUL or not at else -sign for at in range(len(node.args))]
    found = [_measures(part, own, is_unit) for part, own in zip(node.args, signs)]
    if any(not values and not parts for values, parts in found):
        return [], []
    return [value for values, _ in found for value in values], [part for _, parts in found for part in parts]
