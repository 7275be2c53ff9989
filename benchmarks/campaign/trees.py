"""Answers as trees, and the values of trees: `Node`, `value`, `values`.

Trees are built by the grammar and never read from text, and no code of the verifiers is used here, so that what is
equal is known from the construction itself.
"""

from __future__ import annotations

import dataclasses
import functools
import random
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import mpmath

DIGITS = 60
"""Decimal digits of all values."""
POINTS = 6
"""Points at which functions are compared."""
FUNCTIONS = ("sin", "cos", "tan", "ln")
DECIMALS = ("dec", "sci")
SETS = ("interval", "union", "condition", "distance")
STRUCTURES = ("set", "tuple", "list", "matrix", "equation", "solutions", "system", "quantity", "ratio", *SETS)


@dataclasses.dataclass(frozen=True, slots=True)
class Node:
    """A part of an answer.

    Attributes:
        op: what it is: of values "int", "dec", "mixed", "sci", "percent", "pi", "e", "i", "sym", "neg", "add", "mul",
            "div", "pow", "root", "call", "log", "factorial", "binomial", "abs", "degrees", "det"; of structures
            those of `STRUCTURES`; "inf" only as an end of an interval.
        args: its parts.
        data: what is no part: digits, a name, a root's index, an interval's brackets, a matrix's columns, a unit.

    """

    op: str
    args: tuple[Node, ...] = ()
    data: Any = None


PI, EULER, IMAGINARY, INF = Node("pi"), Node("e"), Node("i"), Node("inf")


def integer(number: int) -> Node:
    """Write an integer, a negative one as the negative of a positive one."""
    return Node("int", (), number) if number >= 0 else negative(Node("int", (), -number))


def negative(node: Node) -> Node:
    """Change the sign."""
    return node.args[0] if node.op == "neg" else Node("neg", (node,))


def add(*terms: Node) -> Node:
    """Add terms, sums among them in their terms."""
    flat = [part for term in terms for part in (term.args if term.op == "add" else (term,))]
    return flat[0] if len(flat) == 1 else Node("add", tuple(flat))


def mul(*factors: Node) -> Node:
    """Multiply factors, products among them in their factors; ones are left out."""
    flat = [part for factor in factors for part in (factor.args if factor.op == "mul" else (factor,))]
    kept = [part for part in flat if part != integer(1)] or [integer(1)]
    return kept[0] if len(kept) == 1 else Node("mul", tuple(kept))


def div(top: Node, bottom: Node) -> Node:
    """Divide."""
    return Node("div", (top, bottom))


def power(base: Node, exponent: Node | int) -> Node:
    """Raise to a power."""
    exponent = integer(exponent) if isinstance(exponent, int) else exponent
    return base if exponent == integer(1) else Node("pow", (base, exponent))


def root(node: Node, index: int = 2) -> Node:
    """Take a root."""
    return Node("root", (node,), index)


def symbol(name: str) -> Node:
    """Name a variable."""
    return Node("sym", (), name)


def decimal(digits: str) -> Node:
    """Write a decimal."""
    return negative(Node("dec", (), digits[1:])) if digits.startswith("-") else Node("dec", (), digits)


def rational(number: Fraction) -> Node:
    """Write a fraction in lowest terms, the sign in front, or an integer."""
    if number.denominator == 1:
        return integer(number.numerator)
    node = div(integer(abs(number.numerator)), integer(number.denominator))
    return node if number > 0 else negative(node)


def walk(node: Node) -> Iterator[Node]:
    """Go through a node and all its parts."""
    yield node
    for part in node.args:
        yield from walk(part)


def replaced(node: Node, at: int, part: Node) -> Node:
    """Put another part in the place of the one that `walk` comes to after `at` others."""
    if at == 0:
        return part
    at -= 1
    args = list(node.args)
    for position, arg in enumerate(args):
        size = sum(1 for _ in walk(arg))
        if at < size:
            args[position] = replaced(arg, at, part)
            return dataclasses.replace(node, args=tuple(args))
        at -= size
    raise IndexError(f"the tree has no part {at}")


