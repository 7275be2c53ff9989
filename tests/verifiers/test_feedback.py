"""What a model is told about its attempt."""

import pytest

from tests.cpu import cpu_time
from verifiers import AnswerVerifier, ExtractionPolicy, Reference, Step

VERIFIER = AnswerVerifier()
SUM = Reference("6", steps=(Step("red circles", "4"), Step("blue squares", "2"), Step("4 + 2", "6")))


@pytest.mark.parametrize(
    ("response", "feedback"),
    [
        ("<answer>7</answer>", "Correct."),
        ("<answer>5</answer>", "Your answer 5 is wrong."),
        ("", "No answer found: put it in <answer> </answer>."),
        ("<answer>apple</answer>", "Your answer apple cannot be read as an answer to this question."),
        ("<answer>5 or 6</answer>", "More than one answer found: give exactly one."),
        ("<answer>5</answer><answer>6</answer>", "More than one answer found: give exactly one."),
    ],
)
def test_without_steps_nothing_of_the_reference_is_told(response, feedback):
    assert VERIFIER.verify(response, Reference("7", solution="7 it is")).feedback == feedback


def test_asks_for_the_answer_where_the_policy_looks():
    verdict = AnswerVerifier(ExtractionPolicy(("boxed",))).verify("7", Reference("7"))
    assert verdict.feedback == r"No answer found: put it in \boxed{}."


def test_a_long_answer_is_quoted_in_short():
    feedback = VERIFIER.verify(f"<answer>{'9' * 500}</answer>", Reference("7")).feedback
    assert len(feedback) < 120
    assert feedback.startswith("Your answer 999")


@pytest.mark.parametrize(
    ("thought", "feedback"),
    [
        ("red circles: 3. blue squares: 2. 3 + 2 = 5", "red circles: 3 is wrong, it is 4."),
        ("red circles: 4. blue squares: 1. 4 + 1 = 5", "blue squares: 1 is wrong, it is 2."),
        ("red circles: 4. blue squares: 2. 4 + 2 = 5", "4 + 2: 5 is wrong, it is 6."),
        ("red circles: 4. blue squares: 2. 4+2=5", "4 + 2: 5 is wrong, it is 6."),
        ("red circles: 4. blue squares: 2.", "4 + 2: not found, it is 6."),
        ("blue squares: 2. 4 + 2 = 5", "red circles: not found, it is 4."),
        ("Red Circles = 4. Blue  squares are 3.", "blue squares: 3 is wrong, it is 2."),
        ("red circles: 3. No, red circles: 4. blue squares: 1.", "blue squares: 1 is wrong, it is 2."),
        ("red circles: four", "red circles: not found, it is 4."),
        ("inferred circles: 4", "red circles: not found, it is 4."),
        ("- red circles: 4\n- blue squares: 2\n- 4 + 2 = 5", "4 + 2: 5 is wrong, it is 6."),
        ("red circles: 4.0 blue squares: 2 and 14 + 2 = 6", "4 + 2: not found, it is 6."),
        ("red circles: 4, blue squares: 2, 1 + 4 + 2 = 6", "4 + 2: not found, it is 6."),
        ("red circles: 4, blue squares: 2, 4 + 2 = 6", "Your answer 5 is wrong."),
        ("**red circles**: 4, **blue squares:** 7", "blue squares: 7 is wrong, it is 2."),
    ],
)
def test_names_the_first_wrong_step(thought, feedback):
    assert VERIFIER.verify(f"<think> {thought} </think> <answer> 5 </answer>", SUM).feedback == feedback


def test_steps_matter_only_for_a_wrong_answer():
    assert VERIFIER.verify("<think> red circles: 3 </think> <answer>6</answer>", SUM).feedback == "Correct."
    assert VERIFIER.verify("red circles: 3", SUM).feedback.startswith("No answer found")


def test_steps_may_be_words():
    reference = Reference("cube", steps=(Step("largest shape", "blue cube"),))
    wrong = "<think> Largest shape: red ball. </think> <answer>ball</answer>"
    assert VERIFIER.verify(wrong, reference).feedback == "largest shape: red ball is wrong, it is blue cube."
    right = "<think> Largest shape: Blue cube. </think> <answer>ball</answer>"
    assert VERIFIER.verify(right, reference).feedback == "Your answer ball is wrong."


def test_a_response_cannot_make_the_search_slow():
    for thought in ("red circles " * 50_000, "red circles: 4 " * 50_000, " " * 500_000, "4+2" * 100_000):
        with cpu_time() as spent:
            VERIFIER.verify(f"<think> {thought} </think> <answer> 5 </answer>", SUM)
        assert spent.seconds < 1.0
