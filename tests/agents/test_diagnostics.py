from __future__ import annotations

import pytest

from agents.diagnostics.leakage import mentions, per_1000


@pytest.mark.parametrize(
    "response",
    [
        "The reference answer is 7, so I say 7.",
        "as the provided solution shows",
        "The hint says 4.",
        "according to the reference, 3",
        "From the feedback I know it is 4",
        "the given answer must be right",
        "Based on the provided answer",
        "An earlier correct response was 7",
    ],
)
def test_speaking_of_privileged_information_is_noticed(response):
    assert mentions(response, "How many dots?")


@pytest.mark.parametrize(
    "response",
    [
        "The answer is 7.",
        "I refer to the picture: given the two bars, the answer is 3.",
        "The solution is x = 2.",
        "given that the reference line is at 3",
        "the provided picture shows 4",
        "",
    ],
)
def test_ordinary_reasoning_is_not(response):
    assert not mentions(response, "How many dots?")


def test_words_of_the_question_do_not_count():
    assert not mentions("The given answer is wrong by 2.", "By how much is the given answer wrong?")


def test_rate():
    told = ["the reference answer is 7", "7", "the hint says 4", "4"]
    assert per_1000([mentions(said, "?") for said in told]) == 500.0
    assert per_1000([]) == 0.0
