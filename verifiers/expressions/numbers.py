"""Numbers as an answer gives them: literals, and decimals that stand for something near."""

from __future__ import annotations

from fractions import Fraction

from verifiers.expressions.approximate import Approximation, is_real
from verifiers.expressions.equality import EqualityPolicy
from verifiers.expressions.errors import NoValueError, TooLargeError, UndecidedError
from verifiers.expressions.exact import exact
from verifiers.expressions.identity import DIGITS, same_value
from verifiers.expressions.tree import Node, Op, free_symbols
from verifiers.numeric import MAX_EXPONENT, Form, Number

FEWEST_ROUNDED_DIGITS = 3
"""A gold decimal with fewer significant digits is taken as exact: "2.5" is not 2.54."""


def literal(node: Node) -> Number | None:
    r"""The number that a tree is written as: "-3.0", "3\times 10^8"; None for anything to be computed."""
    if node.op is Op.NUMBER:
        return node.data
    if node.op is Op.NEG:
        inner = literal(node.args[0])
        return None if inner is None else Number(-inner.value, inner.form, inner.digits, inner.place)
    if node.op is Op.MUL and len(node.args) == 2 and node.args[0].op is Op.NUMBER:
        exponent = _power_of_ten(node.args[1])
        mantissa = node.args[0].data
        if exponent is not None and mantissa.form is not Form.FRACTION:
            digits = mantissa.digits or len(str(abs(mantissa.value.numerator)).rstrip("0"))
            return Number(mantissa.value * Fraction(10) ** exponent, Form.DECIMAL, digits, mantissa.place + exponent)
    return None


def _power_of_ten(node: Node) -> int | None:
    if node.op is not Op.POW or any(part.op is not Op.NUMBER for part in node.args):
        return None
    base, exponent = (part.data.value for part in node.args)
    if base != 10 or exponent.denominator != 1 or abs(exponent) > MAX_EXPONENT:
        return None
    return exponent.numerator


def window(gold: Number, precision: int | None) -> tuple[Fraction, Fraction]:
    """What a gold number stands for: a value, and how far from it an answer may be (0: not at all).

    Args:
        gold: the number.
        precision: decimals that count; None: those of a decimal of three digits or more.

    """
    if precision is not None:
        return round(gold.value, precision), Fraction(1, 2 * 10**precision)
    if gold.form is Form.DECIMAL and gold.digits >= FEWEST_ROUNDED_DIGITS:
        return gold.value, Fraction(10) ** gold.place / 2
    return gold.value, Fraction(0)


def same_number(gold: Node, answer: Node, policy: EqualityPolicy, precision: int | None) -> bool | None:
    """Whether two values are the same, decimals being near enough; see `EqualityPolicy`.

    A gold decimal of three or more digits is met by what rounds to it; a decimal answer meets a gold that
    no decimal equals if it rounds (or is cut off) to the answer and is within the relative tolerance.

    Args:
        gold: the gold value.
        answer: the answer's.
        policy: the tolerance.
        precision: decimals that count, for a gold decimal; None: its own.

    Returns:
        True or False; None where symbolic work is needed.

    Raises:
        TooLargeError: a magnitude or the work passes the limits.

    """
    verdict = same_value(gold, answer)
    if verdict:
        return True
    if free_symbols(gold) or free_symbols(answer):
        return verdict
    target, given = literal(gold), literal(answer)
    if target is not None:
        center, width = window(target, precision)
        if width:
            value = _value(answer)
            return verdict if value is None else abs(value - center) <= width
        if target.form is not Form.FRACTION:
            return verdict
    if given is not None and given.form is Form.DECIMAL:
        return _stands_for(given, gold, policy)
    return verdict


def rounds_to(value: Node, rounded: Node) -> bool:
    """Whether a number is a value rounded or cut off at its own last digit."""
    number = literal(rounded)
    if number is None or number.form is Form.FRACTION:
        return False
    try:
        at = Approximation(DIGITS, {}).value(value)
    except (UndecidedError, NoValueError, TooLargeError):
        return False
    if not is_real(at, DIGITS):
        return False
    real = getattr(at, "real", at)
    written = real.context.mpf(number.value.numerator) / number.value.denominator
    step = real.context.mpf(10) ** number.place
    return bool(abs(real - written) * 2 <= step or (abs(real - written) < step and abs(written) < abs(real)))


def _stands_for(given: Number, gold: Node, policy: EqualityPolicy) -> bool:
    value = _value(gold)
    if value is None or _has_finite_decimals(value):
        return False
    gap, step = abs(given.value - value), Fraction(10) ** given.place
    cut_off = gap < step and abs(given.value) < abs(value)
    return (gap * 2 <= step or cut_off) and gap <= Fraction(policy.relative_tolerance) * abs(value)


def _has_finite_decimals(value: Fraction) -> bool:
    denominator = value.denominator
    if denominator.bit_length() > 128:  # an irrational value at 50 digits
        return False
    for prime in (2, 5):
        while denominator % prime == 0:
            denominator //= prime
    return denominator == 1


def _value(node: Node) -> Fraction | None:
    """The value as a fraction, of an irrational number to 50 digits; None where it has no real one."""
    try:
        return exact(node)
    except (UndecidedError, NoValueError):
        pass
    try:
        value = Approximation(DIGITS, {}).value(node)
    except (UndecidedError, NoValueError):
        return None
    if not is_real(value, DIGITS):
        return None
    real = value.real if hasattr(value, "imag") else value
    sign, mantissa, exponent, _ = real._mpf_
    if abs(exponent) > 40_000:
        raise TooLargeError("a value beyond 10^10000")
    magnitude = Fraction(int(mantissa)) * Fraction(2) ** exponent
    return -magnitude if sign else magnitude
