"""Golds that are whole texts: the answer in them, or none that can be used."""

import pytest

from verifiers import AnswerKind, AnswerVerifier, BadReference, Reference, RelaxedAccuracy, infer_kind

VERIFIER = AnswerVerifier()


@pytest.mark.parametrize(
    ("gold", "right", "wrong"),
    [
        ("#### 42", "42", "43"),
        ("3 + 4 = 7, so she has 7.\n#### 7", "7", "4"),
        ("<answer>84</answer>", "84", "48"),
        ("<think>x</think><answer>5</answer>", "5", "x"),
        (r"So the answer is: \[ \boxed{32349} \]", "32349", "32348"),
        (r"Thus $x=\boxed{\frac12}$.", "0.5", "2"),
        (r"\boxed{1}, \boxed{2}", "1, 2", "1"),
        (r"The final answer is $\frac{3}{4}$", "3/4", "4/3"),
        ("The answer is blue.", "blue", "red"),
        ("Answer: B", "B", "A"),
    ],
)
def test_the_answer_in_it(gold, right, wrong):
    assert VERIFIER.verify(f"<answer>{right}</answer>", Reference(gold)).correct
    assert not VERIFIER.verify(f"<answer>{wrong}</answer>", Reference(gold)).correct


@pytest.mark.parametrize("gold", ["<answer>B</answer>", "The answer is (B).", r"\boxed{B}", r"\boxed{20}"])
def test_of_choices(gold):
    assert VERIFIER.verify("<answer>B</answer>", Reference(gold, choices=("10", "20"))).correct
    assert not VERIFIER.verify("<answer>A</answer>", Reference(gold, choices=("10", "20"))).correct


def test_an_option_may_read_like_a_statement():
    choices = ("The answer is not given.", "The answer is 7.")
    assert VERIFIER.verify("<answer>B</answer>", Reference("The answer is 7.", choices=choices)).correct


@pytest.mark.parametrize(
    "gold",
    [
        r"We get \boxed{3}. Also \boxed{4}.",
        "<answer>3</answer><answer>4</answer>",
        "<think>hm",
        r"\boxed{3}, but that is wrong.",
        "First we add 3 and 4.\nThen we get 7.",
    ],
)
def test_what_holds_no_one_answer_is_refused(gold):
    with pytest.raises(BadReference, match="give the answer itself"):
        VERIFIER.verify("<answer>7</answer>", Reference(gold))


def test_a_text_that_is_asked_for_may_have_sentences():
    gold = "First we rest. Then we walk 7 miles."
    assert VERIFIER.verify(f"<answer>{gold}</answer>", Reference(gold, kind="text")).correct


def test_its_kind_is_that_of_the_answer():
    assert infer_kind("#### 42") is AnswerKind.INTEGER
    assert infer_kind("<answer>the cat</answer>") is AnswerKind.TEXT


def test_relaxed_reads_it_too():
    assert RelaxedAccuracy().verify("<answer>41</answer>", Reference("#### 42")).correct
