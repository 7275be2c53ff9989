"""Whether two trees are the same answer, by their values and the documented policy: `same`.

Whatever the values or the policy leave open is None, and a pair of which one does not know is left out.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from fractions import Fraction
from typing import Any

import mpmath

from benchmarks.campaign.trees import (
    DECIMALS,
    DIGITS,
    SETS,
    STRUCTURES,
    Node,
    points,
    symbols,
    unsigned,
    value,
    values,
)
from benchmarks.campaign.unit_table import UNITS

EQUAL, DIFFERENT = mpmath.mpf(10) ** -45, mpmath.mpf(10) ** -30
"""Relative differences below and above which two values are the same and are not."""
ROUNDED_DIGITS = 3
"""Significant digits from which on a gold decimal is met by what rounds to it."""
RELATIVE_TOLERANCE = 1e-6
"""How far a rounded decimal may be from a gold that is exact."""


def same(gold: Node, answer: Node) -> bool | None:
    """Tell whether an answer is the gold answer; None where that is open."""
    with mpmath.workdps(DIGITS):
        return _same(gold, answer)


def _same(gold: Node, answer: Node) -> bool | None:
    kinds = (_kind(gold), _kind(answer))
    if kinds[0] == kinds[1]:
        return _COMPARED[kinds[0]](gold, answer)
    if "quantity" in kinds and "value" in kinds:  # a unit left out or added
        return _values(*(node.args[0] if node.op == "quantity" else node for node in (gold, answer)))
    if set(kinds) in ({"tuple", "set"}, {"list", "value"}, {"solutions", "value"}, {"set", "value"}):
        several = gold if kinds[1] in ("value", "set") else answer
        return False if len(several.args) > 1 else None
    if set(kinds) == {"tuple", "sets"}:
        interval = gold if kinds[0] == "sets" else answer
        return False if interval.op == "interval" and interval.data != "()" else None
    return None


def _kind(node: Node) -> str:
    return "sets" if node.op in SETS else node.op if node.op in STRUCTURES else "value"


def _values(gold: Node, answer: Node) -> bool | None:
    names = tuple(sorted({*symbols(gold), *symbols(answer)}))
    verdicts = {
        None if left is None or right is None else _numbers(left, right)
        for left, right in zip(values(gold, names), values(answer, names))
    }
    if verdicts == {True}:
        return True
    if verdicts != {False}:
        return None
    return False if names else _rounded(gold, answer)


def _numbers(left: Any, right: Any) -> bool | None:
    """Tell whether two values are the same; None where they are close to each other."""
    if mpmath.isinf(left) or mpmath.isinf(right):
        return bool(left == right)
    difference, size = abs(left - right), max(abs(left), abs(right))
    if difference <= EQUAL * size or size < EQUAL:
        return True
    return False if difference > DIFFERENT * size else None


def _rounded(gold: Node, answer: Node) -> bool | None:
    """Tell of two constants with different values whether one is the other rounded, as the policy has it."""
    step, own_step = last_place(gold), last_place(answer)
    difference = abs(value(gold) - value(answer))
    if step is not None and significant(gold) >= ROUNDED_DIGITS:
        half = mpmath.mpf(step.numerator) / step.denominator / 2
        return None if abs(difference / half - 1) < 0.001 else bool(difference < half)
    if own_step is None or step is not None:
        return False
    unit = mpmath.mpf(own_step.numerator) / own_step.denominator
    if difference >= unit * (1 - DIFFERENT):  # neither rounded nor cut off
        return False
    within = difference / abs(value(gold)) if value(gold) else mpmath.inf
    if abs(within / RELATIVE_TOLERANCE - 1) < 0.1 or value(gold) == int(value(gold).real):
        return None
    if within > RELATIVE_TOLERANCE:
        return False
    cut = abs(value(answer)) < abs(value(gold))
    return True if cut or difference < 0.499 * unit else False if difference > 0.501 * unit else None


def _decimal(node: Node) -> Node | None:
    inner = unsigned(node)
    inner = unsigned(inner.args[0]) if inner.op == "percent" else inner
    return inner if inner.op in DECIMALS else None


def last_place(node: Node) -> Fraction | None:
    """Return what one step of a decimal's last digit is worth; None for what is no decimal."""
    inner = _decimal(node)
    if inner is None:
        return None
    digits, exponent = (inner.data, 0) if inner.op == "dec" else inner.data
    places = len(digits.partition(".")[2])
    return Fraction(10) ** (exponent - places) / (100 if unsigned(node).op == "percent" else 1)


