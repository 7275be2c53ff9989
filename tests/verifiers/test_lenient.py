"""Mode "lenient": what the last sentence concludes with, for evaluation; strict reads none of it."""

import pytest

import verifiers
from verifiers import AnswerVerifier, ExtractionPolicy, Reference, Status, WeightedVerifier

STRICT, LENIENT = verifiers.make("answer"), verifiers.make("answer", mode="lenient")

CONCLUDE = [
    "7",
    "Thus we get x = 7.",
    r"Thus \(x = 7\).",
    "We obtain x=7.",
    "5 + 2 = 7",
    "She will spend $7.",
    "She will spend 7 dollars.",
    "It costs £7.",
    "He has 7 apples.",
    "So Tom has 7 apples left.",
    "The difference between the two groups is approximately 7.",
    "Final number of objects left: 7",
    "Total: 7 apples",
    "There are 7 dots in each group.",
    "There are seven dots.",
    "Therefore there are only 7 left.",
    "So, the total is **7**.\n\nIs there anything else I can help you with?",
    "So she needs **7** bags.",
    "Therefore, x equals 7.\n\nLet me know if you have questions!\n\n---",
]
CONCLUDE_NOTHING = [
    "7 or 8",
    "Not 7.",
    "It is not 5 but the total is 7?",
    "Thus we get x = 8, not 7.",
    "There are 2 dots, or maybe 7.",
    "There are 7 or 8 dots.",
    "There are more than 7 dots.",
    "There are 7 dozen eggs.",
    "There are 7 hundred dots.",
    "There are 7 of 10 left.",
    "There aren't 7 dots.",
    "There are seven or eight.",
    "Suppose x = 7.",
    "Let x = 7.",
    "We try x = 7.",
    "What if x = 7?",
    "Thus x > 7.",
    "x >= 7",
    "x is at least 7.",
    "It is between 6 and 7.",
    "From 5 to 7.",
    "x = 7, 8",
    "So the ratio is 3:7",
    "Options: 6, 7",
    "Answer options: 7",
    "Wrong answer: 7",
    "Numbers not left: 7",
    "Number left: 7?",
    "See Figure 7.",
    "Step 7",
    "In case 7",
    "It is **7** or **8**.",
    "**7** is wrong.",
    "So **8**, maybe 7.",
    "I think it could be 7.",
    "Is it 7",
    "He has 8 apples, she has 7.",
    "a = 8, b = 7",
    "**8** and **7**",
    "There are 7-8 dots.",
    "There are 7 red dots and 8 blue dots.",
    "The ratio is 7 to 8.",
    "7 out of 8",
    "x ≠ 7",
    "x ≈ 7.2",
    "2x = 7",
    "Total: 7%",
]


@pytest.mark.parametrize("response", CONCLUDE)
def test_a_conclusion(response):
    assert LENIENT.verify(response, Reference("7")).correct
    assert not LENIENT.verify(response, Reference("8")).correct
    assert STRICT.verify(response, Reference("7")).status is Status.NO_ANSWER


@pytest.mark.parametrize("response", CONCLUDE_NOTHING)
def test_no_conclusion(response):
    assert not LENIENT.verify(response, Reference("7")).correct


def test_a_unit_of_a_conclusion_counts():
    assert LENIENT.verify("So the height is 9 cm.", Reference("9 cm")).correct
    assert LENIENT.verify("There are 9 cm left.", Reference("9 cm")).correct
    assert not LENIENT.verify("There are 9 km left.", Reference("9 cm")).correct


def test_a_mark_goes_before_a_conclusion():
    assert LENIENT.verify("\\boxed{7}\n\nThus we get x = 8.", Reference("7")).correct


def test_the_mode_is_told():
    assert (STRICT.mode, LENIENT.mode) == ("strict", "lenient")
    assert LENIENT.version == f"lenient-{STRICT.version}"


def test_the_mode_as_a_part():
    weighted = WeightedVerifier({"accuracy": (LENIENT, 1.0)})
    assert weighted.verify("Thus we get x = 7.", Reference("7")).correct
    assert "lenient" in weighted.version


@pytest.mark.parametrize("arguments", [{"mode": "loose"}, {"mode": "lenient", "policy": ExtractionPolicy()}])
def test_a_mode_that_cannot_be_is_refused(arguments):
    with pytest.raises(ValueError, match="lenient"):
        AnswerVerifier(**arguments)
