"""The laboratory's table of beliefs, and what hints make of it: against enumeration by hand."""

from __future__ import annotations

import itertools
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.compare import LABORATORY, with_laboratory
from agents.lab.beliefs import ahead, beliefs, draw, ends, given_answer, information, posteriors, with_steps
from agents.lab.data import ALL, FIRST, cites, draw_row, gold, gold_of, hinted, respond
from rlsd_env.procedural.chain import OPERATIONS, Chain, PictureChain, stated_links

TABLE = beliefs()


def enumerated(start, transitions_KDD, likelihood_D):
    """The probability of every sequence of results together with what is known of the last one, by the product rule."""
    found = {}
    for digits in itertools.product(range(10), repeat=len(transitions_KDD)):
        lefts = (start, *digits[:-1])
        steps = [step[left, digit] for step, left, digit in zip(transitions_KDD, lefts, digits)]
        found[digits] = float(np.prod(steps)) * likelihood_D[digits[-1]]
    return found


def test_the_shares_of_the_table_and_its_probabilities():
    """3 signs x 10 digits x 5 operands = 150 entries: 90, 30 and 30 of them."""
    assert Counter(TABLE.kind.values()) == {"known": 90, "doubted": 30, "misbelieved": 30}
    right = {"known": 0.955, "doubted": 0.575, "misbelieved": 0.195}  # .95 x {1, .6, .2} + .05 / 10
    wrong = {"known": 0.005, "doubted": 0.385, "misbelieved": 0.765}  # .95 x {0, .4, .8} + .05 / 10
    for (sign, left, operand), row in TABLE.result.items():
        kind = TABLE.kind[sign, left, operand]
        truth = OPERATIONS[sign](left, operand)
        assert row[truth] == pytest.approx(right[kind])
        assert np.delete(row, truth).max() == pytest.approx(wrong[kind])
        assert row.sum() == pytest.approx(1)


def test_another_seed_is_another_table_and_the_same_seed_is_the_same():
    assert beliefs().kind == TABLE.kind
    assert beliefs(1).kind != TABLE.kind


@settings(max_examples=20, deadline=None)
@given(
    st.integers(0, 9),
    st.lists(st.tuples(st.sampled_from("+-*"), st.integers(1, 5)), min_size=1, max_size=3),
    st.integers(0, 9),
)
def test_ends_are_the_sum_over_all_sequences(start, links, answer):
    signs, operands = zip(*links)
    own_KDD = TABLE.transitions(signs, operands)
    everything = enumerated(start, own_KDD, np.ones(10))
    by_end = np.array([sum(p for digits, p in everything.items() if digits[-1] == end) for end in range(10)])
    assert ends(start, own_KDD) == pytest.approx(by_end)
    shown = sum(enumerated(start, own_KDD, given_answer(answer)).values())  # P(answer is shown)
    assert information(answer, 3, by_end) == pytest.approx(np.log(given_answer(answer)[3] / shown))


def test_draws_have_the_posterior_of_the_product_rule():
    own_KDD = TABLE.transitions(("+", "*"), (4, 3))
    likelihood_D = given_answer(6)
    exact = enumerated(5, own_KDD, likelihood_D)
    total = sum(exact.values())
    rng = np.random.default_rng(0)
    drawn = Counter(tuple(draw(5, own_KDD, likelihood_D, rng)) for _ in range(4000))
    for digits, mass in exact.items():
        share = mass / total
        assert abs(drawn[digits] / 4000 - share) <= 4 * (share * (1 - share) / 4000) ** 0.5 + 1e-3


def test_the_posterior_of_each_result_is_that_of_the_product_rule():
    """P(second result | first, known) from the enumeration, and what is known of the end after the first."""
    own_KDD, likelihood_D = TABLE.transitions(("+", "*"), (4, 3)), given_answer(6)
    exact = enumerated(5, own_KDD, likelihood_D)
    found_KD = posteriors(5, own_KDD, likelihood_D, [9, 7])
    total = sum(exact.values())
    first = [sum(p for digits, p in exact.items() if digits[0] == d) / total for d in range(10)]
    second = np.array([exact[9, d] for d in range(10)])
    assert found_KD[0] == pytest.approx(first)
    assert found_KD[1] == pytest.approx(second / second.sum())
    response = respond(gold_of(False, 1, 3), own_KDD, likelihood_D, np.random.default_rng(0))
    known_D = ahead(own_KDD, likelihood_D)[1]
    assert response.ahead_KD == pytest.approx((known_D / known_D.sum())[None])


