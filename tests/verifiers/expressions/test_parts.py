"""Units, sets of real numbers, forms, exact and approximate values, each for itself."""

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verifiers.expressions import NoValueError, TooLargeError, UndecidedError, parse
from verifiers.expressions.approximate import Approximation, check_magnitudes, context
from verifiers.expressions.exact import exact
from verifiers.expressions.forms import has_form
from verifiers.expressions.identity import points, same_value
from verifiers.expressions.realsets import REALS, Interval, RealSet, from_condition, from_set, point
from verifiers.expressions.tree import substitute
from verifiers.expressions.units import is_named_unit, is_unit, ratio, read_unit

ENDS = st.integers(-4, 4)
INTERVALS = st.builds(
    lambda a, b, left, right: Interval(min(a, b), left, max(a, b), right), ENDS, ENDS, *[st.booleans()] * 2
)
SETS = st.lists(INTERVALS, max_size=4).map(RealSet)
SAMPLES = [Fraction(at, 2) for at in range(-10, 11)]


def members(values):
    return {
        at
        for at in SAMPLES
        if any(
            (part.low < at or (part.low == at and not part.low_open))
            and (at < part.high or (at == part.high and part.high_closed))
            for part in values
        )
    }


@given(SETS, SETS)
def test_set_algebra_is_that_of_their_members(left, right):
    assert members(left.union(right)) == members(left) | members(right)
    assert members(left.intersection(right)) == members(left) & members(right)
    assert members(left.minus(right)) == members(left) - members(right)
    assert members(left.complement()) == set(SAMPLES) - members(left)
    assert left.complement().complement() == left
    assert left.union(left.complement()) == REALS


def test_sets_are_written_in_one_way():
    assert from_set(parse("[1,2]\\cup[2,3]")) == from_set(parse("[1,3]"))
    assert from_set(parse("(1,2)\\cup(2,3)")) != from_set(parse("(1,3)"))
    assert from_set(parse("\\{2,1,2\\}")) == point(Fraction(1)).union(point(Fraction(2)))
    name, values = from_condition(parse("-2x+1 \\ge 5"))
    assert name.data == "x"
    assert values == RealSet([Interval(-math.inf, True, Fraction(-2), True)])


@pytest.mark.parametrize("text", ["(2,1)", "(a,b)", "(1,i)", "\\mathbb{Z}", "(1,2,3)"])
def test_no_set_of_real_numbers(text):
    with pytest.raises(UndecidedError):
        from_set(parse(text))


@pytest.mark.parametrize(
    ("left", "right", "factor"),
    [
        ("hour", "minutes", 60),
        ("km/h", "m/s", Fraction(5, 18)),
        ("cm^2", "m^2", Fraction(1, 10_000)),
        ("square feet", "ft^2", 1),
        ("mL", "cm^3", 1),
        ("kilometers per hour", "km/h", 1),
        ("m s^-1", "m/s", 1),
        ("inches", "cm", Fraction(127, 50)),
        ("$", "cents", 100),
        ("dollars", "$", 1),
        ("apples", "apple", 1),
        ("m", "s", None),
        ("€", "$", None),
        ("apples", "pears", None),
        ("%", "°", None),
    ],
)
def test_units_are_converted(left, right, factor):
    assert ratio(read_unit(left), read_unit(right)) == factor


@pytest.mark.parametrize(
    "text", ["dozen", "million", "halves", "more", "or", "", "x+1", "five six seven eight", "a" * 70]
)
def test_no_unit(text):
    assert not is_unit(text)


def test_letters_that_are_units_only_after_a_number():
    assert is_named_unit("cm")
    assert not is_named_unit("m")
    assert not is_named_unit("xy")


@pytest.mark.parametrize(
    ("answer", "gold", "form", "has"),
    [
        ("2/4", "1/2", "simplified", False),
        ("1/2", "1/2", "simplified", True),
        ("3+4", "7", "simplified", False),
        (r"\sqrt{8}", r"2\sqrt2", "simplified", False),
        (r"2\sqrt{2}", r"2\sqrt2", "simplified", True),
        ("x+x", "2x", "simplified", False),
        ("2x", "2x", "simplified", True),
        ("5!", "120", "simplified", False),
        ("x^2-1", "(x-1)(x+1)", "factored", False),
        ("(x+1)(x-1)", "(x-1)(x+1)", "factored", True),
        ("(x+1)^2", "(x+1)(x+1)", "factored", True),
        ("2/4", "1/2", "any", True),
    ],
)
def test_forms(answer, gold, form, has):
    assert has_form(parse(answer), parse(gold), form) is has


def test_exact_values():
    assert exact(parse(r"\frac{2}{3}+2^{-2}")) == Fraction(11, 12)
    assert exact(parse("x^2/4"), {"x": Fraction(3)}) == Fraction(9, 4)
    with pytest.raises(UndecidedError):
        exact(parse(r"\sqrt2"))
    with pytest.raises(NoValueError):
        exact(parse("1/(2-2)"))
    with pytest.raises(TooLargeError):
        exact(parse("2^{10^6}"))


def test_approximate_values_have_their_digits():
    value = Approximation(50, {}).value(parse(r"\sqrt2"))
    assert str(value).startswith("1.414213562373095048801688724209698078569671875")
    with pytest.raises(NoValueError):
        Approximation(50, {}).value(parse(r"\ln 0"))
    with pytest.raises(UndecidedError):
        Approximation(50, {}).value(parse("x"))
    with pytest.raises(TooLargeError):
        check_magnitudes(parse("x + 9^{9^9} = 0"))


def test_no_global_precision_is_touched():
    import mpmath

    assert context(50).dps == 50
    assert mpmath.mp.dps == 15


def test_points_depend_on_both_trees_and_on_nothing_else():
    left, right = parse("x+1"), parse("x+2")
    assert list(points(left, right)) == list(points(left, right))
    assert list(points(left, right)) != list(points(left, parse("x+3")))


def test_an_answer_made_to_agree_at_another_pairs_points_is_refused():
    gold, answer = parse("x"), parse("x+1")
    roots = [values["x"] for values in points(gold, answer)]
    forged = "x+" + "".join(f"(x-{root.numerator}/{root.denominator})" for root in roots)
    assert same_value(gold, parse(forged)) is False


def test_substitute():
    assert substitute(parse("x^2+y"), "x", parse("3")) == parse("3^2+y")
