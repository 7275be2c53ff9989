"""Sets of real numbers as unions of intervals, so that "x ≠ 2", "(-∞,2)∪(2,∞)" and "ℝ \\ {2}" are one."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

from verifiers.expressions.approximate import Approximation, is_real
from verifiers.expressions.errors import NoValueError, UndecidedError
from verifiers.expressions.exact import exact
from verifiers.expressions.identity import DIGITS
from verifiers.expressions.tree import FUNCTIONS, Node, Op, free_symbols, walk

End = Fraction | float
"""An end of an interval; infinite ends are floats."""

_GRID = 10**40
_COARSEST = 10**30
_SAMPLES = (Fraction(0), Fraction(1), Fraction(5), Fraction(-7, 3))
_FLIPPED = {"<": ">", ">": "<", "<=": ">=", ">=": "<=", "=": "=", "!=": "!="}


@dataclass(frozen=True, slots=True, order=True)
class Interval:
    """One interval; a point has two closed equal ends."""

    low: End
    low_open: bool
    high: End
    high_closed: bool

    @property
    def is_empty(self) -> bool:
        """Whether nothing is in it."""
        if self.low == self.high:
            return self.low_open or not self.high_closed
        return self.low > self.high


class RealSet(tuple[Interval, ...]):
    """Disjoint intervals in order; equal sets are equal tuples."""

    __slots__ = ()

    def __new__(cls, intervals: Iterable[Interval] = ()) -> RealSet:
        """Join what overlaps or touches."""
        joined: list[Interval] = []
        for interval in sorted(interval for interval in intervals if not interval.is_empty):
            last = joined[-1] if joined else None
            if last is not None and (
                interval.low < last.high or (interval.low == last.high and (last.high_closed or not interval.low_open))
            ):
                high = max((last.high, last.high_closed), (interval.high, interval.high_closed))
                joined[-1] = Interval(last.low, last.low_open, *high)
            else:
                joined.append(interval)
        return super().__new__(cls, joined)

    def union(self, other: RealSet) -> RealSet:
        """What is in either."""
        return RealSet((*self, *other))

    def intersection(self, other: RealSet) -> RealSet:
        """What is in both."""
        return RealSet(
            Interval(
                *max((a.low, a.low_open), (b.low, b.low_open)),
                *min((a.high, a.high_closed), (b.high, b.high_closed)),
            )
            for a in self
            for b in other
        )

    def complement(self) -> RealSet:
        """Every other real number."""
        ends: list[Interval] = []
        low: End = -math.inf
        low_open = True
        for interval in self:
            ends.append(Interval(low, low_open, interval.low, interval.low_open))
            low, low_open = interval.high, interval.high_closed
        return RealSet((*ends, Interval(low, low_open, math.inf, False)))

    def minus(self, other: RealSet) -> RealSet:
        """What is in this set alone."""
        return self.intersection(other.complement())

    def solved(self, slope: Fraction, constant: Fraction) -> RealSet:
        """The x for which slope times x plus the constant is in this set; the slope is not 0."""

        def x(end: End) -> End:
            if isinstance(end, float):
                return end if slope > 0 else -end
            if end.denominator > _COARSEST and (abs(slope) != 1 or constant.denominator != 1):
                raise UndecidedError("an end that is known to its last digit only as it is")
            return (end - constant) / slope

        if slope > 0:
            return RealSet(Interval(x(part.low), part.low_open, x(part.high), part.high_closed) for part in self)
        return RealSet(Interval(x(part.high), not part.high_closed, x(part.low), not part.low_open) for part in self)


REALS = RealSet([Interval(-math.inf, True, math.inf, False)])
"""All real numbers."""


def point(value: End) -> RealSet:
    """The set of one number."""
    return RealSet([Interval(value, False, value, True)])


def real_value(node: Node) -> End:
    """A constant tree as an end of an interval.

    Raises:
        UndecidedError: it is no real constant.

    """
    if node.op is Op.CONSTANT and node.data == "inf":
        return math.inf
    if node.op is Op.NEG and node.args[0] == Node(Op.CONSTANT, data="inf"):
        return -math.inf
    if free_symbols(node):
        raise UndecidedError("an end with a variable")
    try:
        return exact(node)
    except UndecidedError:
        value = Approximation(DIGITS, {}).value(node)
    except NoValueError as error:
        raise UndecidedError(str(error)) from error
    if not is_real(value, DIGITS):
        raise UndecidedError("an end that is not real")
    real = value.real if hasattr(value, "imag") else value
    if not 1e-15 < abs(real) < 1e25:
        raise UndecidedError("an end that is too small or too large to be compared")
    return Fraction(int(real * _GRID + (0.5 if real > 0 else -0.5)), _GRID)


def from_set(node: Node) -> RealSet:
    """The numbers in a set that is written as one.

    Raises:
        UndecidedError: it is no set of real numbers with constant ends.

    """
    if node.op is Op.CONSTANT and node.data == "R":
        return REALS
    if node.op is Op.CONSTANT and node.data == "empty":
        return RealSet()
    if node.op is Op.GROUP and len(node.args) == 2 and node.data in ("()", "[]", "[)", "(]"):
        low, high = map(real_value, node.args)
        if low >= high and not (low == high and node.data == "[]"):
            raise UndecidedError("an interval that ends before it starts")
        return RealSet([Interval(low, node.data[0] == "(", high, node.data[1] == "]")])
    if node.op is Op.SET:
        return RealSet([part for item in node.args for part in point(real_value(item))])
    if node.op is Op.SET_OPERATION:
        first, *rest = map(from_set, node.args)
        for other in rest:
            first = getattr(first, node.data)(other)
        return first
    if node.op is Op.ADD and len(node.args) == 2 and node.args[1].op is Op.NEG:
        return from_set(node.args[0]).minus(from_set(node.args[1].args[0]))
    if node.op is Op.BUILDER:
        pattern, condition = node.args
        unknown, values = from_condition(condition)
        if pattern != unknown and not (pattern.op is Op.RELATION and pattern.args[0] == unknown):
            raise UndecidedError("a set of something else than its variable")
        return values
    raise UndecidedError(f"{node.op} is no set of real numbers")


def from_condition(node: Node) -> tuple[Node, RealSet]:
    """The unknown of a condition and the numbers that meet it.

    Raises:
        UndecidedError: it is no condition on one unknown with constant ends.

    """
    if node.op is Op.LIST:
        return _from_conditions(node)
    if node.op is not Op.RELATION:
        raise UndecidedError(f"{node.op} is no condition")
    if node.data in (("in",), ("notin",)) and not free_symbols(node.args[0]):
        raise UndecidedError("membership of a constant")
    if node.data == ("in",):
        return node.args[0], from_set(node.args[1])
    if node.data == ("notin",):
        return node.args[0], from_set(node.args[1]).complement()
    unknown: Node | None = None
    values = REALS
    for left, sign, right in zip(node.args, node.data, node.args[1:]):
        if sign not in _FLIPPED:
            raise UndecidedError(f"the relation {sign!r}")
        if free_symbols(right) or (right.op is Op.CALL and not free_symbols(left)):
            if free_symbols(left):
                raise UndecidedError("two unknowns")
            left, sign, right = right, _FLIPPED[sign], left
        left, part = _solved(left, _half(sign, real_value(right)))
        if unknown is not None and left != unknown:
            raise UndecidedError("two unknowns")
        unknown = left
        values = values.intersection(part)
    assert unknown is not None
    if not free_symbols(unknown):
        raise UndecidedError("a relation without an unknown")
    return unknown, values


def _from_conditions(node: Node) -> tuple[Node, RealSet]:
    unknowns, sets = zip(*map(from_condition, node.args))
    if len(set(unknowns)) != 1:
        raise UndecidedError("several unknowns")
    either = RealSet(interval for values in sets for interval in values)
    both = sets[0]
    for values in sets[1:]:
        both = both.intersection(values)
    if node.data == "and" and (both or any(part.data != ("=",) for part in node.args)):
        return unknowns[0], both  # else "x = 1 and x = 2", which lists what x may be
    return unknowns[0], both if node.data != "or" and both else either


def _solved(left: Node, values: RealSet) -> tuple[Node, RealSet]:
    """The lone unknown of a value, and when the value is in a set: of a linear one, also of an absolute value."""
    names = free_symbols(left)
    is_name = left.op is Op.SYMBOL or (left.op is Op.CALL and left.data not in FUNCTIONS)
    if is_name or len(names) != 1:
        return left, values
    bars = {part for part in walk(left) if part.op is Op.CALL and part.data in ("abs", "norm") and free_symbols(part)}
    if not bars:
        (name,) = names
        return Node(Op.SYMBOL, data=name), values.solved(*_linear(left, name))
    if len(bars) > 1:
        raise UndecidedError("several absolute values")
    (bar,) = bars
    outer = _replaced(left, bar, Node(Op.SYMBOL, data="|"))
    if free_symbols(outer) != {"|"}:
        raise UndecidedError("an unknown inside and outside an absolute value")
    sizes = values.solved(*_linear(outer, "|")).intersection(_half(">=", Fraction(0)))
    return _solved(bar.args[0], sizes.union(sizes.solved(Fraction(-1), Fraction(0))))


def _linear(node: Node, name: str) -> tuple[Fraction, Fraction]:
    """The slope and the constant of a value that is linear in a variable.

    Raises:
        UndecidedError: it is not, or not rational.

    """
    at = [exact(node, {name: x}) for x in _SAMPLES]
    constant, slope = at[0], at[1] - at[0]
    if not slope or any(value != constant + slope * x for value, x in zip(at, _SAMPLES)):
        raise UndecidedError("not linear")
    return slope, constant


def _replaced(node: Node, part: Node, value: Node) -> Node:
    """The tree with every occurrence of a part replaced."""
    if node == part:
        return value
    return Node(node.op, tuple(_replaced(child, part, value) for child in node.args), node.data)


def _half(sign: str, value: End) -> RealSet:
    if sign == "=":
        return point(value)
    if sign == "!=":
        return point(value).complement()
    if sign[0] == ">":
        return RealSet([Interval(value, sign == ">", math.inf, False)])
    return RealSet([Interval(-math.inf, True, value, sign == "<=")])