def symbols(node: Node) -> list[str]:
    """Return the names of the variables, sorted."""
    return sorted({part.data for part in walk(node) if part.op == "sym"})


def unsigned(node: Node) -> Node:
    """Return the node without a sign in front."""
    return node.args[0] if node.op == "neg" else node


@functools.cache
def points(names: tuple[str, ...]) -> tuple[dict[str, Any], ...]:
    """Return points, of both signs and not among the small rationals, for functions of these names."""
    if not names:
        return ({},)
    generator = random.Random("points " + " ".join(names))
    with mpmath.workdps(DIGITS):
        return tuple({name: _coordinate(generator) for name in names} for _ in range(POINTS))


def _coordinate(generator: random.Random) -> Any:
    return mpmath.mpf(generator.randrange(10**11, 4 * 10**12) | 1) / 10**12 * generator.choice((1, -1))


def value(node: Node, point: dict[str, Any] | None = None) -> Any:
    """Compute the complex value of a tree at a point, with `DIGITS` digits.

    Raises:
        ArithmeticError: it has none there.

    """
    with mpmath.workdps(DIGITS):
        try:
            return mpmath.mpmathify(_value(node, point or {}))
        except (ZeroDivisionError, ValueError, OverflowError) as error:
            raise ArithmeticError(str(error)) from error


def values(node: Node, names: tuple[str, ...]) -> list[Any]:
    """Compute the values at all points of these names; None where there is none."""
    found = []
    for point in points(names):
        try:
            found.append(value(node, point))
        except ArithmeticError:
            found.append(None)
    return found


def _value(node: Node, point: dict[str, Any]) -> Any:
    if node.op in _LEAVES:
        return _LEAVES[node.op](node.data)
    if node.op == "sym":
        return point[node.data]
    if node.op == "matrix":
        columns = node.data
        cells = [_value(cell, point) for cell in node.args]
        return [cells[at : at + columns] for at in range(0, len(cells), columns)]
    return _OPERATIONS[node.op](*(_value(part, point) for part in node.args), **_given(node))


def _given(node: Node) -> dict[str, Any]:
    return {"data": node.data} if node.op in ("root", "call") else {}


def _fraction(number: Fraction) -> Any:
    return mpmath.mpf(number.numerator) / number.denominator


def _determinant(rows: list[list[Any]]) -> Any:
    """Expand along the first row."""
    if len(rows) == 1:
        return rows[0][0]
    minors = ([row[:at] + row[at + 1 :] for row in rows[1:]] for at in range(len(rows)))
    return sum((-1) ** at * rows[0][at] * _determinant(minor) for at, minor in enumerate(minors))


def _power(base: Any, exponent: Any) -> Any:
    whole = int(mpmath.re(exponent))
    return mpmath.mpmathify(base) ** (whole if exponent == whole else exponent)


_LEAVES = {
    "int": mpmath.mpf,
    "dec": lambda digits: _fraction(Fraction(digits)),
    "mixed": lambda parts: _fraction(parts[0] + Fraction(parts[1], parts[2])),
    "sci": lambda parts: _fraction(Fraction(parts[0]) * Fraction(10) ** parts[1]),
    "pi": lambda _: +mpmath.pi,
    "e": lambda _: +mpmath.e,
    "i": lambda _: mpmath.mpc(0, 1),
    "inf": lambda _: mpmath.inf,
}
_OPERATIONS = {
    "neg": lambda a: -a,
    "add": lambda *terms: sum(terms),
    "mul": lambda *factors: mpmath.fprod(factors),
    "div": lambda a, b: mpmath.mpmathify(a) / b,
    "pow": _power,
    "root": lambda a, data: mpmath.root(a, data),
    "call": lambda a, data: getattr(mpmath, data)(a),
    "log": lambda base, a: mpmath.log(a) / mpmath.log(base),
    "factorial": mpmath.factorial,
    "binomial": mpmath.binomial,
    "abs": abs,
    "degrees": lambda a: a * mpmath.pi / 180,
    "percent": lambda a: mpmath.mpmathify(a) / 100,
    "det": _determinant,
}
