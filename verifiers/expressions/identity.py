"""Are two values the same? `same_value`: exactly where they are rational, else at 50 digits.

Two trees without variables are compared by value. With variables they are compared at points: positive and
negative numbers and integers, drawn from the two trees themselves, so that a verdict is always the same and no
answer can be made to agree just there. Rational functions are compared exactly, at points with so many digits
that a wrong identity cannot hold by chance (Schwartz and Zippel).

Whole numbers alone decide for what is defined at them only, and for the letters that stand for them: (-1)^n is
cos(n pi), e^(2 pi i x) is not 1.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from fractions import Fraction
from itertools import islice
from typing import Any

from verifiers.expressions.approximate import Approximation, context, is_real
from verifiers.expressions.errors import NoValueError, TooLargeError, UndecidedError
from verifiers.expressions.exact import exact
from verifiers.expressions.tree import Node, Op, fingerprint, free_symbols, operations, walk

DIGITS = 50
"""Decimal digits of the comparison."""
_FLOAT_DIGITS = 15
_REFUTED = 1e-7
_EQUAL_DIGITS = 35
_RATIONAL = frozenset({Op.NUMBER, Op.SYMBOL, Op.BASED, Op.ADD, Op.MUL, Op.DIV, Op.NEG, Op.POW, Op.QUANTITY})
_WHOLE = frozenset("jklmnN")
"""Variables that stand for whole numbers."""
_EXACT_POINTS = 3
_FEWEST_POINTS = 3
_ENOUGH_POINTS = 6
_MOST_DIGITS = 3_200
_LOST_DIGITS = 15


def same_value(left: Node, right: Node) -> bool | None:
    """Whether two trees have the same value, everywhere where both are defined.

    Where only one of them is real (ln(x^2) and 2 ln x for negative x), that point decides nothing.

    Returns:
        True or False; None where no point could decide, because symbolic work is needed.

    Raises:
        TooLargeError: a magnitude or the work passes the limits.

    """
    if left == right:
        return True
    if not free_symbols(left) and not free_symbols(right):
        return _same_constant(left, right)
    if operations(left) <= _RATIONAL and operations(right) <= _RATIONAL:
        verdict = _same_rational(left, right)
        if verdict is not None:
            return verdict
    return _same_function(left, right)


def _same_constant(left: Node, right: Node) -> bool | None:
    try:
        return exact(left) == exact(right)
    except NoValueError:
        return False
    except UndecidedError:
        pass
    try:
        verdict = _same_at(left, right, {})
    except NoValueError:
        return False
    except UndecidedError:
        return None
    if not verdict and _has_bare_logarithm(left, right):
        return bool(_same_at(left, right, {}, log_base=10))
    return verdict


def _same_rational(left: Node, right: Node) -> bool | None:
    agreed = 0
    for values in islice(points(left, right), 2 * _EXACT_POINTS):
        try:
            if exact(left, values) != exact(right, values):
                return False
        except NoValueError:
            continue
        except (UndecidedError, TooLargeError):
            return None
        agreed += 1
        if agreed == _EXACT_POINTS:
            return True
    return None


def _same_function(left: Node, right: Node) -> bool | None:
    verdict = _agree(left, right, None)
    if verdict is False and _has_bare_logarithm(left, right):
        return _agree(left, right, 10)
    return verdict


def _agree(left: Node, right: Node, log_base: int | None) -> bool | None:
    real_points = whole_points = 0
    is_split = False
    names = free_symbols(left) | free_symbols(right)
    too_large: TooLargeError | None = None
    for values in points(left, right):
        try:
            agree = _same_at(left, right, values, log_base)
        except NoValueError:
            continue
        except UndecidedError:
            return None
        except TooLargeError as error:
            too_large = error
            continue
        if agree is None:
            is_split |= all(value > 0 for value in values.values())
            continue
        if not agree:
            return False
        if _are_whole(values):
            whole_points += 1
        else:
            real_points += 1
            if real_points == _ENOUGH_POINTS:
                return True
    if too_large is not None and not real_points + whole_points:
        raise too_large
    if real_points >= _FEWEST_POINTS:
        return True
    if is_split and not names <= _WHOLE:  # one of them is real where the other is not
        return None if real_points else False
    return True if whole_points >= _ENOUGH_POINTS else None


def _same_at(left: Node, right: Node, values: dict[str, Fraction], log_base: int | None = None) -> bool | None:
    """Whether the values at a point agree; None where only one of them is real."""
    try:
        rough = Approximation(_FLOAT_DIGITS, values, log_base)
        first, second = rough.value(left), rough.value(right)
        if abs(first - second) > _REFUTED * max(rough.scale, 1e-300) and _comparable(first, second, values, 15):
            return False
    except (UndecidedError, TooLargeError, NoValueError):
        pass
    fine = Approximation(DIGITS, values, log_base)
    first, second = fine.value(left), fine.value(right)
    if not _comparable(first, second, values, DIGITS):
        return None
    gap, size = abs(first - second), max(abs(first), abs(second))
    if size > fine.context.mpf(10) ** -(DIGITS - _EQUAL_DIGITS) * fine.scale and (
        gap == 0 or gap > fine.context.mpf(10) ** -_EQUAL_DIGITS * size
    ):
        return bool(gap == 0)
    return _same_beside_larger(left, right, values, log_base, fine.scale)


def _same_beside_larger(left: Node, right: Node, values: dict[str, Fraction], log_base: int | None, scale: Any) -> bool:
    """Whether values agree up to rounding, at so many digits that nothing else can hide in it."""
    digits = 2 * DIGITS
    while scale > 1 and digits < DIGITS + 2 * int(context(DIGITS).log10(scale)):
        digits *= 2
    if digits > _MOST_DIGITS:
        raise TooLargeError(f"a difference that needs {digits} digits")
    fine = Approximation(digits, values, log_base)
    first, second = fine.value(left), fine.value(right)
    return bool(abs(first - second) <= fine.context.mpf(10) ** -(digits - _LOST_DIGITS) * fine.scale)


def _comparable(first: Any, second: Any, values: dict[str, Fraction], digits: int) -> bool:
    if _are_whole(values):
        return True
    if is_real(first, digits) != is_real(second, digits):
        return False
    # two complex values at a negative point may differ by the branch that was taken
    return is_real(first, digits) or all(value > 0 for value in values.values())


def _has_bare_logarithm(*trees: Node) -> bool:
    return any(
        node.op is Op.CALL and node.data == "log" and len(node.args) == 1 for tree in trees for node in walk(tree)
    )


def _are_whole(values: dict[str, Fraction]) -> bool:
    return all(value.denominator == 1 for value in values.values())


def points(left: Node, right: Node) -> Iterator[dict[str, Fraction]]:
    """Draw points for the variables of two trees: near and far, positive, negative and mixed, and integers.

    Between them, letters for whole numbers are such and the others are not.
    """
    names = sorted(free_symbols(left) | free_symbols(right))
    seed = "=".join(sorted((fingerprint(left), fingerprint(right))))
    generator = random.Random(seed.encode("utf-8", "surrogatepass"))

    def draw(low: int, high: int) -> Fraction:
        return Fraction(generator.randrange(low * 10**12, high * 10**12) | 1, 10**12)

    spans = ((0, 2), (-9_000, -300), (300, 9_000), (-60, -5), (5, 60), (-3, 0), (1, 4), (-3, 3), (-3, 3), (-3, 3))
    for span in spans:
        yield {name: draw(*span) for name in names}
    if 0 < len(_WHOLE.intersection(names)) < len(names):
        for span in ((0, 2), (5, 60), (1, 4), (0, 2), (0, 8), (3, 9)):
            yield {name: Fraction(generator.randint(1, 12)) if name in _WHOLE else draw(*span) for name in names}
    for most in (6, 7, 8, 9, 10, 12, 15, 20, 30, 40, 100, 300, 1_000):
        yield {name: Fraction(generator.randint(1, most)) for name in names}
