"""Where blame falls: steps among tokens, shares, the most blamed result, areas under curves, and chance; by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.lab.blame import (
    PLACES,
    Bootstrap,
    Judged,
    Measured,
    measure_blame,
    most_blamed,
    places,
    prediction,
    shares,
    step_scores,
)
from agents.lab.steps import NO_STEP, Steps, locate
from agents.report.statistics import Interval

# three steps of two tokens each, the result second, a full stop behind each; then two tokens of an answer
STEPS = Steps((0, 0, -1, 1, 1, -1, 2, 2, -1, -1, -1), (1, 4, 7), (True, False, False))
SAYS = np.array([-1.0, 0.5, 0.0, -2.0, -3.0, 9.0, 0.0, -1.0, -1.0, -1.0, -1.0])


# -- steps -------------------------------------------------------------------------------------------------


def test_steps_are_found_among_tokens():
    tokens = ["<think>", " 3", " +", " 4", " =", " 8", ".", " 8", " *", " 5", " =", " 0", ".", " </think>", " 0", ""]
    steps = locate(tokens)
    assert steps.of_token == (-1, 0, 0, 0, 0, 0, -1, 1, 1, 1, 1, 1, -1, -1, -1, -1)
    assert steps.results == (5, 11)
    assert steps.right == (False, True)
    assert (steps.first_wrong, steps.last, steps.after) == (0, 1, 12)


def test_one_token_may_hold_all_of_a_step_and_the_beginning_of_another():
    steps = locate(["1 + 1 = 2. 2", " * 2 =", " 5"])
    assert steps.of_token == (0, 1, 1)
    assert steps.results == (0, 2)
    assert steps.right == (True, False)


def test_a_response_without_steps():
    steps = locate(["The reference answer is", " 7", "."])
    assert steps == Steps((NO_STEP,) * 3, (), ())
    assert (steps.first_wrong, steps.last, steps.after) == (None, NO_STEP, 0)


digit = st.integers(0, 9)


@given(st.lists(st.tuples(digit, st.sampled_from("+-*"), digit, digit), min_size=1, max_size=5), st.data())
def test_however_a_response_is_cut_the_tokens_of_its_results_hold_them(written, data):
    text = " ".join(f"{a} {sign} {b} = {c}." for a, sign, b, c in written)
    cuts = sorted(data.draw(st.sets(st.integers(1, len(text) - 1))))
    tokens = [text[i:j] for i, j in zip([0, *cuts], [*cuts, len(text)])]
    steps = locate(tokens)
    assert len(steps.of_token) == len(tokens)
    assert steps.right == tuple({"+": a + b, "-": a - b, "*": a * b}[sign] % 10 == c for a, sign, b, c in written)
    for (*_, result), token in zip(written, steps.results):
        assert str(result) in tokens[token]
    assert list(steps.results) == sorted(steps.results)
    assert [k for k in steps.of_token if k != NO_STEP] == sorted(k for k in steps.of_token if k != NO_STEP)


# -- one response ------------------------------------------------------------------------------------------


def test_places_by_hand():
    found = {name: np.flatnonzero(here_T).tolist() for name, here_T in places(STEPS).items()}
    assert found == {
        "first_wrong_step": [3, 4],
        "first_wrong_result": [4],
        "wrong_steps": [3, 4, 6, 7],
        "last_step": [6, 7],
        "behind": [8, 9, 10],
    }


def test_shares_by_hand():
    """Blame 1 0 0 2 3 0 0 1 1 1 1, in all 10."""
    assert shares(STEPS, SAYS) == {
        "first_wrong_step": 0.5,
        "first_wrong_result": 0.3,
        "wrong_steps": 0.6,
        "last_step": 0.1,
        "behind": 0.3,
    }


def test_no_share_without_blame_or_without_a_wrong_step():
    assert shares(STEPS, np.abs(SAYS)) is None
    assert shares(Steps(STEPS.of_token, STEPS.results, (True,) * 3), SAYS) is None


@pytest.mark.parametrize(
    ("results", "expected"),
    [
        ((0.0, -1.0, -0.5), (1, 0, 0)),
        ((0.0, -1.0, -2.0), (0, 1, 0)),
        ((-3.0, -1.0, -2.0), (0, 0, 1)),
        ((1.0, 1.0, 1.0), (1 / 3, 1 / 3, 1 / 3)),
        ((-1.0, -1.0, 0.0), (1 / 2, 0, 1 / 2)),
    ],
)
def test_the_most_blamed_result(results, expected):
    found = most_blamed(Steps((0, 1, 2), (0, 1, 2), (True, False, True)), np.array(results))
    assert tuple(found.values()) == pytest.approx(expected)


def test_a_first_wrong_step_that_is_the_last_counts_as_both():
    steps = Steps((0, 1), (0, 1), (True, False))
    assert most_blamed(steps, np.array([0.0, -1.0])) == {"first_wrong": 1.0, "last": 1.0, "neither": 0.0}
    assert most_blamed(steps, np.array([-1.0, 0.0])) == {"first_wrong": 0.0, "last": 0.0, "neither": 1.0}
    assert most_blamed(Steps((0, 1), (0, 1), (True, True)), np.zeros(2)) is None


def test_scores_of_steps():
    one = Judged(4, False, STEPS, SAYS)
    assert step_scores(one, last=True) == ([Measured(4, 3.0), Measured(4, 1.0)], [Measured(4, -0.5)])
    assert step_scores(one, last=False) == ([Measured(4, 3.0)], [Measured(4, -0.5)])


judgements = st.lists(st.booleans(), min_size=1, max_size=5).filter(lambda right: not all(right))


@given(judgements)
def test_equal_blame_on_all_tokens_is_chance(right):
    count = len(right)
    of_token = tuple(k for k in range(count) for _ in range(3)) + (NO_STEP,) * 4
    steps = Steps(of_token, tuple(range(2, 3 * count, 3)), tuple(right))
    found = measure_blame([Judged(0, False, steps, np.full(len(of_token), -0.7))], Bootstrap(1)).figures
    for name in PLACES:
        assert found[f"share_{name}"].mean == pytest.approx(found[f"share_{name}_chance"].mean)
    assert found["share_first_wrong_step"].mean == pytest.approx(3 / (3 * count + 4))
    assert found["most_first_wrong"].mean == pytest.approx(1 / count)
    assert found["most_first_wrong_chance"].mean == pytest.approx(1 / count)
    if any(right):
        assert found["auc_steps"].mean == 0.5
    else:
        assert math.isnan(found["auc_steps"].mean)


@given(st.lists(st.floats(-5, 5), min_size=11, max_size=11), st.floats(0.1, 10))
def test_shares_do_not_depend_on_the_size_of_credit(says, factor):
    says = np.array(says)
    found, scaled = shares(STEPS, says), shares(STEPS, factor * says)
    if np.maximum(0, -says).sum() > 1e-6:
        assert scaled == pytest.approx(found)
        assert found["first_wrong_step"] + found["last_step"] == pytest.approx(found["wrong_steps"])


# -- many responses ----------------------------------------------------------------------------------------


def test_means_and_their_intervals_by_hand():
    """Groups of means 0 and 1: what is drawn again has one of both, 1/2, or one twice, 0 or 1, a quarter each."""
    values = [Measured(0, 0.0), Measured(1, 1.0)]
    assert Bootstrap(2).mean(values) == Interval(0.5, 0.0, 1.0)
    assert Bootstrap(1).mean([Measured(0, 1.0), Measured(0, 4.0)]) == Interval(2.5, 2.5, 2.5)
    assert math.isnan(Bootstrap(2).mean([]).mean)


def test_a_larger_group_counts_for_more():
    values = [Measured(0, 1.0), Measured(0, 1.0), Measured(0, 1.0), Measured(1, 5.0)]
    assert Bootstrap(2).mean(values).mean == 2.0


def test_areas_by_hand():
    """3 > 2, 3 > 1, 1 < 2, 1 = 1: two and a half of four."""
    ones, others = [Measured(0, 3.0), Measured(0, 1.0)], [Measured(0, 2.0), Measured(0, 1.0)]
    assert Bootstrap(1).above(ones, others) == Interval(0.625, 0.625, 0.625)
    assert math.isnan(Bootstrap(1).above(ones, []).mean)


def test_intervals_of_areas_draw_groups_again():
    """Group 0 alone has 1, group 1 alone 0, one of both (1 + 1 + 0 + 0) / 4."""
    ones, others = [Measured(0, 4.0), Measured(1, 1.0)], [Measured(0, 3.0), Measured(1, 2.0)]
    assert Bootstrap(2).above(ones, others) == Interval(0.5, 0.0, 1.0)


numbers = st.lists(st.tuples(st.integers(0, 3), st.integers(-3, 3)), min_size=1, max_size=8)


@given(numbers, numbers)
def test_areas_are_the_share_of_pairs(ones, others):
    found = Bootstrap(4).above([Measured(g, float(x)) for g, x in ones], [Measured(g, float(x)) for g, x in others])
    pairs = [1.0 if a > b else 0.5 if a == b else 0.0 for _, a in ones for _, b in others]
    assert found.mean == pytest.approx(sum(pairs) / len(pairs))
    assert 0 <= found.low <= found.high <= 1


def test_what_becomes_of_the_blame_of_three_responses():
    last = Steps((0, -1, 1, -1), (0, 2), (True, False))
    judged = [
        Judged(0, False, STEPS, SAYS),  # the first wrong of three is the most blamed, and not the last
        Judged(1, False, last, np.array([-3.0, 0.0, -1.0, 0.0])),  # the right one of two is
        Judged(1, False, Steps((0, 1), (0, 1), (True, True)), np.array([-1.0, -1.0])),  # no wrong step: left out
    ]
    found = measure_blame(judged, Bootstrap(2))
    assert found.responses == 2
    means = {name: interval.mean for name, interval in found.figures.items()}
    assert means["share_first_wrong_step"] == pytest.approx((0.5 + 0.25) / 2)
    assert means["share_first_wrong_step_chance"] == pytest.approx((2 / 11 + 1 / 4) / 2)
    assert means["share_behind"] == pytest.approx((0.3 + 0.0) / 2)
    assert (means["most_first_wrong"], means["most_last"], means["most_neither"]) == (0.5, 0.0, 0.5)
    assert means["most_first_wrong_chance"] == pytest.approx((1 / 3 + 1 / 2) / 2)
    assert (means["most_first_wrong_earlier"], means["most_first_wrong_earlier_chance"]) == (1.0, pytest.approx(1 / 3))
    # -x of wrong results: 3, 1, 1; of right ones: -.5, 3. Above: 3 > -.5, 3 = 3, 1 > -.5, 1 < 3, and that again
    assert means["auc_steps"] == pytest.approx(3.5 / 6)
    # without last steps 3 alone, against -.5 and 3
    assert means["auc_steps_not_last"] == pytest.approx(1.5 / 2)


def test_prediction_by_sums():
    """Sums 1, -1 of right ones, 0, -1 of wrong ones: 1 > 0, 1 > -1, -1 < 0, -1 = -1."""
    steps = Steps((0, 0), (1,), (True,))
    says = {True: ([2.0, -1.0], [0.0, -1.0]), False: ([0.0, 0.0], [-2.0, 1.0])}
    judged = [Judged(0, right, steps, np.array(x)) for right, of in says.items() for x in of]
    assert prediction(judged, Bootstrap(1)).mean == 0.625
