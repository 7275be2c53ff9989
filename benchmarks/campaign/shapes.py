"""Structures of every kind: `STRUCTURES` has a function for each that draws two of the same meaning."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from fractions import Fraction

from benchmarks.campaign.grammar import SQUARE_FREE, Twins, fraction, linear, nonzero, plain
from benchmarks.campaign.trees import (
    INF,
    SETS,
    Node,
    add,
    decimal,
    integer,
    mul,
    negative,
    power,
    rational,
    root,
    symbol,
    value,
    walk,
)
from benchmarks.campaign.unit_table import UNITS

_BRACKETS = ("()", "[]", "[)", "(]")


def _ends(generator: random.Random, count: int) -> list[Node]:
    """Draw real numbers in rising order."""
    while True:
        drawn = sorted((plain(generator) for _ in range(count)), key=lambda node: value(node).real)
        heights = [value(node).real for node in drawn]
        if all(high - low > 0.01 for low, high in itertools.pairwise(heights)):
            return drawn


def _intervals(generator: random.Random) -> Twins:
    low, high = _ends(generator, 2)
    brackets = generator.choice(_BRACKETS)
    side = generator.random()
    if side < 0.2:
        low, brackets = negative(INF), "(" + brackets[1]
    elif side < 0.4:
        high, brackets = INF, brackets[0] + ")"
    node = Node("interval", (low, high), brackets)
    return node, node


def _unions(generator: random.Random) -> Twins:
    if generator.random() < 0.2:
        gap = plain(generator)
        node = Node("union", (Node("interval", (negative(INF), gap), "()"), Node("interval", (gap, INF), "()")))
        return node, node
    ends = _ends(generator, 4)
    outer = generator.random()
    first, last = generator.choice(_BRACKETS), generator.choice(_BRACKETS)
    if outer < 0.6:
        ends[0], first = negative(INF), "(" + first[1]
    if outer > 0.3:
        ends[3], last = INF, last[0] + ")"
    pieces = (Node("interval", (ends[0], ends[1]), first), Node("interval", (ends[2], ends[3]), last))
    return Node("union", pieces), Node("union", pieces[::-1] if generator.random() < 0.2 else pieces)


def _inequalities(generator: random.Random) -> Twins:
    """Draw an interval, and a condition on a multiple of the unknown or on its distance from a number."""
    middle, distance = generator.randrange(-9, 10), generator.randrange(1, 10)
    if generator.random() < 0.3:
        relation = generator.choice(("<", "<=", ">", ">="))
        low, high = integer(middle - distance), integer(middle + distance)
        node = Node("distance", (integer(middle), integer(distance)), relation)
        if relation[0] == "<":
            return node, Node("interval", (low, high), "()" if relation == "<" else "[]")
        ends = ")" if relation == ">" else "]", "(" if relation == ">" else "["
        pieces = Node("interval", (negative(INF), low), "(" + ends[0]), Node("interval", (high, INF), ends[1] + ")")
        return node, Node("union", pieces)
    factor, shift = generator.choice((1, 2, 3, 4, -1, -2)), generator.randrange(-9, 10)
    brackets = generator.choice(_BRACKETS)
    side = generator.choice(("low", "high", "both"))
    low = negative(INF) if side == "low" else integer(middle)
    high = INF if side == "high" else integer(middle + distance)
    brackets = ("(" if side == "low" else brackets[0]) + (")" if side == "high" else brackets[1])
    node = Node("interval", (low, high), brackets)
    ends_of = [
        end if end in (INF, negative(INF)) else integer(factor * int(value(end).real) + shift) for end in (low, high)
    ]
    if factor < 0:
        ends_of = [negative(end) if end in (INF, negative(INF)) else end for end in reversed(ends_of)]
        brackets = brackets[::-1].translate(str.maketrans("()[]", ")(]["))
    return node, Node("condition", (Node("interval", tuple(ends_of), brackets),), (factor, shift))


def _elements(generator: random.Random, least: int = 2) -> tuple[Node, ...]:
    count = generator.randrange(least, 5)
    while True:
        drawn = tuple(plain(generator) for _ in range(count))
        if len({str(value(node)) for node in drawn}) == count:
            return drawn


def _sets(generator: random.Random) -> Twins:
    elements = list(_elements(generator))
    other = generator.sample(elements, len(elements))
    if generator.random() < 0.1:
        other.append(other[0])
    return Node("set", tuple(elements)), Node("set", tuple(other))


def _tuples(generator: random.Random) -> Twins:
    node = Node("tuple", _elements(generator))
    return node, node


def _lists(generator: random.Random) -> Twins:
    elements = _elements(generator)
    return Node("list", elements), Node("list", tuple(generator.sample(elements, len(elements))))


def _solutions(generator: random.Random) -> Twins:
    if generator.random() < 0.25:
        whole, part = plain(generator), root(integer(generator.choice(SQUARE_FREE)))
        pair = (add(whole, part), add(whole, negative(part)))
        return Node("solutions", pair), Node("solutions", pair[::-1])
    elements = _elements(generator, 1)
    return Node("solutions", elements), Node("solutions", tuple(generator.sample(elements, len(elements))))


def _matrices(generator: random.Random) -> Twins:
    rows, columns = generator.choice(((2, 2), (2, 2), (3, 3), (2, 3), (2, 1), (3, 1)))
    node = Node("matrix", tuple(plain(generator) for _ in range(rows * columns)), columns)
    return node, node


def _determinants(generator: random.Random) -> Twins:
    size = generator.choice((2, 2, 3))
    cells = tuple(integer(generator.randrange(-9, 10)) for _ in range(size * size))
    node = Node("det", (Node("matrix", cells, size),))
    return node, integer(int(value(node).real))


def _equations(generator: random.Random) -> Twins:
    x, y = symbol("x"), symbol("y")
    a, b, c = generator.randrange(2, 9), nonzero(generator, 9), generator.randrange(2, 12)
    radius = integer(c**2)
    forms = (
        (y, add(mul(integer(a), x), integer(b))),
        (add(mul(integer(a), x), mul(integer(c), y)), integer(b)),
        (add(power(x, 2), power(y, 2)), radius),
        (add(power(linear(generator, "x"), 2), power(add(y, integer(b)), 2)), radius),
        (y, add(power(x, 2), integer(b))),
        (y, add(mul(fraction(generator, 9), x), integer(b))),
        (add(mul(integer(a), power(x, 2)), mul(integer(c), power(y, 2))), integer(a * c)),
    )
    left, right = generator.choice(forms)
    first = Node("equation", (left, right))
    how = generator.randrange(4)
    if how == 0:
        factor = integer(generator.randrange(2, 6))
        return first, Node("equation", (mul(factor, left), mul(factor, right)))
    if how == 1:
        return first, Node("equation", (add(left, *_negatives(right)), integer(0)))
    if how == 2:
        term = integer(nonzero(generator, 9))
        return first, Node("equation", (add(left, term), add(right, term)))
    return first, first


def _negatives(node: Node) -> tuple[Node, ...]:
    return tuple(negative(term) for term in (node.args if node.op == "add" else (node,)))


def _systems(generator: random.Random) -> Twins:
    count = generator.choice((2, 2, 3))
    names = generator.choice((("x", "y", "z"), ("a", "b", "c"), ("p", "q", "r")))[:count]
    found = tuple(plain(generator) for _ in names)
    order = generator.sample(range(count), count)
    return Node("system", found, names), Node("system", tuple(found[k] for k in order), tuple(names[k] for k in order))


def _quantities(generator: random.Random) -> Twins:
    name = generator.choice(list(UNITS))
    unit = UNITS[name]
    first = Node("quantity", (_amount(generator),), name)
    others = [other for other in UNITS if UNITS[other].dimension == unit.dimension and other != name]
    how = generator.random()
    if others and how < 0.5:
        other = generator.choice(others)
        amount = first.args[0]
        number = Fraction(amount.data) * unit.factor / UNITS[other].factor
        return first, Node("quantity", (_shortest(number),), other)
    return first, first.args[0] if how > 0.93 else first


def _amount(generator: random.Random) -> Node:
    number = generator.randrange(1, 400)
    return decimal(f"{number / 10}") if generator.random() < 0.3 else integer(number)


def _shortest(number: Fraction) -> Node:
    """Write a number as a decimal where it is a short one."""
    places = next((k for k in range(7) if (number * 10**k).denominator == 1), None)
    if not places:
        return rational(number)
    return decimal(f"{float(number):.{places}f}")


def _ratios(generator: random.Random) -> Twins:
    parts = [generator.randrange(1, 20) for _ in range(generator.choice((2, 2, 2, 3)))]
    factor = generator.randrange(1, 6)
    first, second = (Node("ratio", tuple(integer(part * k) for part in parts)) for k in (1, factor))
    return first, second


STRUCTURES: dict[str, Callable[[random.Random], Twins]] = {
    "intervals": _intervals,
    "unions": _unions,
    "inequalities": _inequalities,
    "sets": _sets,
    "tuples": _tuples,
    "lists": _lists,
    "solutions": _solutions,
    "matrices": _matrices,
    "determinants": _determinants,
    "equations": _equations,
    "systems": _systems,
    "units": _quantities,
    "ratios": _ratios,
}


def valid(node: Node) -> bool:
    """Tell whether intervals have their lower end first, those of a union are apart, and one number has a unit."""
    if node.op == "quantity" and node.args[0].op in ("add", "mul"):
        return False
    try:
        return all(_ordered(part) for part in walk(node) if part.op in SETS)
    except ArithmeticError:
        return False


def _ordered(node: Node) -> bool:
    if node.op == "condition":
        return True
    if node.op == "distance":
        return bool(value(node.args[1]).real > 0)
    if node.op == "interval":
        low, high = map(value, node.args)
        return low.imag == high.imag == 0 and bool(low.real < high.real)
    ordered = sorted(node.args, key=lambda one: value(one.args[0]).real)
    for left, right in itertools.pairwise(ordered):
        gap = value(right.args[0]).real - value(left.args[1]).real
        if gap < 0 or (gap == 0 and (left.data[1], right.data[0]) != (")", "(")):
            return False
    return True
