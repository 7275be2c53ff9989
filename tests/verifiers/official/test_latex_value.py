"""Numbers as MATH-V's official scorer reads them; the values were checked against latex2sympy2 1.9.1."""

import math

import pytest

from tests.cpu import cpu_time
from verifiers.official.latex_value import MAX_DEPTH, value_of


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("5", 5), ("+5", 5), ("--3", 3), ("1,234", 1234), ("1,234,567.8", 1234567.8), (".5", 0.5), (r"50\%", 0.5),
        ("2.0", 2), ("0.1+0.2", 0.3), ("5 6", 30), ("5.6.7", 5.6 * 0.7), (r"\pi", math.pi),
        (r"4\pi+2", 4 * math.pi + 2),
        ("2-(3-4)", 3), ("5--3", 8), ("2-3*4", -10), ("-3*-4", 12), ("2*-3", -6), ("6/2*3", 9), ("1/2(3)", 1 / 6),
        ("1/2/3", 1 / 6), ("2:3", 2 / 3), (r"5\cdot3\div2", 7.5), (r"5\over2", 2.5), (r"2\times10^{-3}", 0.002),
        ("2^3^2", 64), ("-2^2", -4), ("(-2)^2", 4), ("2^10", 1024), ("2^3_4", 8), ("4^{0.5}", 2),
        (r"2^\pi", 2**math.pi),
        (r"\frac{1}{2}", 0.5), (r"2\frac{1}{2}3", 3), (r"\dfrac{3}{4}", 0.75),
        (r"\frac{\sqrt{6}}{6}", math.sqrt(6) / 6),
        (r"\sqrt{2}", math.sqrt(2)), (r"\sqrt[3]{8}", 2), (r"16\sqrt{3}", 16 * math.sqrt(3)), (r"\frac{5!}{3!}", 20),
        ("5!", 120), ("5!!", math.factorial(120)), ("-5!", -120), (r"\binom{5}{2}", 10), (r"{5\choose2}", 10),
        ("(5)_{2}", 20), (r"\lfloor2.5\rfloor", 2), (r"\left(5+3\right)2", 16), (r"\{5\}", 5), ("[5][2]", 10),
        ("5'", 5),
        ("e^2", math.e**2), (r"\exp(2)", math.e**2), (r"\log(100)", 2), (r"\log_{2}8", 3), (r"\log_2^3(8)", 27),
        (r"\sin30", math.sin(30)), (r"\sin2\pi", math.sin(2 * math.pi)), (r"\sin(2)3", math.sin(2) * 3),
        (r"\sin2*3", math.sin(6)), (r"\sin2\cos3", math.sin(2) * math.cos(3)), (r"\sin^2(1)", math.sin(1) ** 2),
        (r"\tan^{-1}(1)", math.pi / 4), (r"\arccos0.5", math.acos(0.5)), (r"\sin\sqrt{2}", math.sin(math.sqrt(2))),
    ],
)  # fmt: skip
def test_numbers(text, value):
    assert value_of(text) == pytest.approx(value)


@pytest.mark.parametrize(
    "text",
    [
        "5.so,even", "5)", "5}", "5]", "5.é", "5_2", "5&6", r"5\\6", "5tr", "5triangles", "5floor", "5ones", "5diag",
        r"5\to3", r"5\right", "5<->", "5.d", r"5.\text{cm}",
    ],
)  # fmt: skip
def test_a_prefix_is_enough(text):
    assert value_of(text) == 5


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "abc", "5+", "5,", "5,6", "5;6", "(5", "5(3", "(5]", "5x", "5cm", "5°", "5%", "5?", '5"abc', "5é",
        "5=5",
        "5!=3", "x=5", "e", "2e", "e^{1}", "2^-1", "2^(3)", r"\frac12", r"\sqrt3", r"\sqrt{-1}", "(-8)^{1/3}", "1/0",
        "0^{-1}",
        r"\infty", r"\ln(3)", "|5|", r"\max(1,2)", "(3,4)", "[3,4]", r"5\overline{3}", r"\int5", r"\sin",
        "__import__('os')",
    ],
)  # fmt: skip
def test_no_number(text):
    assert value_of(text) is None


def test_whole_numbers_stay_whole():
    assert isinstance(value_of("2+3"), int)
    assert isinstance(value_of("4/2"), float)
    assert isinstance(value_of(r"\frac{4}{2}"), float)


@pytest.mark.parametrize(
    "text",
    [
        "9^{9^{9^9}}", "9^9^9^9^9^9", "(9^{999})^{999}", "9^{999}" * 200, "100000000!", "((9!)!)!", "10^{10^9}",
        r"\binom{1000000000}{500000000}", "e^{e^{e^{9}}}", "2^{-99999999}", "(" * 1_000_000, "\\sin" * 250_000,
        "9" * 1_000_000, r"\frac{1}{" * 5_000, "1+" * 500_000, "-" * 1_000_000, "{" * 1_000 + "5" + "}" * 1_000,
    ],
)  # fmt: skip
def test_work_is_bounded(text):
    with cpu_time() as spent:
        value = value_of(text)
    assert spent.seconds < 1.0
    assert value is None or abs(value) < 1


def test_brackets_may_be_deep_but_not_too_deep():
    assert value_of("(" * (MAX_DEPTH - 1) + "5" + ")" * (MAX_DEPTH - 1)) == 5
    assert value_of("(" * MAX_DEPTH + "5" + ")" * MAX_DEPTH) is None


def test_a_number_before_a_long_tail_counts():
    assert value_of("5." + "x" * 1_000_000) == 5
