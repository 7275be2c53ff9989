"""Trees have the values that sympy gives the same formula, written by sympy's own LaTeX printer."""

from fractions import Fraction

import pytest
import sympy
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from verifiers.expressions import Equivalence, parse
from verifiers.expressions.approximate import Approximation
from verifiers.expressions.identity import same_value

X, Y = sympy.symbols("x y", positive=True)
NUMBERS = st.integers(-9, 9) | st.fractions(-5, 5, max_denominator=9)
LEAVES = NUMBERS.map(lambda value: sympy.Rational(value.numerator, value.denominator)) | st.sampled_from(
    [X, Y, sympy.pi, sympy.E]
)
UNARY = st.sampled_from(
    [sympy.sin, sympy.cos, sympy.exp, sympy.Abs, sympy.atan, sympy.sinh, lambda t: t**2, lambda t: -t]
)


def grown(children):
    pair = st.tuples(children, children)
    return (
        st.tuples(UNARY, children).map(lambda made: made[0](made[1]))
        | pair.map(lambda two: two[0] + two[1])
        | pair.map(lambda two: two[0] * two[1])
        | pair.map(lambda two: two[0] / (two[1] ** 2 + 1))
        | children.map(lambda one: sympy.sqrt(one**2 + 1))
    )


EXPRESSIONS = st.recursive(LEAVES, grown, max_leaves=6)
POINT = {"x": Fraction(7, 5), "y": Fraction(3, 11)}


@settings(max_examples=150, deadline=None)
@given(EXPRESSIONS)
def test_same_value_as_sympy(expression):
    expected = sympy.N(expression.subs({X: sympy.Rational(7, 5), Y: sympy.Rational(3, 11)}), 40)
    if not expected.is_finite or abs(expected) > 1e100:
        return
    value = Approximation(50, POINT).value(parse(sympy.latex(expression)))
    assert abs(sympy.Float(str(value), 40) - expected) <= 1e-30 * max(1, abs(expected))


@settings(max_examples=60, deadline=None)
@given(EXPRESSIONS, EXPRESSIONS)
def test_same_exactly_where_sympy_finds_no_difference(left, right):
    verdict = same_value(parse(sympy.latex(left)), parse(sympy.latex(right)))
    if verdict is not None:
        points = [
            {X: sympy.Rational(7, 5), Y: sympy.Rational(3, 11)},
            {X: sympy.Rational(2, 9), Y: sympy.Rational(8, 3)},
        ]
        differences = [sympy.N((left - right).subs(point), 30) for point in points]
        assert verdict is all(abs(difference) < 1e-20 for difference in differences)


@settings(max_examples=60, deadline=None)
@given(EXPRESSIONS)
def test_expanded_is_the_same_and_moved_is_not(expression):
    tree = parse(sympy.latex(expression))
    assert same_value(tree, parse(sympy.latex(sympy.expand(expression)))) is True
    value = sympy.N(expression.subs({X: sympy.Rational(7, 5), Y: sympy.Rational(3, 11)}))
    assume(value.is_finite and abs(value) < 10**30)  # values are compared at 50 digits
    assert same_value(tree, parse(sympy.latex(sympy.expand(expression) + sympy.Rational(1, 10**9)))) is False


x, n, k = sympy.symbols("x n k")
PRINTED = [
    sympy.Integral(x**2, (x, 0, 1)),
    sympy.Integral(sympy.sin(x) * sympy.exp(x), x),
    sympy.Limit(sympy.sin(x) / x, x, 0),
    sympy.Sum(k**2, (k, 1, n)),
    sympy.Product(k, (k, 1, 5)),
    sympy.Derivative(x**3, x, x),
    sympy.Matrix([[1, x], [3, 4]]),
    sympy.binomial(n, k),
    sympy.floor(x / 2),
    sympy.Mod(x, 3),
    sympy.Interval.open(-sympy.oo, 2),
    sympy.Union(sympy.Interval(0, 1), sympy.Interval.Lopen(3, sympy.oo)),
    sympy.FiniteSet(1, 2, x),
    sympy.Complement(sympy.S.Reals, sympy.FiniteSet(2)),
    sympy.Eq(x, n + 1),
    sympy.Ne(x, 1),
    sympy.Piecewise((x, x > 0), (0, True)),
    sympy.Function("f")(x, n) + 1,
    sympy.log(x) / sympy.log(10),
    sympy.root(x, 5),
]


@pytest.mark.parametrize("printed", PRINTED, ids=str)
def test_what_sympy_prints_is_read(printed):
    tree = parse(sympy.latex(printed))
    assert Equivalence().same(tree, parse(sympy.latex(printed).replace(" ", "  "))) is True
