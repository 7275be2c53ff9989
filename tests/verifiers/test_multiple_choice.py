"""Which option an answer names."""

import pytest

from verifiers import AnswerVerifier, BadReference, ExtractionPolicy, Reference, Status

VERIFIER = AnswerVerifier()
LAST_LINE = AnswerVerifier(ExtractionPolicy(("answer_tag", "boxed", "statement", "first_line", "last_line")))
COLOURS = ("red", "blue", "green", "Yellow", "It cannot be known.")
NUMBERS = ("1/2", "12", r"$12 \mathrm{~cm}$", r"$\frac{1}{4}$")
LETTERS = ("A", "B", "C", "D", "E")
PAIRS = ("A", "B", "C", "A or B")
RATIOS = ("1:1", "2:3", "3:5")
MONTHS = ("Jul '21", "May '21")
SKIPPED = ("A", "B", "D", "F", "G")


def judge(answer, gold, choices):
    return VERIFIER.verify(f"<answer>{answer}</answer>", Reference(gold, choices=choices))


@pytest.mark.parametrize(
    ("answer", "gold", "choices"),
    [
        ("B", "B", COLOURS),
        ("(B)", "B", COLOURS),
        ("B.", "B", COLOURS),
        ("B)", "B", COLOURS),
        ("b", "B", COLOURS),
        ("$B$", "B", COLOURS),
        (r"\text{(B)}", "B", COLOURS),
        (r"\textbf{(B) blue}", "B", COLOURS),
        ("B) blue", "B", COLOURS),
        ("(B) Blue", "B", COLOURS),
        ("B: blue.", "B", COLOURS),
        ("B - blue", "B", COLOURS),
        ("B blue", "B", COLOURS),
        ("blue (B)", "B", COLOURS),
        ("B. because it is the colour of the sky", "B", COLOURS),
        ("Option B", "B", COLOURS),
        ("The answer is (B)", "B", COLOURS),
        ("blue", "B", COLOURS),
        ("BLUE.", "B", COLOURS),
        ("it cannot be known", "E", COLOURS),
        ("E) It cannot be known.", "E", COLOURS),
        ("0.5", "A", NUMBERS),
        ("A) .5", "A", NUMBERS),
        (r"\frac{1}{2}", "A", NUMBERS),
        ("0.25", "D", NUMBERS),
        ("12", "B", NUMBERS),
        ("12 cm", "C", NUMBERS),
        ("C) 12 cm", "C", NUMBERS),
        ("C) 12", "C", (*NUMBERS[:1], "13", "12 cm")),
        ("B", "blue", COLOURS),  # the gold is a text
        ("blue", "blue", COLOURS),
        ("(D)", "D", ("(A)", "(B)", "(C)", "(D)", "(E)")),
        ("D", "D", ("A)", "B)", "C)", "D)", "E)")),
        ("C", "C", LETTERS),
        ("A or B", "D", PAIRS),  # the text of an option, not a hedge
        ("G", "E", SKIPPED),  # no fifth letter, but a text
        ("E", "E", SKIPPED),
        ("D", "D", SKIPPED),  # the letter wins over the text
        ("B", "B", ()),  # options that are only in the picture
        ("(a) red", "A", COLOURS),
        ("b. blue", "B", COLOURS),
        ("(A) 1:1", "A", RATIOS),
        ("(A) because both are equal", "A", RATIOS),
        ("B (May '21)", "B", MONTHS),
        ("(B) May ’21", "B", MONTHS),
        ("May '21 (B)", "B", MONTHS),
        ("A (don't know)", "A", ("don't know", "do know")),
    ],
)
def test_right(answer, gold, choices):
    verdict = judge(answer, gold, choices)
    assert (verdict.reward, verdict.status) == (1.0, Status.OK)


@pytest.mark.parametrize(
    ("answer", "gold", "choices"),
    [
        ("A", "B", COLOURS),
        ("red", "B", COLOURS),
        ("A) red", "B", COLOURS),
        ("0.5", "B", NUMBERS),
        ("D", "C", SKIPPED),
        ("A", "B", ()),
    ],
)
def test_wrong(answer, gold, choices):
    verdict = judge(answer, gold, choices)
    assert (verdict.reward, verdict.status) == (0.0, Status.OK)


