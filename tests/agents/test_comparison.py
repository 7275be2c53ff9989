"""Agents are told apart where they differ, seldom where they do not, and it is said what would decide the rest."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from agents.report.comparison import NO_DIFFERENCE, Spread, compared, holm_levels, ordered_pairs, pooled_seeds
from agents.report.statistics import (
    CrossedBootstrap,
    accuracy_interval,
    difference_interval,
    improvement_interval,
    pass_at_k,
)


def test_all_pairs_those_with_grpo_first():
    assert ordered_pairs(["opsd", "grpo", "rlsd", "sdpo"]) == [
        ("opsd", "grpo"),
        ("rlsd", "grpo"),
        ("sdpo", "grpo"),
        ("rlsd", "opsd"),
        ("sdpo", "opsd"),
        ("sdpo", "rlsd"),
    ]
    assert ordered_pairs(["a", "b"]) == [("b", "a")]


def test_a_difference_of_one_seed_by_hand():
    ones, others = np.array([1.0, 0.5, 0.0, 1.0]), np.array([0.5, 0.5, 0.0, 0.5])
    (found,) = compared({"grpo": {0: others}, "rlsd": {0: ones}})
    half = stats.t.ppf(0.975, 3) * np.std([0.5, 0, 0, 0.5], ddof=1) / 2
    assert (found.a, found.b, found.seeds, found.tasks) == ("rlsd", "grpo", 1, 4)
    assert (found.interval.mean, found.interval.low) == pytest.approx((0.25, 0.25 - half))
    assert found.corrected == found.interval  # one pair: nothing to correct
    assert found.improvement.mean == (1 + 0.5 + 0.5 + 1) / 4
    assert (found.verdict, found.power) == (NO_DIFFERENCE, "with one seed it is not known how seeds differ")
    (sure,) = compared({"grpo": {0: np.zeros(9)}, "rlsd": {0: np.array([0.9, 1.0, 0.8] * 3)}})
    assert sure.verdict == "rlsd higher with this one seed"


def test_a_difference_of_two_seeds_by_hand():
    # b - a .3 and .1, c - a -.1 and .1, c - b -.4 and 0: variances .02, .02, .08, pooled .04; (3 - 1)(2 - 1) degrees
    def flat(*means):
        return {seed: np.full(5, mean) for seed, mean in enumerate(means)}

    found = {(one.a, one.b): one for one in compared({"a": flat(0.2, 0.4), "b": flat(0.5, 0.5), "c": flat(0.1, 0.5)})}
    half = stats.t.ppf(0.975, 2) * math.sqrt(0.04 / 2)  # the pooled one is larger; tasks add nothing
    of = {"rel": 1e-4}  # the unsure variance is averaged over values of it
    assert (found["b", "a"].interval.mean, found["b", "a"].interval.high) == pytest.approx((0.2, 0.2 + half), **of)
    assert found["b", "a"].p == pytest.approx(2 * stats.t.sf(0.2 / math.sqrt(0.02), 2), **of)
    assert found["c", "b"].p == pytest.approx(2 * stats.t.sf(0.2 / math.sqrt(0.04), 2), **of)  # its own is larger
    assert found["c", "a"].p == pytest.approx(1.0)


def test_luck_that_seeds_share_does_not_hide_a_difference():
    """Seeds move both agents by .3 and more, and the difference by .01."""
    luck = {0: 0.1, 1: 0.4, 2: 0.7}
    rng = np.random.default_rng(0)
    base = {seed: np.full(40, of) + rng.normal(0, 0.01, 40) for seed, of in luck.items()}
    (found,) = compared({"grpo": base, "rlsd": {seed: values + 0.1 for seed, values in base.items()}})
    assert found.verdict == "rlsd higher"


def test_agents_that_have_other_seeds_are_pooled_by_those_that_pairs_share():
    values = {"a": {0: 0.1, 1: 0.3, 2: 0.2}, "b": {0: 0.2, 1: 0.2}, "c": {5: 0.9}}
    pooled = pooled_seeds({name: {seed: np.array([of]) for seed, of in runs.items()} for name, runs in values.items()})
    assert (pooled.variance, pooled.freedom) == (pytest.approx(0.02), 1)  # .1 and -.1
    assert pooled_seeds({"a": {0: np.ones(3)}, "b": {0: np.ones(3)}}).freedom == 0


@given(
    mean=st.floats(-1, 1),
    between=st.floats(0, 0.1),
    task=st.floats(0, 0.1),
    freedom=st.integers(1, 20),
    level=st.floats(0.005, 0.2),
)
def test_a_pair_s_interval_is_of_what_its_test_does_not_reject(mean, between, task, freedom, level):
    assume(between + task > 1e-6)
    one = Spread(mean, between, freedom, task, 50)
    interval = one.interval(1 - level)
    if abs(one.p - level) > 1e-6:
        assert (one.p > level) == (interval.low <= 0 <= interval.high)


def test_a_pair_s_test_is_student_s_where_one_noise_is_alone():
    assert Spread(0.3, 0.0, math.inf, 0.04, 9).p == pytest.approx(2 * stats.t.sf(1.5, 8))
    for freedom in (1, 4, 12):
        assert Spread(0.3, 0.01, freedom, 0.0, 9).p == pytest.approx(2 * stats.t.sf(3, freedom), rel=1e-4)


def test_no_difference_anywhere_is_still_not_known_to_be_none():
    same = np.full((3, 20), 0.5)
    interval = difference_interval(same - same)
    assert (interval.mean, interval.low < -0.01, interval.high > 0.01) == (0.0, True, True)


def test_agents_are_paired_by_the_seeds_and_tasks_that_both_have():
    a = {0: np.array([1.0, 0.0, np.nan]), 1: np.array([1.0, 1.0, 1.0])}
    b = {1: np.array([0.0, np.nan, 0.0]), 2: np.array([1.0, 1.0, 1.0])}
    (found,) = compared({"a": a, "b": b})
    assert (found.seeds, found.tasks, found.interval.mean) == (1, 2, -1.0)
    assert compared({"a": {0: a[0]}, "b": {2: b[2]}}) == []


def test_the_more_pairs_the_more_it_takes():
    rng = np.random.default_rng(0)
    base = {seed: rng.random(60) for seed in range(4)}
    agents = {"grpo": base, "rlsd": {seed: values + 0.02 + 0.02 * rng.random(60) for seed, values in base.items()}}
    alone = compared(agents)[0]
    more = {f"x{i}": {s: v + rng.normal(0, 0.01, 60) for s, v in base.items()} for i in range(4)}
    among = next(one for one in compared(agents | more) if {one.a, one.b} == {"grpo", "rlsd"})
    assert among.level < alone.level == pytest.approx(0.05)
    assert among.corrected.low < alone.corrected.low


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_rejects_what_bonferroni_rejects_and_all_that_is_smaller_than_what_it_rejects(p_values):
    levels = holm_levels(p_values)
    rejected = [p <= level for p, level in zip(p_values, levels)]
    assert all(no or p > 0.05 / len(p_values) for p, no in zip(p_values, rejected))
    kept = [p for p, no in zip(p_values, rejected) if not no]
    assert all(p <= min(kept, default=1.0) for p, no in zip(p_values, rejected) if no)
    assert all(0.05 / len(p_values) - 1e-12 <= level <= 0.05 + 1e-12 for level in levels)


def test_equal_agents_are_hardly_ever_told_apart_and_a_better_one_is_found():
    """40 comparisons of three equal agents, 3 seeds x 60 tasks; at 95 % two claims would be expected."""
    rng = np.random.default_rng(1)
    claims = found = 0
    for _ in range(40):
        tasks = rng.normal(0, 2, 60)
        odds = {name: tasks + shift for name, shift in (("grpo", 0.0), ("rlsd", 0.0), ("opsd", 0.0), ("best", 2.5))}
        values = {
            name: {seed: rng.binomial(4, 1 / (1 + np.exp(-of - rng.normal(0, 0.2)))) / 4 for seed in range(3)}
            for name, of in odds.items()
        }
        equal = compared({name: values[name] for name in ("grpo", "rlsd", "opsd")})
        claims += any(one.verdict != NO_DIFFERENCE for one in equal)
        found += compared({name: values[name] for name in ("grpo", "best")})[0].verdict == "best higher"
    assert claims <= 5
    assert found >= 36


def test_what_would_decide_by_the_parts_of_the_variance():
    # two seeds, differences 0 and .2: variance .02 with 1 degree of freedom, and one more for each seed
    (one,) = compared({"grpo": {0: np.zeros(30), 1: np.zeros(30)}, "rlsd": {0: np.zeros(30), 1: np.full(30, 0.2)}})

    def reaches(n):
        return (stats.t.ppf(0.975, n - 1) + stats.t.ppf(0.8, n - 1)) * math.sqrt(0.02 / n) <= 0.1

    assert reaches(one.seeds_to_decide)
    assert not reaches(one.seeds_to_decide - 1)
    assert one.power == f"{one.seeds_to_decide} seeds would decide it, if it is as large as measured"
    wide = np.repeat([0.52, 0.0], 20)  # only tasks differ: no number of seeds helps
    (other,) = compared({"grpo": {0: wide[::-1], 1: wide[::-1]}, "rlsd": {0: wide + 0.01, 1: wide + 0.01}})
    assert other.seeds_to_decide is None
    assert "seeds would not decide it; they would with about" in other.power


@pytest.mark.parametrize(("values", "low"), [(np.ones((3, 64)), 0.943), (np.ones((1, 64)), 0.943)])
def test_an_accuracy_at_the_ceiling_is_not_certain(values, low):
    found = accuracy_interval(values)
    assert (found.low, found.high) == pytest.approx((low, 1.0), abs=1e-3)


@given(st.integers(1, 4), st.integers(2, 30), st.integers(0, 2**32 - 1))
def test_an_accuracy_s_interval_holds_its_mean_and_stays_where_accuracies_are(seeds, tasks, number):
    values = np.random.default_rng(number).integers(0, 5, (seeds, tasks)) / 4
    found = accuracy_interval(values)
    assert 0 <= found.low <= found.mean <= found.high <= 1
    assert found.low < found.high


def test_the_bootstrap_draws_seeds_and_tasks():
    values = np.array([[0.0, 0.5, 1.0, 1.0], [0.5, 0.5, 1.0, 0.0]])
    bootstrap = CrossedBootstrap(2, 4, 2000)
    found = bootstrap.mean(values)
    assert found.mean == pytest.approx(0.5625)
    assert found.low < 0.5625 < found.high
    assert bootstrap.interquartile_mean(values).mean == pytest.approx(
        0.625
    )  # of 0 0 .5 .5 .5 1 1 1 the middle four: .5 .5 .5 1
    same = CrossedBootstrap(2, 4, 50).mean(np.full((2, 4), 0.25))
    assert (same.low, same.high) == (0.25, 0.25)


def test_equal_answers_are_known_as_well_as_there_are_tasks():
    # eight tasks without a difference, and +1 and -1: ten values of variance 2/9
    half = stats.t.ppf(0.975, 9) * math.sqrt(2 / 90)
    got = difference_interval(np.zeros((1, 8)))
    assert (got.mean, got.low, got.high) == pytest.approx((0.0, -half, half))


def test_small_differences_have_intervals_of_their_own_size():
    """Ten times smaller differences: ten times smaller an interval."""
    values = np.random.default_rng(0).normal(0.02, 0.05, (5, 16))
    whole, tenth = difference_interval(values), difference_interval(values / 10)
    assert (tenth.low, tenth.high) == pytest.approx((whole.low / 10, whole.high / 10))


def test_the_probability_of_improvement_by_hand():
    # task 0: 0 and 1 against .5 and .5: half; task 1: 1 and 1 against .5 and 1: two above, two equal: .75
    found = improvement_interval(np.array([[0.0, 1.0], [1.0, 1.0]]), np.array([[0.5, 0.5], [0.5, 1.0]]))
    assert found.mean == pytest.approx((0.5 + 0.75) / 2)
    # all equal on 16 tasks: Wilson's with n = 16, z = 1.96: half = z / (1 + z^2/16) sqrt(1/64 + z^2/1024) = .22003
    same = improvement_interval(np.ones((3, 16)), np.ones((3, 16)))
    assert (same.mean, same.low, same.high) == pytest.approx((0.5, 0.2800, 0.7200), abs=1e-4)
    above = improvement_interval(np.ones((2, 16)), np.zeros((2, 16)))
    assert (above.mean, above.low, above.high) == pytest.approx((1.0, 0.8064, 1.0), abs=1e-4)


@given(arrays(np.float64, st.tuples(st.integers(1, 4), st.integers(1, 6)), elements=st.sampled_from([0, 0.25, 0.5, 1])))
def test_wrong_answers_are_as_sure_as_right_ones(values_ST):
    """Also where mean squares are equal but for rounding, as where one value differs from all others."""
    right, wrong = accuracy_interval(values_ST), accuracy_interval(1 - values_ST)
    assert (wrong.low, wrong.high) == pytest.approx((1 - right.high, 1 - right.low), abs=1e-6)
    assert right.high - right.low > 0.01


def test_equal_values_that_are_no_binary_fractions_are_equal():
    third = accuracy_interval(np.full((3, 7), 1 / 3))
    assert third.high - third.low > 0.3


def test_the_bootstrap_of_an_interquartile_mean_is_the_same_in_parts(monkeypatch):
    values = np.random.default_rng(0).integers(0, 5, (3, 20)) / 4
    whole = CrossedBootstrap(3, 20, 100).interquartile_mean(values)
    monkeypatch.setattr("agents.report.statistics.NUMBERS_AT_ONCE", 7 * 60)
    assert CrossedBootstrap(3, 20, 100).interquartile_mean(values) == whole


def test_pass_at_k_is_of_the_samples_that_were_judged():
    # a third right of 4 sampled: 3 were judged, one right: pass@2 = 1 - C(2, 2) / C(3, 2); of 4 nothing is known
    shares = np.array([[1 / 3, 0.5]])
    assert pass_at_k(shares, 4, 2) == pytest.approx(np.array([[2 / 3, 5 / 6]]))
    assert pass_at_k(shares, 4, 4) == pytest.approx(np.array([[np.nan, 1.0]]), nan_ok=True)
    assert math.isnan(pass_at_k(np.array([0.123]), 4, 1)[0])  # of no so few samples


def test_pass_at_k_is_unbiased_and_wants_a_k_that_there_is():
    rng = np.random.default_rng(0)
    right = rng.binomial(8, 0.3, 20_000) / 8
    assert pass_at_k(right, 8, 3).mean() == pytest.approx(1 - 0.7**3, abs=0.01)
    assert math.isnan(pass_at_k(np.array([np.nan]), 4, 2)[0])
    with pytest.raises(ValueError, match="k is 5"):
        pass_at_k(right, 4, 5)
