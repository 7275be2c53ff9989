"""What a response denies, takes back or offers beside its answer is never rewarded."""

import pytest

from verifiers import AnswerVerifier, Reference

STRICT, LENIENT = AnswerVerifier(), AnswerVerifier(mode="lenient")

CORRECTED = [
    r"First I got \boxed{3}, but that is wrong. The final answer is \boxed{7}.",
    r"\boxed{3}. Wait, that's incorrect. So \boxed{7}.",
    r"First \boxed{3}. No, that is not correct: \boxed{7}",
    r"$\boxed{3}$ is wrong. It is $\boxed{7}$.",
    r"It is not \boxed{3} but \boxed{7}.",
    r"\boxed{3}. I made a mistake. \boxed{7}",
    r"\boxed{3}, \boxed{3}, but this is false. \boxed{7}",
    "<answer>3</answer>, but that is wrong. <answer>7</answer>",
    "The answer is 3. Wait, that is wrong. The answer is 7.",
    r"\boxed{7}, which was not obvious.",
    r"\boxed{7}. This is not a trick: it is correct.",
    r"\boxed{7} or 7.0",
    r"\boxed{7}, which cannot be reduced.",
]
NOT_ONE_ANSWER = [
    r"\boxed{7}, but that is wrong.",
    r"\boxed{7}. No wait, that's incorrect.",
    r"The answer is $\boxed{7}$. That is wrong.",
    r"The answer is not \boxed{7}.",
    r"It isn't \boxed{7}.",
    r"\boxed{8}, but that is wrong. \boxed{7} is wrong too.",
    r"\boxed{7} and \boxed{8}, but that is wrong.",
    r"\boxed{8} is not right. \boxed{9}, \boxed{7}",
    r"\boxed{8}, but that may be wrong. \boxed{7}",
    r"If \boxed{8} is right, not \boxed{7}",
    r"\boxed{7} \boxed{8}",
    r"\boxed{7} or 8",
    r"\boxed{7} \text{ or } 8",
    r"\boxed{7} and 8",
    r"\boxed{7}, 8",
    r"\boxed{7}/8",
    r"\boxed{7}? No.",
    r"\boxed{7} is the wrong answer",
    r"\boxed{7} cannot be the answer",
    r"$\boxed{7}$ does not work.",
    r"The wrong answer is \boxed{7}",
    "Antwort: 7. Oder 8.",
    "答案是7。或者8",
    r"\boxed{7}, or maybe 8",
    r"\boxed{7} (or 8)",
    r"\boxed{7}, perhaps 8",
    r"\boxed{7} km or \boxed{8} km",
    "<answer>7</answer> or 8",
    "<answer>7</answer> or <answer>8</answer>",
    "<answer>7</answer>, but that is wrong.",
    "The answer is not 7.",
    "The answer is 7 or 8.",
    "The answer is 7. Or 8.",
    "The final answer is 7. Wait, no.",
    "The answer is 7. Answer: 8",
    "Is the answer 7?",
    "Maybe the answer is 7.",
]


@pytest.mark.parametrize("response", CORRECTED)
def test_the_answer_that_stands_is_read(response):
    assert STRICT.verify(response, Reference("7")).correct
    assert not STRICT.verify(response, Reference("3")).correct


@pytest.mark.parametrize("response", NOT_ONE_ANSWER)
@pytest.mark.parametrize("verifier", [STRICT, LENIENT], ids=["strict", "lenient"])
def test_no_one_answer_is_never_rewarded(verifier, response):
    assert not verifier.verify(response, Reference("7")).correct


@pytest.mark.parametrize(
    "response",
    [
        r"\boxed{B} or C",
        r"\boxed{(B)} (C)",
        "<answer>B</answer> C",
        "(B)\n(C)\n(D)",
        r"\boxed{B} is wrong.",
        "Answer: B. Or C.",
        "Answer: A. b. c. d.",
    ],
)
@pytest.mark.parametrize("gold", ["A", "B"])
def test_options_likewise(response, gold):
    reference = Reference(gold, choices=("red", "blue", "green", "black"))
    assert not STRICT.verify(response, reference).correct