@pytest.mark.parametrize(
    ("answer", "gold", "choices", "status"),
    [
        ("A dog", "A", COLOURS, Status.UNPARSABLE),
        ("A dog is in the picture", "A", COLOURS, Status.UNPARSABLE),
        ("Because the picture is dark I cannot tell", "B", COLOURS, Status.UNPARSABLE),
        ("Cannot be determined.", "C", COLOURS, Status.UNPARSABLE),
        ("Definitely", "D", COLOURS, Status.UNPARSABLE),
        ("bleu", "B", COLOURS, Status.UNPARSABLE),
        ("blu", "B", COLOURS, Status.UNPARSABLE),
        ("blue sky", "B", COLOURS, Status.UNPARSABLE),
        ("not B", "B", COLOURS, Status.UNPARSABLE),
        ("F", "A", COLOURS, Status.UNPARSABLE),  # only five options
        ("AB", "A", COLOURS, Status.UNPARSABLE),
        ("A or B", "A", COLOURS, Status.AMBIGUOUS),
        ("A, B, C, D, E", "B", COLOURS, Status.AMBIGUOUS),
        ("(A) or (B)", "A", COLOURS, Status.AMBIGUOUS),
        ("(A), (B)", "A", COLOURS, Status.AMBIGUOUS),
        ("red or blue", "A", COLOURS, Status.AMBIGUOUS),
        ("red/blue", "A", COLOURS, Status.AMBIGUOUS),
        ("A) blue", "A", COLOURS, Status.AMBIGUOUS),  # letter and text disagree
        ("A) blue", "B", COLOURS, Status.AMBIGUOUS),
        ("B) 13", "B", NUMBERS, Status.AMBIGUOUS),  # option B is 12
        ("C) 13 cm", "C", NUMBERS, Status.AMBIGUOUS),
        ("A: B", "A", LETTERS, Status.AMBIGUOUS),
        ("(A) is wrong", "A", COLOURS, Status.AMBIGUOUS),
        ("(a) (b)", "A", COLOURS, Status.AMBIGUOUS),
        ("(a) (b) (c) (d)", "A", COLOURS, Status.AMBIGUOUS),
        ("(A) (b) (c) (d)", "A", COLOURS, Status.AMBIGUOUS),
        ("(A)(b)", "A", COLOURS, Status.AMBIGUOUS),
        ("(A) b) c)", "A", COLOURS, Status.AMBIGUOUS),
        ("A. b. c. d.", "A", COLOURS, Status.AMBIGUOUS),
        ("a) b) c) d)", "A", COLOURS, Status.AMBIGUOUS),
        ("a, b, c, d", "A", COLOURS, Status.AMBIGUOUS),
        ("a b c d", "A", COLOURS, Status.UNPARSABLE),
        ("d. yellow", "D", NUMBERS, Status.AMBIGUOUS),  # the item of another list
        ("(a) 20", "A", NUMBERS, Status.AMBIGUOUS),
        ("(A) 1:3", "A", RATIOS, Status.AMBIGUOUS),
        (r"\text{(A)}\ 1:3", "A", RATIOS, Status.AMBIGUOUS),
        ("(A) 3:1", "A", RATIOS, Status.AMBIGUOUS),
        ("(A) 1:3 because", "A", RATIOS, Status.AMBIGUOUS),
        ("(A) 15", "A", RATIOS, Status.AMBIGUOUS),
        ("(A) x+2y", "A", ("x+y", "x-y"), Status.AMBIGUOUS),
        ("(A) (1,3)", "A", ("(1,2)", "(2,1)"), Status.AMBIGUOUS),
        ("(A) 3:50", "A", ("3:45", "4:15"), Status.AMBIGUOUS),
        ("(A) 5", "A", COLOURS, Status.AMBIGUOUS),
        ("B (Jul '21)", "B", MONTHS, Status.UNPARSABLE),
        ("B (May '22)", "B", MONTHS, Status.UNPARSABLE),
        ("0.5", "A", ("1/2", "2/4"), Status.UNPARSABLE),  # which of the two is meant?
        ("option option option B", "B", COLOURS, Status.UNPARSABLE),
    ],
)
def test_never_a_guess(answer, gold, choices, status):
    verdict = judge(answer, gold, choices)
    assert (verdict.reward, verdict.correct, verdict.status) == (0.0, False, status)


