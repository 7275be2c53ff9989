"""Relaxed accuracy: numbers within 5 %, all else the same text."""

import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st

import verifiers
from verifiers import Reference, RelaxedAccuracy, Status, relaxed
from verifiers.testing import check_verifier


def reward(gold, answer, **options):
    return RelaxedAccuracy(**options).verify(f"<answer>{answer}</answer>", Reference(gold)).reward


@pytest.mark.parametrize(
    ("gold", "right", "wrong"),
    [
        ("200", ("190", "210", "200.0"), ("189.9", "210.1", "-200", "two")),
        ("-40", ("-38", "-42"), ("40", "-43", "-37.9")),
        ("0.57", ("57%", "0.55", "57 percent", "57\\%"), ("57", "5.7%", "0.6")),
        ("57%", ("0.57", "57 %", "56%"), ("57", "50%")),
        ("1,250", ("1250", "1200", "$1,250$", "2500/2"), ("1.25", "1,180")),
        ("0", ("0", "0.0", "0%"), ("0.001", "none")),
        ("Yes", ("yes", "YES.", "**Yes**"), ("no", "1")),
        ("Light Blue", ("light  blue",), ("blue", "light blue and red")),
    ],
)
def test_the_rule(gold, right, wrong):
    assert [reward(gold, answer) for answer in right] == [1.0] * len(right)
    assert [reward(gold, answer) for answer in wrong] == [0.0] * len(wrong)


def test_the_bounds_count_and_are_exact():
    # 5 % of .3 is .015; in binary floating point abs(.315 - .3) is above .05 * .3
    assert reward("0.3", "0.315") == reward("0.3", "0.285") == 1.0
    assert reward("0.3", "0.3150001") == 0.0


def test_the_tolerance_is_an_option():
    assert reward("100", "101", tolerance=0.0) == 0.0
    assert reward("100", "101", tolerance=0.01) == 1.0
    for value in (-0.1, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="tolerance is"):
            RelaxedAccuracy(tolerance=value)


def test_how_a_verification_ended():
    verifier = verifiers.make("relaxed")
    for answer, status in (("ten", Status.OK), ("tall", Status.UNPARSABLE), ("9 or 10", Status.AMBIGUOUS)):
        assert verifier.verify(f"<answer>{answer}</answer>", Reference("10")).status is status, answer
    assert verifier.verify("ten", Reference("10")).status is Status.NO_ANSWER
    assert verifier.verify(r"<answer>10</answer> \boxed{50%}", Reference("10")).status is Status.AMBIGUOUS


@pytest.mark.parametrize(
    ("gold", "right", "wrong"), [("200", "195", "300"), ("57%", "0.57", "57"), ("red", "Red", "blue")]
)
def test_the_contract(gold, right, wrong):
    answers = f"<answer>{right}</answer>", f"<answer>{wrong}</answer>"
    check_verifier(RelaxedAccuracy(), Reference(gold), *answers, max_seconds=5.0)


@given(st.decimals(min_value=-(10**6), max_value=10**6, places=3))
def test_every_number_is_its_own_answer(number):
    assert reward(str(number), str(number)) == 1.0
    assert reward(str(number), f"{number:,}") == 1.0


def test_examples():
    found = doctest.testmod(relaxed)
    assert found.attempted
    assert not found.failed
