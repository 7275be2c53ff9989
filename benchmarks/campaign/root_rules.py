"""Rules that keep the value of roots, powers, logarithms and angles: `RULES`."""

from __future__ import annotations

import math
import random
from fractions import Fraction

from benchmarks.campaign.trees import PI, Node, add, div, integer, mul, negative, power, root, unsigned


def _root_out(node: Node, generator: random.Random) -> Node | None:
    """√12 to 2√3, and √16 to 4."""
    if node.op != "root" or node.args[0].op != "int":
        return None
    number, index = node.args[0].data, node.data
    for outer in range(12, 1, -1):
        if number % outer**index == 0 and number:
            return (
                mul(integer(outer), root(integer(number // outer**index), index))
                if number > outer**index
                else integer(outer)
            )
    return None


def _root_in(node: Node, generator: random.Random) -> Node | None:
    if node.op != "mul" or len(node.args) != 2:
        return None
    whole, inner = node.args
    if whole.op != "int" or inner.op != "root" or inner.args[0].op != "int" or whole.data > 60:
        return None
    return root(integer(whole.data**inner.data * inner.args[0].data), inner.data)


def _rationalise(node: Node, generator: random.Random) -> Node | None:
    if node.op != "div":
        return None
    top, bottom = node.args
    if bottom.op == "root" and bottom.data == 2:
        return div(mul(top, bottom), bottom.args[0])
    if bottom.op == "add" and len(bottom.args) == 2 and any(unsigned(part).op == "root" for part in bottom.args):
        first, second = bottom.args
        squares = [_square(part) for part in (first, second)]
        if None not in squares:
            return div(mul(top, add(first, negative(second))), integer(squares[0] - squares[1]))  # type: ignore[operator]
    return None


def _square(node: Node) -> int | None:
    inner = unsigned(node)
    if inner.op == "int":
        return inner.data**2
    return inner.args[0].data if inner.op == "root" and inner.data == 2 and inner.args[0].op == "int" else None


def _root_as_power(node: Node, generator: random.Random) -> Node | None:
    if node.op == "root":
        return power(node.args[0], div(integer(1), integer(node.data)))
    if node.op == "pow" and node.args[1].op == "div" and node.args[1].args[0] == integer(1):
        index = node.args[1].args[1]
        return root(node.args[0], index.data) if index.op == "int" and index.data > 1 else None
    return None


def _negative_power(node: Node, generator: random.Random) -> Node | None:
    if node.op == "div" and node.args[1].op in ("sym", "pow"):
        top, bottom = node.args
        base, exponent = bottom.args if bottom.op == "pow" else (bottom, integer(1))
        return mul(top, power(base, negative(exponent)))
    if node.op == "pow" and node.args[1].op == "neg":
        return div(integer(1), power(node.args[0], node.args[1].args[0]))
    return None


def _compute_power(node: Node, generator: random.Random) -> Node | None:
    if node.op == "pow" and all(part.op == "int" for part in node.args) and node.args[1].data < 12:
        number = node.args[0].data ** node.args[1].data
        return integer(number) if number < 10**9 else None
    if node.op == "int" and 3 < node.data < 10**6 and generator.random() < 0.5:
        for base in (2, 3, 5, 7, 10):
            exponent = round(math.log(node.data, base))
            if exponent > 1 and base**exponent == node.data:
                return power(integer(base), exponent)
    return None


def _logarithms(node: Node, generator: random.Random) -> Node | None:
    if node.op == "log" and generator.random() < 0.5:
        base, inner = node.args
        return div(Node("call", (inner,), "ln"), Node("call", (base,), "ln"))
    if node.op == "call" and node.data == "ln" and node.args[0].op == "int":
        number = node.args[0].data
        for prime in (2, 3, 5, 7):
            if number % prime == 0 and number > prime:
                return add(_ln(prime), _ln(number // prime))
    if node.op == "mul" and len(node.args) == 2 and node.args[0].op == "int" and node.args[0].data < 6:
        logarithm = node.args[1]
        if logarithm.op == "call" and logarithm.data == "ln" and logarithm.args[0].op == "int":
            return _ln(logarithm.args[0].data ** node.args[0].data)
    return None


def _ln(number: int) -> Node:
    return Node("call", (integer(number),), "ln")


def _trigonometry(node: Node, generator: random.Random) -> Node | None:
    if node.op == "call" and node.data == "tan":
        return div(Node("call", node.args, "sin"), Node("call", node.args, "cos"))
    squared = node.op == "pow" and node.args[1] == integer(2) and node.args[0].op == "call"
    if squared and node.args[0].data in ("sin", "cos"):
        other = {"sin": "cos", "cos": "sin"}[node.args[0].data]
        return add(integer(1), negative(power(Node("call", node.args[0].args, other), 2)))
    if node.op == "call" and node.data == "sin" and node.args[0].op == "mul" and node.args[0].args[0] == integer(2):
        half = mul(*node.args[0].args[1:])
        return mul(integer(2), Node("call", (half,), "sin"), Node("call", (half,), "cos"))
    if node.op == "degrees" and node.args[0].op == "int":
        share = Fraction(node.args[0].data, 180)
        return div(mul(integer(share.numerator), PI), integer(share.denominator))
    return None


RULES = {
    "root out": _root_out,
    "root in": _root_in,
    "rationalise": _rationalise,
    "root as power": _root_as_power,
    "negative power": _negative_power,
    "compute a power": _compute_power,
    "logarithms": _logarithms,
    "trigonometry": _trigonometry,
}