def test_options_with_the_same_text():
    twins = ("1 and 3", "2 and 4", "2 and 4", "3 and 5")
    assert judge("2 and 4", "C", twins).correct  # the text is right, whichever was meant
    assert judge("C", "C", twins).correct
    assert not judge("B", "C", twins).correct  # a letter is only its own option
    assert judge("B", "2 and 4", twins).correct  # a gold text stands for both
    assert judge("C", "2 and 4", twins).correct


def test_options_without_text_have_only_their_letter():
    pictures = ("", "", " ")
    assert judge("C", "C", pictures).correct
    assert not judge("D", "C", pictures).correct
    assert VERIFIER.verify("<answer></answer>", Reference("C", choices=pictures)).status is Status.NO_ANSWER


@pytest.mark.parametrize(("gold", "choices"), [("F", COLOURS), ("purple", COLOURS), ("C", ("x", "y")), ("word", ())])
def test_a_gold_that_is_no_option_is_an_error(gold, choices):
    with pytest.raises(BadReference, match=repr(gold)):
        VERIFIER.verify("", Reference(gold, choices=choices, kind="choice"))


CONCLUDES = [
    "Based on this, option B is the correct one.",
    "So, option (B) 140° is correct.",
    "I would choose B.",
    "Thus, the value of x is 140 degrees (option B).",
    "Hence, the answer is **B**: 140°",
    "The angle corresponds to option (B).",
    "The correct option letter is (B).",
    "My answer is B.",
]
CONCLUDES_NOTHING = [
    "So let's look at option B.",
    "Therefore we should check option B",
    "So is it option B?",
    "Option B is wrong, so it is not the answer.",
    "So either option A or option B is correct.",
    "Thus option B, unlike option C, is correct.",
    "Option B.2 is what the text calls it.",
]


@pytest.mark.parametrize("sentence", CONCLUDES)
def test_a_sentence_that_concludes(sentence):
    reference = Reference("B", choices=("145°", "140°", "70°", "35°"))
    assert LAST_LINE.verify(sentence, reference).correct


@pytest.mark.parametrize("sentence", CONCLUDES_NOTHING)
def test_a_sentence_that_concludes_nothing(sentence):
    reference = Reference("B", choices=("145°", "140°", "70°", "35°"))
    assert not LAST_LINE.verify(sentence, reference).correct


def test_a_letter_before_yes_or_no():
    reference = Reference("B", choices=("Yes", "No"))
    assert VERIFIER.verify("Thus, the answer is B. No.", reference).correct
    assert not VERIFIER.verify("Thus, the answer is B. Yes.", reference).correct
    assert not VERIFIER.verify("Thus, the answer is A. No.", reference).correct


def test_an_option_by_its_value():
    choices = ("$8: 5$", r"$5(\sqrt5-2)$", r"$\sqrt{4/\pi}$", r"$3\cdot2^5$", "$.088 m^2$")
    for at, answer in enumerate(("8:5", r"5\sqrt5-10", r"2/\sqrt\pi", "96", "0.088 m^2")):
        for gold in "ABCDE":
            verdict = LAST_LINE.verify(rf"\boxed{{{answer}}}", Reference(gold, choices=choices))
            assert verdict.correct is (gold == "ABCDE"[at]), (answer, gold)


@pytest.mark.parametrize(
    "response",
    [
        "a. red\nb. blue\nc. green\nd. yellow",
        "(a) red\n(b) blue",
        "- a. red\n- d. black",
        "a. 10\nb. 20\nc. 30\nd. 40",
        "a. red\nb. blue\nc. green\nD. yellow",
    ],
)
@pytest.mark.parametrize("gold", "ABCD")
def test_a_list_of_options_is_no_answer(response, gold):
    reference = Reference(gold, choices=("10", "20", "30", "40"))
    assert not LAST_LINE.verify(response, reference).correct
    assert not AnswerVerifier(mode="lenient").verify(response, reference).correct
