"""Approximate values: `Approximation` evaluates a tree in floating point of any precision, within limits."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from verifiers.expressions.errors import NoValueError, TooLargeError, UndecidedError
from verifiers.expressions.exact import EXACT_FUNCTIONS, MAX_BITS, MAX_TERMS, exact, unknown_function
from verifiers.expressions.tree import Node, Op, free_symbols, indexed_symbols
from verifiers.expressions.work import charge

MAX_LOG = 23_026.0
"""Largest natural logarithm of a power: about 10,000 decimal digits."""
_BITS_PER_UNIT = 16
_ROUGH_DIGITS = 20
_COMPUTED = (Op.ADD, Op.MUL, Op.DIV, Op.NEG, Op.POW, Op.CALL)
_DIRECT = ("sin cos tan cot sec csc sinh cosh tanh coth sech csch re im arg conj").split()
_RENAMED = {"arcsin": "asin", "arccos": "acos", "arctan": "atan", "arccot": "acot", "arcsec": "asec", "arccsc": "acsc"}
_RENAMED |= {"arsinh": "asinh", "arcosh": "acosh", "artanh": "atanh"}
_INTEGER_FUNCTIONS = frozenset({"gcd", "lcm", "floor", "ceil", "mod", "binomial", "permutation", "double_factorial"})


class _Contexts(threading.local):
    """mpmath changes the precision of a context while it computes, so that no two threads may share one."""

    def __init__(self) -> None:
        self.by_digits: dict[int, Any] = {}


_contexts = _Contexts()


def context(digits: int) -> Any:
    """This thread's mpmath context of that many decimal digits; 15 stands for hardware floating point."""
    import mpmath

    if digits == 15:
        return mpmath.fp
    found = _contexts.by_digits.get(digits)
    if found is None:
        found = _contexts.by_digits[digits] = mpmath.MPContext()
    found.dps = digits
    return found


