"""Letters as gold answers: one without choices, and several."""

import pytest

from verifiers import AnswerVerifier, Reference

VERIFIER = AnswerVerifier()
CHOICES = ("10", "20", "30", "40")


@pytest.mark.parametrize(
    ("gold", "answer"),
    [
        ("B", r"\text{B: blue}"),
        ("B", r"\text{(B) } 12"),
        ("B", "B) 12 cm"),
        ("B", "B. blue"),
        ("B", "Option B"),
        ("B", "b"),
        ("(B)", "B: blue"),
        ("J", "(J) 12"),
        ("ACD", "A, C, D"),
        ("ACD", "D, C, A"),
        ("ACD", "DCA"),
        ("ACD", "A C D"),
        ("ACD", "A, C and D"),
        ("ACD", "(A), (C), (D)"),
        ("ACD", r"\text{A, C, D}"),
        ("ACD", "A、C、D"),
        ("A, C, D", "ACD"),
        ("A and C", "AC"),
        ("(A), (C)", "C & A"),
        ("AJ", "A; J"),
    ],
)
def test_without_choices_right(gold, answer):
    assert VERIFIER.verify(rf"\boxed{{{answer}}}", Reference(gold)).correct
    assert VERIFIER.verify(f"<answer>{answer}</answer>", Reference(gold)).correct


@pytest.mark.parametrize(
    ("gold", "answer"),
    [
        ("B", "A: B"),
        ("B", "B: A"),
        ("B", "(A) B"),
        ("B", "(A) (B)"),
        ("B", "(B) (c)"),
        ("B", "B or C"),
        ("B", "B, C"),
        ("B", "AB"),
        ("B", "not B"),
        ("B", "(B) is wrong"),
        ("B", "Blue"),
        ("C", "C - 5"),
        ("ACD", "A, C"),
        ("ACD", "A"),
        ("ACD", "A, B, C, D"),
        ("ACD", "ABCD"),
        ("ACD", "A, A, C, D"),
        ("ACD", "AACD"),
        ("ACD", "A, C or D"),
        ("ACD", "A, C, not D"),
        ("ACD", "maybe A, C, D"),
    ],
)
def test_without_choices_never_right(gold, answer):
    assert not VERIFIER.verify(rf"\boxed{{{answer}}}", Reference(gold)).correct
    assert not VERIFIER.verify(f"<answer>{answer}</answer>", Reference(gold)).correct


@pytest.mark.parametrize(
    ("answer", "right"),
    [
        ("A, C", True),
        ("CA", True),
        ("10, 30", True),
        ("(A) 10, (C) 30", True),
        ("A and 30", True),
        ("A", False),
        ("A, B", False),
        ("A, A", False),
        ("A or C", False),
        ("(A) 10, (C) 40", False),
        ("A, B, C, D", False),
    ],
)
@pytest.mark.parametrize("gold", ["AC", "A, C", "(A) and (C)"])
def test_several_options(gold, answer, right):
    assert VERIFIER.verify(f"<answer>{answer}</answer>", Reference(gold, choices=CHOICES)).correct is right


def test_boxes_that_are_one_set():
    assert VERIFIER.verify(r"\boxed{A}, \boxed{C}", Reference("AC", choices=CHOICES)).correct
    assert not VERIFIER.verify(r"\boxed{A}, \boxed{B}", Reference("AC", choices=CHOICES)).correct