def significant(node: Node) -> int:
    """Count the significant digits of a decimal; 0 for what is no decimal."""
    inner = _decimal(node)
    if inner is None:
        return 0
    digits = inner.data if inner.op == "dec" else inner.data[0]
    return len(digits.replace(".", "").lstrip("0"))


def _all(verdicts: Iterable[bool | None]) -> bool | None:
    found = set(verdicts)
    return False if False in found else None if None in found else True


def _ordered(gold: Node, answer: Node) -> bool | None:
    if len(gold.args) != len(answer.args) or gold.data != answer.data:
        return False
    return _all(map(_same, gold.args, answer.args))


def _unordered(gold: tuple[Node, ...], answer: tuple[Node, ...]) -> bool | None:
    """Match the elements; they are few."""
    if len(gold) != len(answer):
        return False
    table = [[_same(left, right) for right in answer] for left in gold]
    matchings = [_all(map(list.__getitem__, table, order)) for order in itertools.permutations(range(len(gold)))]
    return True if True in matchings else None if None in matchings else False


def _lists(gold: Node, answer: Node) -> bool | None:
    return _unordered(gold.args, answer.args)


def _distinct(node: Node) -> tuple[Node, ...]:
    kept: list[Node] = []
    for part in node.args:
        if not any(_same(part, other) for other in kept):
            kept.append(part)
    return tuple(kept)


def _systems(gold: Node, answer: Node) -> bool | None:
    """Compare values by name: the data are the names, in the order of the values."""
    if sorted(gold.data) != sorted(answer.data):
        return None
    other = dict(zip(answer.data, answer.args))
    return _all(_same(part, other[name]) for name, part in zip(gold.data, gold.args))


def _real_sets(gold: Node, answer: Node) -> bool | None:
    left, right = _pieces(gold), _pieces(answer)
    if len(left) != len(right):
        return False
    brackets = all(first[1] == second[1] for first, second in zip(left, right))
    ends = _all(
        _numbers(*ends) for first, second in zip(left, right) for ends in ((first[0], second[0]), (first[2], second[2]))
    )
    return ends if brackets else False


def _pieces(node: Node) -> list[tuple[Any, str, Any]]:
    """Return (low end, brackets, high end) of the intervals, which are disjoint and do not touch, in order."""
    if node.op == "distance":
        return _around(node)
    intervals = (node,) if node.op == "interval" else node.args
    pieces = [(value(one.args[0]).real, one.data, value(one.args[1]).real) for one in intervals]
    if node.op == "condition":
        factor, shift = node.data
        pieces = [((low - shift) / factor, brackets, (high - shift) / factor) for low, brackets, high in pieces]
        if factor < 0:
            pieces = [(low, brackets[::-1].translate(_MIRRORED), high) for high, brackets, low in pieces]
    return sorted(pieces, key=lambda piece: piece[0])


_MIRRORED = str.maketrans("()[]", ")(][")


def _around(node: Node) -> list[tuple[Any, str, Any]]:
    """Return the intervals that are near a middle, or those that are not."""
    middle, distance = (value(part).real for part in node.args)
    low, high = middle - distance, middle + distance
    if node.data[0] == "<":
        return [(low, "()" if node.data == "<" else "[]", high)]
    inner = "()" if node.data == ">" else "[]"
    return [(-mpmath.inf, "(" + inner[1], low), (high, inner[0] + ")", mpmath.inf)]