class Approximation:
    """The value of trees at one point.

    Attributes:
        scale: the largest absolute value met on the way, which bounds what rounding can do.

    Args:
        digits: decimal digits; 15 is hardware floating point.
        values: what the variables stand for.
        log_base: the base of a logarithm that is written without one; None: natural.

    """

    def __init__(self, digits: int, values: Mapping[str, Fraction], log_base: int | None = None) -> None:
        self.digits = digits
        self.context = context(digits)
        self.values: dict[str, Any] = {name: self._number(value) for name, value in values.items()}
        self.log_base = log_base
        self.scale: Any = 0.0
        self.price = 1 if digits == 15 else 2 + digits // 10
        self.terms = 0

    def value(self, node: Node) -> Any:
        """The value, real or complex.

        Raises:
            UndecidedError: the tree needs symbolic work or is no value.
            NoValueError: the function is not defined at this point.
            TooLargeError: a magnitude or the work passes the limits.

        """
        charge(self.price)
        try:
            result = getattr(self, f"_{node.op.value}")(node)
        except AttributeError:
            raise UndecidedError(f"{node.op.value} has no numerical value") from None
        except (ZeroDivisionError, ValueError) as error:
            raise NoValueError(str(error)) from error
        except OverflowError as error:
            raise TooLargeError(str(error)) from error
        magnitude = abs(result)
        if magnitude != magnitude or magnitude == self.context.inf:
            raise NoValueError("not a finite value")
        if self._bits(magnitude) > MAX_BITS:
            raise TooLargeError("a value beyond 10^10000")
        if magnitude > self.scale:
            self.scale = magnitude
        return result

    def _bits(self, value: Any) -> int:
        """The binary digits of a value before the point, or its zeros behind it; 0 in hardware floating point."""
        return 0 if self.digits == 15 or value == 0 else abs(int(self.context.mag(value)))

    def _number(self, value: Node | Fraction) -> Any:
        fraction = value.data.value if isinstance(value, Node) else value
        if fraction.denominator == 1:
            return self.context.mpf(fraction.numerator)
        return self.context.mpf(fraction.numerator) / fraction.denominator

    def _based(self, node: Node) -> Any:
        return self.context.mpf(int(*node.data))

    def _symbol(self, node: Node) -> Any:
        if node.data not in self.values:
            raise UndecidedError(f"{node.data!r} has no value")
        return self.values[node.data]

    def _constant(self, node: Node) -> Any:
        if node.data in self.values:  # the index of a series may be called i
            return self.values[node.data]
        if node.data == "i":
            return self.context.mpc(0, 1)
        if node.data not in ("pi", "e"):
            raise UndecidedError(f"{node.data} is no number")
        return +getattr(self.context, node.data)

    def _add(self, node: Node) -> Any:
        total = self.value(node.args[0])
        for term in node.args[1:]:
            total = total + self.value(term)
        return total

    def _mul(self, node: Node) -> Any:
        product = self.value(node.args[0])
        for factor in node.args[1:]:
            product = product * self.value(factor)
        return product

    def _div(self, node: Node) -> Any:
        top, bottom = self.value(node.args[0]), self.value(node.args[1])
        if self._is_zero(bottom):
            raise NoValueError("division by zero")
        return top / bottom

    def _neg(self, node: Node) -> Any:
        return -self.value(node.args[0])

    def _pow(self, node: Node) -> Any:
        return self._power(self.value(node.args[0]), self.value(node.args[1]))

    def _power(self, base: Any, exponent: Any) -> Any:
        if base == 0:
            if self._real(exponent) <= 0:
                raise NoValueError("zero to a power that is not positive")
            return base
        whole = self._whole(exponent)
        if abs(self._real(exponent) * self.context.ln(abs(base))) > MAX_LOG or abs(exponent) > 1e9:
            raise TooLargeError("a power beyond 10^10000")
        return base ** (int(whole) if whole is not None else exponent)

    def _quantity(self, node: Node) -> Any:
        value = self.value(node.args[0])
        if node.data == "%":
            return value / 100
        if node.data == "°":
            return value * self.context.pi / 180
        raise UndecidedError("a value with a unit")

    def _series(self, node: Node) -> Any:
        kind, index = node.data
        limits = [self._whole(self.value(limit)) for limit in node.args[:2]]
        if limits[0] is None or limits[1] is None:
            raise NoValueError("a series between fractions")
        first, count = int(limits[0]), max(0, int(limits[1] - limits[0]) + 1)
        self.terms += count
        if self.terms > MAX_TERMS:
            raise TooLargeError(f"a series of more than {MAX_TERMS} terms")
        if indexed_symbols(node.args[2], index):
            raise UndecidedError("a series over indexed variables")
        outer = self.values.get(index)
        total = self.context.mpf(0 if kind == "sum" else 1)
        for at in range(first, first + count):
            self.values[index] = self.context.mpf(at)
            term = self.value(node.args[2])
            total = total + term if kind == "sum" else total * term
        self.values.pop(index, None)
        if outer is not None:
            self.values[index] = outer
        return total

    def _call(self, node: Node) -> Any:
        name = node.data
        args = [self.value(arg) for arg in node.args]
        if name in _DIRECT:
            charge(self._bits(args[0]) // _BITS_PER_UNIT)  # of which the sine takes as many of pi
            return getattr(self.context, name)(*args)
        if name in _RENAMED:
            return getattr(self.context, _RENAMED[name])(*args)
        if name in _INTEGER_FUNCTIONS:
            with contextlib.suppress(UndecidedError):
                return self._number(exact(node))
            return self._rational(name, args)
        handler = getattr(self, f"_call_{name}", None)
        if handler is not None:
            return handler(*args)
        if self.digits == 15:
            raise UndecidedError("an unknown function needs more digits")
        return self._number(unknown_function(name, "|".join(self._key(arg) for arg in args)))

    def _call_ln(self, value: Any) -> Any:
        if value == 0:
            raise NoValueError("the logarithm of zero")
        return self.context.ln(value)

    def _call_log(self, value: Any, base: Any = None) -> Any:
        if base is None:
            base = self.log_base
        top = self._call_ln(value)
        if base is None:
            return top
        bottom = self._call_ln(self.context.mpf(base) if isinstance(base, int) else base)
        if self._is_zero(bottom):
            raise NoValueError("a logarithm with the base 1")
        return top / bottom

    def _call_exp(self, value: Any) -> Any:
        if abs(self._real(value)) > MAX_LOG:
            raise TooLargeError("a power beyond 10^10000")
        return self.context.exp(value)

    def _call_root(self, radicand: Any, degree: Any) -> Any:
        whole = self._whole(degree)
        if radicand == 0:
            return radicand
        if whole is None:
            return self._power(radicand, 1 / degree)
        n = int(whole)
        if n == 0:
            raise NoValueError("the root of degree 0")
        if n == 2:
            return self.context.sqrt(radicand)
        if self._is_real(radicand) and self._real(radicand) < 0 and n % 2:
            return -((-self._real(radicand)) ** (self.context.mpf(1) / n))
        return radicand ** (self.context.mpf(1) / n)

    def _call_abs(self, value: Any) -> Any:
        return abs(value)

    _call_norm = _call_abs

    def _call_factorial(self, value: Any) -> Any:
        if abs(value) > 3_300:
            raise TooLargeError("a factorial beyond 10^10000")
        return self.context.factorial(value)

    def _call_gamma(self, value: Any) -> Any:
        if abs(value) > 3_300:
            raise TooLargeError("a gamma function beyond 10^10000")
        return self.context.gamma(value)

    def _call_max(self, *values: Any) -> Any:
        return max(map(self._ordered, values))

    def _call_min(self, *values: Any) -> Any:
        return min(map(self._ordered, values))

    def _call_sign(self, value: Any) -> Any:
        return self.context.mpf((self._ordered(value) > 0) - (value < 0))

    def _rational(self, name: str, args: list[Any]) -> Any:
        """A function of integers; `floor` and its like must not fall off an integer by rounding."""
        whole = [self._whole(arg) for arg in args]
        if all(value is not None for value in whole):
            return self._number(EXACT_FUNCTIONS[name](*(Fraction(int(value)) for value in whole)))
        if name == "floor":
            return self.context.floor(self._ordered(args[0]))
        if name == "ceil":
            return self.context.ceil(self._ordered(args[0]))
        if name == "mod":
            left, right = map(self._ordered, args)
            if self._is_zero(right):
                raise NoValueError("the rest of a division by zero")
            return left - right * self.context.floor(left / right)
        if name == "binomial" and all(self._is_real(arg) and 0 < self._real(arg) < 1_000 for arg in args):
            return self.context.binomial(*map(self._real, args))
        if not self.values:  # not a matter of the point
            raise UndecidedError(f"{name} of what is no integer")
        raise NoValueError(f"{name} of a fraction")

    def _ordered(self, value: Any) -> Any:
        if not self._is_real(value):
            raise NoValueError("complex numbers have no order")
        return self._real(value)

    def _real(self, value: Any) -> Any:
        return value.real if isinstance(value, complex) or hasattr(value, "imag") else value

    def _is_real(self, value: Any) -> bool:
        return is_real(value, self.digits)

    def _is_zero(self, value: Any) -> bool:
        return value == 0 or abs(value) < 10 ** -(self.digits - 5) * min(1.0, self.scale or 1.0)

    def _whole(self, value: Any) -> Any:
        """The integer that a value is, up to rounding; None where it is none."""
        if not self._is_real(value) or abs(value) > 1e15:
            return None
        real = self._real(value)
        nearest = int(self.context.nint(real)) if self.digits != 15 else round(real)
        near = abs(real - nearest) <= (1e-9 if self.digits == 15 else 1e-40)
        return nearest if near else None

    def _key(self, value: Any) -> str:
        whole = self._whole(value)
        if whole is not None:
            return str(whole)
        nstr = self.context.nstr
        return nstr(value.real, 25) if self._is_real(value) else nstr(value, 25)


def is_real(value: Any, digits: int) -> bool:
    """Whether the imaginary part of a value is nothing but rounding."""
    imaginary = getattr(value, "imag", 0)
    return imaginary == 0 or abs(imaginary) <= 10 ** -(digits - 8) * abs(value)


def check_magnitudes(node: Node) -> None:
    """Refuse a tree with a constant part that is too large to be computed by anything.

    Raises:
        TooLargeError: a magnitude or the work for it passes the limits.

    """
    if free_symbols(node) or node.op not in _COMPUTED:
        for child in node.args:
            check_magnitudes(child)
        return
    try:
        Approximation(_ROUGH_DIGITS, {}).value(node)
    except (UndecidedError, NoValueError):
        for child in node.args:
            check_magnitudes(child)
