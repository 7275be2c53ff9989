"""Exact values: `exact` evaluates what is rational, within limits, without evaluating anything else."""

from __future__ import annotations

import functools
import hashlib
import math
from collections.abc import Callable, Mapping
from fractions import Fraction

from verifiers.expressions.errors import NoValueError, TooLargeError, UndecidedError
from verifiers.expressions.tree import Node, Op, indexed_symbols
from verifiers.expressions.work import charge

MAX_BITS = 34_000
"""Largest numerator or denominator: about 10,000 decimal digits."""
_BITS_PER_UNIT = 128
MAX_TERMS = 10_000
"""Most terms of all the series of one tree."""


def exact(node: Node, values: Mapping[str, Fraction] | None = None) -> Fraction:
    """The rational value of a tree.

    Args:
        node: the tree.
        values: what its variables stand for.

    Raises:
        UndecidedError: the value is not rational for certain, or a variable has no value.
        NoValueError: there is a division by zero.
        TooLargeError: a number would pass `MAX_BITS`, or a series `MAX_TERMS`.

    """
    return _Exact(dict(values or {})).value(node)


def bounded(value: Fraction) -> Fraction:
    """The value itself, its size charged as work.

    Raises:
        TooLargeError: it has more than `MAX_BITS`, or the comparison has cost too much.

    """
    charge(1 + (value.numerator.bit_length() + value.denominator.bit_length()) // _BITS_PER_UNIT)
    if value.numerator.bit_length() > MAX_BITS or value.denominator.bit_length() > MAX_BITS:
        raise TooLargeError("a number of more than 10,000 digits")
    return value


def unknown_function(name: str, key: str) -> Fraction:
    """A value for f(key) that depends on nothing else, for functions that nothing is known of."""
    digest = hashlib.blake2b(f"{name}|{key}".encode(), digest_size=6).digest()
    return 1 + Fraction(int.from_bytes(digest), 2**47)


class _Exact:
    def __init__(self, values: dict[str, Fraction]) -> None:
        self.values = values
        self.terms = 0

    def value(self, node: Node) -> Fraction:
        method = _METHODS.get(node.op)
        if method is None:
            raise UndecidedError(f"{node.op} has no rational value")
        return method(self, node)

    def number(self, node: Node) -> Fraction:
        return node.data.value

    def symbol(self, node: Node) -> Fraction:
        try:
            return self.values[node.data]
        except KeyError:
            raise UndecidedError(f"{node.data!r} has no value") from None

    def based(self, node: Node) -> Fraction:
        return Fraction(int(*node.data))

    def add(self, node: Node) -> Fraction:
        total = Fraction(0)
        for term in node.args:
            total = bounded(total + self.value(term))
        return total

    def mul(self, node: Node) -> Fraction:
        product = Fraction(1)
        for factor in node.args:
            product = bounded(product * self.value(factor))
        return product

    def div(self, node: Node) -> Fraction:
        top, bottom = map(self.value, node.args)
        if not bottom:
            raise NoValueError("division by zero")
        return bounded(top / bottom)

    def neg(self, node: Node) -> Fraction:
        return -self.value(node.args[0])

    def pow(self, node: Node) -> Fraction:
        base = self.value(node.args[0])
        exponent = self.value(node.args[1])
        if exponent.denominator != 1:
            raise UndecidedError("a fractional power")
        return power(base, exponent.numerator)

    def quantity(self, node: Node) -> Fraction:
        if node.data != "%":
            raise UndecidedError("a value with a unit")
        return self.value(node.args[0]) / 100

    def series(self, node: Node) -> Fraction:
        kind, index = node.data
        first, last = (self.value(limit) for limit in node.args[:2])
        if first.denominator != 1 or last.denominator != 1:
            raise NoValueError("a series between fractions")
        count = max(0, int(last - first) + 1)
        self.terms += count
        if self.terms > MAX_TERMS:
            raise TooLargeError(f"a series of more than {MAX_TERMS} terms")
        if indexed_symbols(node.args[2], index):
            raise UndecidedError("a series over indexed variables")
        outer = self.values.get(index)
        total = Fraction(0 if kind == "sum" else 1)
        for at in range(count):
            self.values[index] = first + at
            term = self.value(node.args[2])
            total = bounded(total + term if kind == "sum" else total * term)
        if outer is None:
            self.values.pop(index, None)
        else:
            self.values[index] = outer
        return total

    def call(self, node: Node) -> Fraction:
        function = EXACT_FUNCTIONS.get(node.data)
        args = [self.value(arg) for arg in node.args]
        if function is None:
            raise UndecidedError(f"{node.data} has no rational value")
        return bounded(function(*args))


_METHODS: dict[Op, Callable[[_Exact, Node], Fraction]] = {
    Op.NUMBER: _Exact.number,
    Op.SYMBOL: _Exact.symbol,
    Op.BASED: _Exact.based,
    Op.ADD: _Exact.add,
    Op.MUL: _Exact.mul,
    Op.DIV: _Exact.div,
    Op.NEG: _Exact.neg,
    Op.POW: _Exact.pow,
    Op.QUANTITY: _Exact.quantity,
    Op.SERIES: _Exact.series,
    Op.CALL: _Exact.call,
}


def power(base: Fraction, exponent: int) -> Fraction:
    """An integer power, unless it would be too large.

    Raises:
        NoValueError: zero to a power that is not positive.
        TooLargeError: the result would pass `MAX_BITS`.

    """
    if not base:
        if exponent <= 0:
            raise NoValueError("zero to a power that is not positive")
        return base
    if abs(base) == 1:
        return base if exponent % 2 else Fraction(1)
    bits = max(base.numerator.bit_length(), base.denominator.bit_length())
    if (bits - 1) * abs(exponent) > MAX_BITS or abs(exponent) > MAX_BITS:
        raise TooLargeError("a power of more than 10,000 digits")
    return bounded(base**exponent)


def _integers(*values: Fraction) -> list[int]:
    if any(value.denominator != 1 for value in values):
        raise UndecidedError("an argument that is no integer")
    return [value.numerator for value in values]


def _factorial(value: Fraction) -> Fraction:
    (n,) = _integers(value)
    if n < 0:
        raise NoValueError("the factorial of a negative number")
    charge(max(n, 0) // 4)
    if n > 3_300:
        raise TooLargeError("a factorial of more than 10,000 digits")
    return Fraction(math.factorial(n))


def _double_factorial(value: Fraction) -> Fraction:
    (n,) = _integers(value)
    if n < 0:
        raise NoValueError("the double factorial of a negative number")
    if n > 6_000:
        raise TooLargeError("a double factorial of more than 10,000 digits")
    charge(n)
    return Fraction(math.prod(range(n, 0, -2)))


def _binomial(top: Fraction, bottom: Fraction) -> Fraction:
    n, k = _integers(top, bottom)
    if n < 0 or k < 0:
        raise UndecidedError("a binomial coefficient of negative numbers")
    if min(k, n - k) * n.bit_length() > MAX_BITS:
        raise TooLargeError("a binomial coefficient of more than 10,000 digits")
    charge(min(k, n - k) // 4)
    return Fraction(math.comb(n, k))


def _permutation(top: Fraction, bottom: Fraction) -> Fraction:
    n, k = _integers(top, bottom)
    if n < 0 or k < 0:
        raise UndecidedError("permutations of a negative number")
    if k * n.bit_length() > MAX_BITS:
        raise TooLargeError("permutations of more than 10,000 digits")
    charge(k // 4)
    return Fraction(math.perm(n, k))


def _common(of_tops: Callable[..., int], of_bottoms: Callable[..., int], *values: Fraction) -> Fraction:
    """The largest rational that divides all values by integers, or the smallest that all divide."""
    result = abs(values[0])
    for value in values[1:]:
        bounded(value)
        top = of_tops(result.numerator, value.numerator)
        result = bounded(Fraction(top, of_bottoms(result.denominator, value.denominator)))
    return result


def _mod(left: Fraction, right: Fraction) -> Fraction:
    if not right:
        raise NoValueError("the rest of a division by zero")
    return left % right


def _root(radicand: Fraction, degree: Fraction) -> Fraction:
    (n,) = _integers(degree)
    if not 1 <= n <= 64 or (radicand < 0 and n % 2 == 0):
        raise UndecidedError("a root that is not rational")
    top, bottom = _whole_root(abs(radicand.numerator), n), _whole_root(radicand.denominator, n)
    if top is None or bottom is None:
        raise UndecidedError("a root that is not rational")
    return Fraction(top if radicand >= 0 else -top, bottom)


def _whole_root(value: int, n: int) -> int | None:
    if n == 2:
        root = math.isqrt(value)
        return root if root * root == value else None
    if value.bit_length() > 1_000:
        raise UndecidedError("the root of a large number")
    low, high = 0, 1 << (value.bit_length() // n + 1)
    while low < high:
        middle = (low + high) // 2
        if middle**n < value:
            low = middle + 1
        else:
            high = middle
    return low if low**n == value else None


def _log(value: Fraction, base: Fraction | None = None) -> Fraction:
    """A logarithm that is an integer."""
    if base is None or value <= 0 or base <= 1 or base.denominator != 1:
        raise UndecidedError("a logarithm that is not rational")
    if value < 1:
        return -_log(1 / value, base)
    if value.denominator != 1 or value.numerator.bit_length() > MAX_BITS:
        raise UndecidedError("a logarithm that is not rational")
    exponent = round((value.numerator.bit_length() - 1) / math.log2(base)) if base < 2**1000 else 1
    for near in (exponent - 1, exponent, exponent + 1):
        if near >= 0 and power(base, near) == value:
            return Fraction(near)
    raise UndecidedError("a logarithm that is not rational")


EXACT_FUNCTIONS: dict[str, Callable[..., Fraction]] = {
    "abs": abs,
    "floor": lambda value: Fraction(math.floor(value)),
    "ceil": lambda value: Fraction(math.ceil(value)),
    "factorial": _factorial,
    "double_factorial": _double_factorial,
    "binomial": _binomial,
    "permutation": _permutation,
    "gcd": functools.partial(_common, math.gcd, math.lcm),
    "lcm": functools.partial(_common, math.lcm, math.gcd),
    "max": lambda *values: max(values),
    "min": lambda *values: min(values),
    "mod": _mod,
    "sign": lambda value: Fraction((value > 0) - (value < 0)),
    "root": _root,
    "log": _log,
    "re": lambda value: value,
    "im": lambda value: Fraction(0),
    "conj": lambda value: value,
}
"""Functions of rational numbers whose value is rational, some only for some arguments."""