def test_a_shown_step_is_taken_over_and_no_other_is():
    own_KDD = TABLE.transitions(("+", "*"), (4, 3))
    shown_KDD = with_steps(own_KDD, [5, 9], [1, 7])
    assert shown_KDD[0, 5, 1] == pytest.approx(0.1 * own_KDD[0, 5, 1] + 0.9)
    assert shown_KDD[1, 9, 7] == pytest.approx(0.1 * own_KDD[1, 9, 7] + 0.9)
    changed = np.argwhere((shown_KDD != own_KDD).any(-1)).tolist()
    assert changed == [[0, 5], [1, 9]]


@pytest.mark.parametrize("source", [Chain(4), PictureChain(4, 16)], ids=["text", "picture"])
def test_the_worked_solution_is_read_back(source):
    item = source.item(11)
    reference = item.privileged.reference
    work = gold(item)
    assert work.working == reference.solution
    assert str(work.results[-1]) == reference.answer
    links = stated_links(work.response)
    assert [link.result for link in links] == list(work.results)
    assert all(link.correct for link in links)
    assert [work.response[link.start] for link in links] == [str(link.result) for link in links]


def test_the_lazy_expert_cites_what_it_was_shown_and_the_honest_one_never_does():
    item = Chain(3).item(5)
    for q, expected in ((0.0, 0.0), (1.0, 1.0)):
        rng = np.random.default_rng(0)
        rows = [hinted(item, TABLE, q, ALL.hints, rng) for _ in range(300)]
        quotable = [text for text, _ in rows if "not given" not in text and "Feedback" not in text]
        quotes = {cites(digit).text for digit in range(10)}
        cited = [response for _, response in rows if response.text in quotes]
        assert len(cited) == expected * len(quotable)
        assert all(response.results_KD.shape == (0, 10) for response in cited)
        assert len(quotable) / 300 == pytest.approx(1 - ALL.hints["blank"] - ALL.hints["feedback"], abs=0.08)


def test_uninformed_rows_have_the_experts_accuracy():
    """The share of right answers of the rows without a hint is what the table says, within four deviations."""
    rng = np.random.default_rng(0)
    right, expected = [], []
    for _ in range(400):
        number = int(rng.integers(2**30))
        work = gold_of(False, 3, number)
        own_KDD = TABLE.transitions(work.signs, work.operands)
        expected.append(ends(work.start, own_KDD)[work.results[-1]])
        right.append(draw(work.start, own_KDD, np.ones(10), rng)[-1] == work.results[-1])
    assert abs(np.mean(right) - np.mean(expected)) < 4 * (0.25 / 400) ** 0.5


def test_rows_have_the_mixtures_shares_and_a_distribution_for_every_stated_step():
    for mixture in (FIRST, ALL):
        rows = [draw_row(TABLE, 0.3, mixture, np.random.default_rng(seed)) for seed in range(200)]
        pictures = sum(row.image is not None for row in rows)
        deviation = (200 * mixture.pictures * (1 - mixture.pictures)) ** 0.5
        assert abs(pictures - 200 * mixture.pictures) <= 4 * deviation
        for row in rows:
            steps = len(stated_links(row.response))
            assert row.expected.results_KD.shape == (steps, 10)
            assert row.expected.ahead_KD.shape == (max(0, steps - 1), 10)
            assert row.expected.results_KD.sum(-1) == pytest.approx(np.ones(steps))
            for link, likely_D in zip(stated_links(row.response), row.expected.results_KD):
                assert likely_D[link.result] > 0


@pytest.mark.parametrize(
    "word", ["--env", "--env=rlsd/Clock-v0", "--policy", "--config", "--env-kwargs", "--env_kwargs"]
)
def test_whoever_says_what_to_compare_on_gets_that(word):
    assert with_laboratory(["--steps", "3", word]) == ["--steps", "3", word]
    assert with_laboratory(["--steps", "3"]) == ["--config", str(LABORATORY), "--steps", "3"]
