"""Chains of equations: right where they hold and end in the gold answer, whatever stands before."""

import pytest

from verifiers import AnswerVerifier, EqualityPolicy, Reference, Status
from verifiers.expressions import Equivalence, parse

HOLDS = {
    "fractions": [
        ("2/3", r"\frac46=\frac23"),
        (r"\frac23", r"1-\frac13=\frac{4}{6}=\frac23"),
        ("0.5", r"\frac12=0.5"),
        (r"\frac12", r"0.5=\frac12"),
        ("1/2", r"50\%=\frac12"),
    ],
    "roots, constants and functions": [
        (r"\frac12", r"\sin30^\circ=\frac12"),
        (r"2\pi", r"2\cdot\pi\cdot1=2\pi"),
        (r"\sqrt2", r"\frac{2}{\sqrt2}=\sqrt2"),
        ("1024", r"2^{10}=2\cdot2^9=1024"),
        ("10", r"\binom52=10"),
        ("6", "2*3=12/2"),
        ("6", "3!=6"),
    ],
    "units": [
        ("5 cm", r"2+3=5\text{ cm}"),
        ("5 cm", r"2\text{ cm}+30\text{ mm}=5\text{ cm}"),
        (r"\$5", r"\$7-\$2=\$5"),
        ("75 cm", r"15\mathrm{~cm}\times5=75\mathrm{~cm}"),
        (r"32\text{ cm}^2", r"\frac12\times4\text{ cm}\times16\text{ cm}=32\text{ cm}^2"),
        ("50 km/h", r"\frac{100\text{ km}}{2\text{ h}}=50\text{ km/h}"),
        ("2", r"\frac{4\text{ m}}{200\text{ cm}}=2"),
        ("50 J", r"10\text{ N}\cdot5\text{ m}=50\text{ J}"),
        (r"110^\circ", r"180^\circ-2\cdot35^\circ=110^\circ"),
        ("5", r"50\%\times10=5"),
        (r"90^\circ", r"30^\circ+60^\circ=90^\circ"),
        (r"50\%", r"20\%+30\%=50\%"),
    ],
    "variables": [
        ("x+1", r"\frac{x^2-1}{x-1}=x+1"),
        ("1", r"\sin^2x+\cos^2x=1"),
        ("x^2-1", "(x-1)(x+1)=x^2-1"),
    ],
    "sets and matrices": [
        (r"\{1,2\}", r"\{1\}\cup\{2\}=\{1,2\}"),
        (r"\{1,2\}", r"A\cap B=\{2,1\}"),
        ("3", r"\begin{vmatrix}2&1\\1&2\end{vmatrix}=3"),
        (r"(-\infty,2)\cup(2,\infty)", r"\mathbb{R}\setminus\{2\}=(-\infty,2)\cup(2,\infty)"),
    ],
    "rounded at the end": [
        ("6.28", r"2\pi\approx6.28"),
        (r"2\pi", r"2\pi\approx6.28"),
        ("0.67", r"\frac23=0.67"),
        (r"\frac23", r"\frac46=\frac23\approx0.67"),
    ],
}
REFUSED = {
    "false": [
        ("3", "3!=3"),
        ("5", "2+2=5"),
        ("4", "2+2=5"),
        ("1", "7=1"),
        ("7", "7=1"),
        ("5", "2+3=5=4"),
        ("5", "4=2+2=5"),
        ("5 cm", r"2\text{ m}+3\text{ cm}=5\text{ cm}"),
        ("50", r"50\%=50"),
        (r"64\text{ cm}", r"4\text{ cm}\times16\text{ cm}=64\text{ cm}"),
        (r"64\text{ m}^2", r"4\text{ cm}\times16\text{ cm}=64\text{ m}^2"),
        ("x-1", r"\frac{x^2-1}{x-1}=x-1"),
        ("3", r"\begin{vmatrix}2&1\\1&2\end{vmatrix}=5"),
        ("2", "2.4=2"),
        ("0.68", r"\frac23=0.68"),
        ("7", r"2\pi\approx7"),
    ],
    "true, but of another value": [
        ("5", "2+4=6"),
        ("2/3", r"\frac13=\frac26"),
        ("5 cm", r"2+3=5\text{ km}"),
        (r"\frac23", r"\frac23=0.67"),
        ("x+1", "(x-1)(x+1)=x^2-1"),
    ],
    "equations in unknowns": [
        ("1", "x^2+y^2=1"),
        ("1", r"\frac{x^2}{4}+y^2=1"),
        ("5", "a+b=5"),
        ("2", r"\sqrt{x^2}=2"),
        ("y", "x+1=y"),
        ("0", "x^2-1=0"),
    ],
    "saying nothing": [("0", "0=0"), ("x", "x=x"), ("5", "5=5=5")],
}


def pairs(table):
    return [row for rows in table.values() for row in rows]


@pytest.mark.parametrize(("gold", "answer"), pairs(HOLDS))
def test_a_chain_that_holds_is_what_it_ends_in(gold, answer):
    assert Equivalence().same(parse(gold), parse(answer)) is True


@pytest.mark.parametrize(("gold", "answer"), pairs(REFUSED))
def test_any_other_chain_is_not(gold, answer):
    assert Equivalence().same(parse(gold), parse(answer)) is not True
    verdict = AnswerVerifier().verify(rf"\boxed{{{answer}}}", Reference(gold))
    assert (verdict.correct, verdict.status) == (False, Status.OK)


@pytest.mark.parametrize(("gold", "answer"), [("2+3=5", "5"), (r"\frac46=\frac23", "2/3")])
def test_a_gold_may_be_a_chain(gold, answer):
    assert Equivalence().same(parse(gold), parse(answer)) is True


def test_the_form_is_asked_of_the_value_alone():
    verifier = AnswerVerifier(equality=EqualityPolicy(form="simplified"))
    assert verifier.verify(r"\boxed{\frac46=\frac23}", Reference("2/3")).correct
    assert not verifier.verify(r"\boxed{\frac23=\frac46}", Reference("2/3")).correct


def test_a_unit_that_is_asked_for_is_asked_of_the_value_alone():
    verifier = AnswerVerifier(equality=EqualityPolicy(units="required"))
    assert verifier.verify(r"\boxed{2+3=5\text{ cm}}", Reference("5 cm")).correct
    assert not verifier.verify(r"\boxed{2\text{ cm}+3\text{ cm}=5}", Reference("5 cm")).correct
