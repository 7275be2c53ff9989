"""What only symbolic algebra can tell: `same`, on sympy; meant to be called in a worker process.

Trees are turned into sympy objects node by node; no text is ever given to sympy. Run here are limits,
derivatives, integrals and infinite series, solution sets of relations with one unknown, and equations that
differ by a factor that is no constant. Sympy may take forever or all memory: a worker process that is killed
at a limit bounds both.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import sympy
from sympy.polys.polyerrors import BasePolynomialError

from verifiers.expressions.assignments import Chain, calculation
from verifiers.expressions.errors import UndecidedError
from verifiers.expressions.relations import is_condition
from verifiers.expressions.tree import (
    UNEVALUATED,
    Node,
    Op,
    difference,
    free_symbols,
    indexed_symbols,
    operations,
)

_DIGITS = 30
_UNDEFINED = (sympy.zoo, sympy.nan)
_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "sin": sympy.sin, "cos": sympy.cos, "tan": sympy.tan, "cot": sympy.cot, "sec": sympy.sec, "csc": sympy.csc,
    "arcsin": sympy.asin, "arccos": sympy.acos, "arctan": sympy.atan, "arccot": sympy.acot, "arcsec": sympy.asec,
    "arccsc": sympy.acsc, "sinh": sympy.sinh, "cosh": sympy.cosh, "tanh": sympy.tanh, "coth": sympy.coth,
    "sech": sympy.sech, "csch": sympy.csch, "arsinh": sympy.asinh, "arcosh": sympy.acosh, "artanh": sympy.atanh,
    "exp": sympy.exp, "ln": sympy.log, "log": sympy.log, "abs": sympy.Abs, "norm": sympy.Abs, "floor": sympy.floor,
    "ceil": sympy.ceiling, "factorial": sympy.factorial, "double_factorial": sympy.factorial2,
    "binomial": sympy.binomial,
    "gcd": lambda *values: sympy.gcd_list(values), "lcm": lambda *values: sympy.lcm_list(values),
    "max": sympy.Max, "min": sympy.Min, "mod": sympy.Mod, "sign": sympy.sign, "re": sympy.re, "im": sympy.im,
    "arg": sympy.arg, "conj": sympy.conjugate, "gamma": sympy.gamma,
    "root": lambda x, n: sympy.real_root(x, n) if n.is_odd else sympy.root(x, n),
}  # fmt: skip
_CONSTANTS = {"pi": sympy.pi, "e": sympy.E, "i": sympy.I, "inf": sympy.oo}
_SETS = {
    "R": sympy.S.Reals,
    "Z": sympy.S.Integers,
    "N": sympy.S.Naturals,
    "Q": sympy.S.Rationals,
    "C": sympy.S.Complexes,
}
_RELATIONS = {"=": sympy.Eq, "!=": sympy.Ne, "<": sympy.Lt, "<=": sympy.Le, ">": sympy.Gt, ">=": sympy.Ge}


def warm_up() -> None:
    """Have sympy import what it imports late, so that the first comparison takes no longer than the next one."""
    x = sympy.Symbol("x", real=True)
    sympy.Limit(sympy.sin(x) / x, x, 0).doit()
    sympy.Integral(1 / (1 + x**2), (x, 0, 1)).doit()
    (x**2 < 4).as_set()


def same(gold: Node, answer: Node) -> bool | None:
    """Whether two trees say the same, as far as sympy can tell.

    Args:
        gold: the gold answer's tree.
        answer: the answer's tree.

    Returns:
        True or False; None where sympy cannot tell either.

    """
    try:
        for one, other in ((gold, answer), (answer, gold)):
            chain = calculation(one)
            if chain is not None and operations(one) & UNEVALUATED and not is_condition(other):
                return _same_as_calculation(other, chain)
        if is_condition(gold) or is_condition(answer):
            return _same_relations(gold, answer)
        return _same_values(_Converter(False).convert(gold), _Converter(False).convert(answer))
    except (
        UndecidedError,
        NotImplementedError,
        ArithmeticError,
        TypeError,
        ValueError,
        BasePolynomialError,
    ):  # all but the first two: sympy's for what has no meaning, or is nothing at its precision
        return None


def _same_values(gold: Any, answer: Any) -> bool | None:
    if gold.has(*_UNDEFINED) or answer.has(*_UNDEFINED):
        return None
    unfinished = (sympy.Integral, sympy.Limit, sympy.Derivative, sympy.Sum, sympy.Product)
    variables = _antiderivative_variables(gold)
    if variables is None or not (_antiderivative_variables(answer) or set()) <= variables:
        return None
    gap = (gold - answer).doit()
    for variable in variables:  # antiderivatives are equal up to a constant
        gap = gap.diff(variable)
    if gap.has(*_UNDEFINED) or (gap.has(*unfinished) and gap.free_symbols):
        return None
    if not gap.free_symbols:
        value = gap.evalf(_DIGITS, chop=False)
        if not value.is_number or value.has(*unfinished, sympy.zoo, sympy.nan):
            return None
        size = sympy.Integer(1) if gold.free_symbols else abs(gold.doit().evalf(_DIGITS))
        if abs(value) > max(size, sympy.Float(10) ** -_DIGITS) * sympy.Float(10) ** (10 - _DIGITS):
            return False
    simple = sympy.simplify(gap)
    if simple == 0:
        return True
    verdict = simple.equals(0)
    return verdict if verdict is None else bool(verdict)


def _antiderivative_variables(expression: Any) -> set[Any] | None:
    """The variables of the indefinite integrals that are terms; None where one stands inside something else."""
    terms = [term.as_coeff_Mul()[1] for term in sympy.Add.make_args(expression)]
    own = [term for term in terms if isinstance(term, sympy.Integral) and not term.limits[0][1:]]
    inside = [part for part in expression.atoms(sympy.Integral) if not part.limits[0][1:]]
    return {term.variables[0] for term in own} if len(own) == len(inside) else None


def _same_as_calculation(other: Node, chain: Chain) -> bool | None:
    """Whether a calculation holds, where it was left open; that it ends in the other side, where that was too."""

    def agree(left: Node, right: Node) -> bool | None:
        return _same_values(_Converter(False).convert(left), _Converter(False).convert(right))

    verdicts = [agree(step, chain.value) for step in chain.steps if operations(step) & UNEVALUATED]
    if operations(other) & UNEVALUATED:
        verdicts.append(agree(other, chain.value))
    return False if False in verdicts else None if None in verdicts else True


def _same_relations(gold: Node, answer: Node) -> bool | None:
    names = free_symbols(gold) | (free_symbols(answer) if is_condition(answer) else frozenset())
    if len(names) == 1:
        symbol = sympy.Symbol(next(iter(names)), real=True)
        first, second = _solution_set(gold, symbol), _solution_set(answer, symbol)
        if first == second:
            return True
        gap = sympy.SymmetricDifference(first, second)
        return gap.is_empty if gap.is_empty is not None else None
    sides = (gold, answer)
    if any(side.op is not Op.RELATION or side.data != ("=",) for side in sides):
        return None
    return _same_equations(*(_Converter(True).convert(difference(*side.args)) for side in sides))


def _same_equations(left: Any, right: Any) -> bool | None:
    """Whether two equations have the same numerator, up to a constant and to powers of factors."""
    parts = []
    for side in (left, right):
        numerator = sympy.numer(sympy.together(side))
        _, factors = sympy.factor_list(numerator)
        parts.append({sympy.expand(factor) for factor, _ in factors})
    first, second = parts
    if len(first) != len(second):
        return False
    return all(any(sympy.expand(a - b) == 0 or sympy.expand(a + b) == 0 for b in second) for a in first)


def _solution_set(node: Node, symbol: Any) -> Any:
    if node.op is Op.LIST and is_condition(node):
        sets = [_solution_set(part, symbol) for part in node.args]
        both = sympy.Intersection(*sets)
        return both if node.data != "or" and not both.is_empty else sympy.Union(*sets)
    if node.op is not Op.RELATION:
        return _set(node)
    converter = _Converter(True)
    if node.data in (("in",), ("notin",)):
        if converter.convert(node.args[0]) != symbol:
            raise UndecidedError("membership of something else than the unknown")
        values = _set(node.args[1])
        return values if node.data == ("in",) else sympy.S.Reals - values
    values = sympy.S.Reals
    for left, sign, right in zip(node.args, node.data, node.args[1:]):
        if sign not in _RELATIONS:
            raise UndecidedError(f"the relation {sign!r}")
        relation = _RELATIONS[sign](converter.convert(left) - converter.convert(right), 0)
        if relation in (sympy.true, sympy.false):
            raise UndecidedError("a relation that always or never holds")
        values = values.intersect(
            relation.as_set() if sign != "=" else sympy.solveset(relation.lhs, symbol, sympy.S.Reals)
        )
    return values


def _set(node: Node) -> Any:
    convert = _Converter(True).convert
    if node.op is Op.CONSTANT and node.data in _SETS:
        return _SETS[node.data]
    if node.op is Op.CONSTANT and node.data == "empty":
        return sympy.S.EmptySet
    if node.op is Op.SET or node.op is Op.LIST:
        return sympy.FiniteSet(*map(convert, node.args))
    if node.op is Op.GROUP and len(node.args) == 2:
        low, high = map(convert, node.args)
        return sympy.Interval(low, high, node.data[0] == "(", node.data[1] == ")")
    if node.op is Op.SET_OPERATION:
        parts = list(map(_set, node.args))
        if node.data == "minus":
            return functools.reduce(lambda a, b: a - b, parts)
        return (sympy.Union if node.data == "union" else sympy.Intersection)(*parts)
    return sympy.FiniteSet(convert(node))


class _Converter:
    def __init__(self, real: bool) -> None:
        self.real = real

    def symbol(self, name: str) -> Any:
        return sympy.Symbol(name, real=True) if self.real else sympy.Symbol(name)

    def convert(self, node: Node) -> Any:
        method = getattr(self, f"_{node.op.value}", None)
        if method is None:
            raise UndecidedError(f"{node.op.value} is no value")
        return method(node)

    def _number(self, node: Node) -> Any:
        value = node.data.value
        return sympy.Rational(value.numerator, value.denominator)

    def _based(self, node: Node) -> Any:
        return sympy.Integer(int(*node.data))

    def _symbol(self, node: Node) -> Any:
        return self.symbol(node.data)

    def _constant(self, node: Node) -> Any:
        if node.data not in _CONSTANTS:
            raise UndecidedError(f"{node.data} is no number")
        return _CONSTANTS[node.data]

    def _add(self, node: Node) -> Any:
        return sympy.Add(*map(self.convert, node.args))

    def _mul(self, node: Node) -> Any:
        return sympy.Mul(*map(self.convert, node.args))

    def _div(self, node: Node) -> Any:
        return self.convert(node.args[0]) / self.convert(node.args[1])

    def _neg(self, node: Node) -> Any:
        return -self.convert(node.args[0])

    def _pow(self, node: Node) -> Any:
        return self.convert(node.args[0]) ** self.convert(node.args[1])

    def _quantity(self, node: Node) -> Any:
        if node.data not in ("%", "°"):
            raise UndecidedError("a value with a unit")
        return self.convert(node.args[0]) * (sympy.Rational(1, 100) if node.data == "%" else sympy.pi / 180)

    def _series(self, node: Node) -> Any:
        kind, index = node.data
        if indexed_symbols(node.args[2], index):
            raise UndecidedError("a series over indexed variables")
        first, last, body = map(self.convert, node.args)
        symbol = sympy.I if index == "i" else self.symbol(index)
        if symbol is sympy.I:
            symbol = sympy.Dummy("i", integer=True)
            body = body.subs(sympy.I, symbol)
        return (sympy.Sum if kind == "sum" else sympy.Product)(body, (symbol, first, last))

    def _integral(self, node: Node) -> Any:
        variable = self.symbol(node.data)
        parts = list(map(self.convert, node.args))
        return sympy.Integral(parts[0], (variable, *parts[1:]) if len(parts) == 3 else variable)

    def _limit(self, node: Node) -> Any:
        target, body = map(self.convert, node.args)
        name, side = node.data
        return (
            sympy.Limit(body, self.symbol(name), target, side or "+-")
            if abs(target) != sympy.oo
            else sympy.Limit(body, self.symbol(name), target)
        )

    def _derivative(self, node: Node) -> Any:
        return sympy.Derivative(self.convert(node.args[0]), *map(self.symbol, node.data))

    def _call(self, node: Node) -> Any:
        args = list(map(self.convert, node.args))
        function = _FUNCTIONS.get(node.data)
        if function is None:
            return sympy.Function(node.data)(*args)
        if node.data in ("gcd", "lcm") and not all(arg.is_Rational for arg in args):
            raise UndecidedError(f"{node.data} of variables, which sympy takes for polynomials")
        return function(*args)