def _quantities(gold: Node, answer: Node) -> bool | None:
    units = [UNITS[gold.data], UNITS[answer.data]]
    if units[0].dimension != units[1].dimension:
        return False
    if gold.data == answer.data:
        return _values(gold.args[0], answer.args[0])
    sides = [
        value(node.args[0]) * unit.factor.numerator / unit.factor.denominator
        for node, unit in zip((gold, answer), units)
    ]
    verdict = _numbers(*sides)
    steps = [last_place(node.args[0]) for node in (gold, answer)]
    if verdict is False:
        margins = [step * unit.factor for step, unit in zip(steps, units) if step is not None]
        within = max((mpmath.mpf(margin.numerator) / margin.denominator for margin in margins), default=0)
        return None if abs(sides[0] - sides[1]) < within * 0.99 else False
    return verdict


def _ratios(gold: Node, answer: Node) -> bool | None:
    if _is_time(gold) or _is_time(answer):
        return None
    if len(gold.args) != len(answer.args):
        return False
    left, right = ([value(part) / value(node.args[0]) for part in node.args] for node in (gold, answer))
    return _all(map(_numbers, left, right))


def _is_time(node: Node) -> bool:
    """Tell whether a ratio is written as a time of the day, which it then is."""
    first, *rest = (part.data if part.op == "int" else -1 for part in node.args)
    return 0 <= first <= 24 and all(10 <= part < 60 for part in rest)


def _equations(gold: Node, answer: Node) -> bool | None:
    """Compare the zeros in the last variable, with their multiplicities, at some values of the others.

    Both sides are polynomials in that variable.
    """
    names = tuple(sorted({*symbols(gold), *symbols(answer)}))
    if set(symbols(gold)) != set(symbols(answer)):
        return None
    verdicts: set[bool | None] = set()
    for point in points(names)[:3]:
        left, right = (_zeros(node, dict(point), names[-1]) for node in (gold, answer))
        if left is None or right is None:
            return None
        near = [min((abs(zero - other) for other in right), default=mpmath.inf) for zero in left]
        if len(left) == len(right) and all(distance < mpmath.mpf(10) ** -15 for distance in near):
            verdicts.add(True)
        elif any(distance > mpmath.mpf(10) ** -6 for distance in near) or len(left) != len(right):
            verdicts.add(False)
        else:
            verdicts.add(None)
    return verdicts.pop() if len(verdicts) == 1 else None


_DEGREE = 4


def _zeros(node: Node, point: dict[str, Any], name: str) -> list[Any] | None:
    """Return the zeros of the difference of the sides, a polynomial of degree `_DEGREE` at most, through its values."""
    at = [mpmath.mpf(k) for k in range(-2, _DEGREE - 1)]
    heights = []
    for place in at:
        point[name] = place
        try:
            heights.append(value(node.args[0], point) - value(node.args[1], point))
        except ArithmeticError:
            return None
    coefficients = mpmath.lu_solve(mpmath.matrix([[x**k for k in range(_DEGREE, -1, -1)] for x in at]), heights)
    tiny = mpmath.mpf(10) ** -40 * max(map(abs, coefficients))
    kept = list(itertools.dropwhile(lambda c: abs(c) <= tiny, coefficients))
    if len(kept) < 2:
        return None
    return list(mpmath.polyroots(kept, maxsteps=200, extraprec=200))


_COMPARED: dict[str, Callable[[Node, Node], bool | None]] = {
    "value": _values,
    "set": lambda gold, answer: _unordered(_distinct(gold), _distinct(answer)),
    "tuple": _ordered,
    "list": _lists,
    "matrix": _ordered,
    "solutions": lambda gold, answer: _unordered(_distinct(gold), _distinct(answer)),
    "system": _systems,
    "sets": _real_sets,
    "quantity": _quantities,
    "ratio": _ratios,
    "equation": _equations,
}
