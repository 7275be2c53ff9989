"""Values and their units: what is measured, and letters that may be units."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

from verifiers.expressions import units
from verifiers.expressions.tree import Node, Op, constant, free_symbols, negative, number, operations, walk

_Measure = tuple[Node, units.Unit | None]
_CONSTANT = frozenset({Op.NUMBER, Op.CONSTANT, Op.ADD, Op.MUL, Op.DIV, Op.NEG, Op.POW, Op.CALL})
_CALCULATIONS = (Op.ADD, Op.MUL, Op.DIV, Op.NEG)


def split_unit(node: Node) -> tuple[Node, units.Unit | None]:
    """A value and its unit; None where it has none."""
    if node.op is Op.NEG and node.args[0].op is Op.QUANTITY:
        value, unit = split_unit(node.args[0])
        return negative(value), unit
    if node.op is not Op.QUANTITY:
        return node, None
    return node.args[0], units.read_unit(node.data)


def total(node: Node) -> Node:
    """A calculation with units, "2 cm + 3 cm" or "2 m * 3 m", as one value with a unit; anything else as it is."""
    if node.op not in _CALCULATIONS or Op.QUANTITY not in operations(node):
        return node
    found = _total(node)
    if found is None or found[1] is None:
        return node if found is None else found[0]
    return Node(Op.QUANTITY, (found[0],), found[1].key)


def _total(node: Node) -> _Measure | None:
    """The value and the unit of a calculation, whose unit is None where there is none; None where units do not fit."""
    if node.op is Op.QUANTITY:
        unit = units.read_unit(node.data)
        return None if unit is None else (node.args[0], unit)
    if node.op not in _CALCULATIONS:
        return None if Op.QUANTITY in operations(node) else (node, None)
    parts = [part for part in map(_total, node.args) if part is not None]
    if len(parts) < len(node.args):
        return None
    return _sum(node.op, parts) if node.op in (Op.ADD, Op.NEG) else _product(node.op, parts)


def _sum(op: Op, parts: list[_Measure]) -> _Measure | None:
    own = parts[0][1]
    terms = []
    for value, unit in parts:
        factor = Fraction(1) if unit == own else None if unit is None or own is None else units.ratio(unit, own)
        if factor is None:
            return None
        terms.append(value if factor == 1 else Node(Op.MUL, (number(factor), value)))
    return Node(op, tuple(terms)), own


def _product(op: Op, parts: list[_Measure]) -> _Measure | None:
    value = Node(op, tuple(value for value, _ in parts))
    powers = [(unit, -1 if at and op is Op.DIV else 1) for at, (_, unit) in enumerate(parts) if unit is not None]
    if not powers:
        return value, None
    kinds = {unit.kind for unit, _ in powers}
    if "percent" in kinds or ("degree" in kinds and constant("pi") in walk(value)):
        return None  # evaluated as numbers
    unit = units.product(powers)
    if unit is None:
        return None
    factor = units.cancelled(unit)
    return (value, unit) if factor is None else (Node(Op.MUL, (number(factor), value)), None)


def hundredth(value: Node, is_percent: bool) -> Node:
    """The value that a percentage stands for; other values as they are."""
    return Node(Op.DIV, (value, number(100))) if is_percent else value


def radians(value: Node, unit: units.Unit) -> Node:
    """A value in degrees or radians as one that is evaluated in radians."""
    return Node(Op.QUANTITY, (value,), "°") if unit.kind == "degree" else value


def measured(node: Node, is_unit: Callable[[str], bool] = units.is_plain_unit_letter) -> Node | None:
    """ "5m", "43/2 m" and "9.8 m s^-2" as quantities: a constant times letters that are also units."""
    if node.op is Op.NEG:
        quantity = measured(node.args[0], is_unit)
        return None if quantity is None else negative(quantity)
    values, parts = _measures(node, 1, is_unit)
    if not parts or not values or any(operations(value) - _CONSTANT for value in values):
        return None
    value = values[0] if len(values) == 1 else Node(Op.MUL, tuple(values))
    return Node(Op.QUANTITY, (value,), " ".join(parts))


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
