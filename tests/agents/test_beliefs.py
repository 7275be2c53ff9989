"""The laboratory's table of beliefs, and what hints make of it: against enumeration by hand."""

from __future__ import annotations

import itertools
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.compare import LABORATORY, with_laboratory
from agents.lab.beliefs import beliefs, draw, ends, given_answer, information, with_steps
from agents.lab.data import HINTS, cites, draw_row, gold, gold_of, hinted
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
    """3 signs x 10 digits x 9 operands = 270 entries: 162, 54 and 54 of them."""
    assert Counter(TABLE.kind.values()) == {"known": 162, "doubted": 54, "misbelieved": 54}
    right = {"known": 0.982, "doubted": 0.59, "misbelieved": 0.198}  # .98 x {1, .6, .2} + .02 / 10
    wrong = {"known": 0.002, "doubted": 0.394, "misbelieved": 0.786}  # .98 x {0, .4, .8} + .02 / 10
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
    st.lists(st.tuples(st.sampled_from("+-*"), st.integers(1, 9)), min_size=1, max_size=3),
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
        rows = [hinted(item, TABLE, q, rng) for _ in range(300)]
        quotable = [text for text, _ in rows if "not given" not in text and "Feedback" not in text]
        cited = [response for _, response in rows if response in map(cites, range(10))]
        assert len(cited) == expected * len(quotable)
        assert len(quotable) / 300 == pytest.approx(1 - HINTS["blank"] - HINTS["feedback"], abs=0.08)


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


def test_half_the_rows_have_a_picture():
    rows = [draw_row(TABLE, 0.3, np.random.default_rng(seed)) for seed in range(200)]
    assert abs(sum(row.image is not None for row in rows) - 100) < 4 * 7.1


@pytest.mark.parametrize(
    "word", ["--env", "--env=rlsd/Clock-v0", "--policy", "--config", "--env-kwargs", "--env_kwargs"]
)
def test_whoever_says_what_to_compare_on_gets_that(word):
    assert with_laboratory(["--steps", "3", word]) == ["--steps", "3", word]
    assert with_laboratory(["--steps", "3"]) == ["--config", str(LABORATORY), "--steps", "3"]
