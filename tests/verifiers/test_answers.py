"""What equals what, kind by kind. Each row is worked by hand."""

import pytest

from verifiers import (
    AnswerKind,
    AnswerVerifier,
    BadReference,
    ExtractionPolicy,
    Reference,
    Status,
    infer_kind,
)

VERIFIER = AnswerVerifier()
INTEGER, DECIMAL, FRACTION = AnswerKind.INTEGER, AnswerKind.DECIMAL, AnswerKind.FRACTION
LIST, TEXT, EXPRESSION = AnswerKind.LIST, AnswerKind.TEXT, AnswerKind.EXPRESSION


def judge(answer, reference):
    return VERIFIER.verify(f"<think> x </think> <answer>{answer}</answer>", reference)


RIGHT = [
    (INTEGER, "7", "7"),
    (INTEGER, "7", "7.0"),
    (INTEGER, "7", " $7$. "),
    (INTEGER, "7", "+7"),
    (INTEGER, "7", "14/2"),
    (INTEGER, "7", "seven"),
    (INTEGER, "7", r"\sqrt{49}"),
    (INTEGER, "1000000", "one million"),
    (INTEGER, "7", "The answer is 7"),
    (INTEGER, "-2", "−2"),
    (INTEGER, "1024", "1,024"),
    (INTEGER, "11 ", "11"),
    (INTEGER, "300000000", r"3\times 10^{8}"),
    (INTEGER, "9" * 300, "9" * 300),
    (DECIMAL, "2.5", "2.50"),
    (DECIMAL, "2.5", "5/2"),
    (DECIMAL, "3.14", "3.1416"),  # rounds to 3.14
    (DECIMAL, "0.333", "1/3"),
    (DECIMAL, "6.62607e-34", "6.626070e-34"),
    (FRACTION, "3/4", "3/4"),
    (FRACTION, "3/4", "6/8"),
    (FRACTION, "3/4", "0.75"),
    (FRACTION, "3/4", r"\dfrac{3}{4}"),
    (FRACTION, "3/2", r"1\frac{1}{2}"),
    (FRACTION, r"\frac{36}{13}", "36/13"),
    (FRACTION, r"$\boxed{\frac{16}{7}}$", r"\frac{16}{7}"),
    (LIST, "(3,-4)", "(3, -4)"),
    (LIST, "(3,-4)", r"\left(3, -4\right)"),
    (LIST, "(3,-4)", "3, -4"),
    (LIST, "3, 4, 5", "3, 4 and 5"),
    (LIST, "3, 4, 5", r"3, 4, \text{ and } 5"),
    (LIST, "[1, 2, 3]", "(1, 2, 3)"),
    (LIST, "(1/2, 0.5)", "(0.5, 1/2)"),
    (LIST, "((1,2),(3,4))", "((1, 2), (3, 4))"),
    (LIST, "[red, blue]", "red, Blue"),
    (TEXT, "Evelyn", "evelyn"),
    (TEXT, "Evelyn", r"\text{Evelyn}"),
    (TEXT, "Evelyn", r"\textbf{Evelyn}."),
    (TEXT, "Evelyn", '"Evelyn"'),
    (TEXT, "Evelyn", "(Evelyn)"),
    (TEXT, "yes", "Yes!"),
    (TEXT, "ice  cream", "Ice cream"),
    (TEXT, "ice cream", "ice-cream"),
    (TEXT, "hello world", "Hello, world!"),
    (TEXT, "no, thanks", "no thanks"),
    (TEXT, "St. Petersburg", "St Petersburg"),
    (TEXT, "Eiffel Tower", "the Eiffel Tower"),
    (TEXT, "The Eiffel Tower", "Eiffel Tower."),
    (TEXT, "dog", "a dog"),
    (TEXT, "dog", "A dog."),
    (TEXT, "An apple", "apple"),
    (TEXT, "don’t know", "don't know"),
    (TEXT, "café", "cafe\u0301"),
    (TEXT, "A, C", "A,C"),
    (TEXT, "to be or not to be", "To be or not to be"),
    (TEXT, r"2\sqrt{3}", r"2 \sqrt{3}"),
    (TEXT, r"2\sqrt{3}", r"$2\sqrt{3}$"),
    (TEXT, r"\left(x+1\right)^{2}", "(x + 1)^2"),
    (TEXT, r"4\pi", "4π"),
    (TEXT, r"\dfrac{\pi}{2}", r"\frac{\pi}{2}"),
    (TEXT, "69{degrees}", "69{degrees}"),
    (TEXT, "$L$ and $M$", "L and M"),
    (TEXT, "50%", "50%"),
]

WRONG = [
    (INTEGER, "7", "8"),
    (INTEGER, "7", "-7"),
    (INTEGER, "7", "70"),
    (INTEGER, "7", "7.2"),
    (INTEGER, "123456789012345678", "123456789012345679"),
    (INTEGER, "0", "10^{-9}"),
    (DECIMAL, "2.5", "2.54"),  # two digits: exact
    (DECIMAL, "4.8", "4.84"),
    (DECIMAL, "3.14", "3.15"),
    (DECIMAL, "3.14", "3.1"),
    (DECIMAL, "3.14159", "22/7"),
    (DECIMAL, "0.5", "50"),
    (DECIMAL, "0.0000001", "0.0000002"),
    (DECIMAL, "1.6e-19", "9.1e-31"),
    (DECIMAL, "6.62607e-34", "1.0e-34"),
    (FRACTION, "1/3", "0.333"),
    (FRACTION, "1/3", "3/1"),
    (FRACTION, "3/4", "-3/4"),
    (LIST, "(3,-4)", "(-4,3)"),
    (LIST, "(3,-4)", "(3,4)"),
    (LIST, "(1,2,3)", "(1,2)"),
    (LIST, "(1,2)", "(1,2,2)"),
    (LIST, "(1,2)", r"\{1,2\}"),
    (LIST, "(0,1)", "[0,1]"),
    (LIST, "[0,1)", "(0,1]"),
    (TEXT, "odd", r"\text{even}"),
    (TEXT, "vitamin A", "vitamin"),
    (TEXT, "A minor", "minor"),
    (TEXT, "guilty", "not guilty"),
    (TEXT, "3 dogs", "dogs"),
    (TEXT, "Apollo 11", "Apollo"),
    (TEXT, "Henry VIII", "Henry"),
    (TEXT, "5!", "5"),
    (TEXT, "n!", "n"),
    (TEXT, "f'", "f"),
    (TEXT, "x²", "x2"),
    (TEXT, r"\Delta", r"\delta"),
    (TEXT, "204_5", "204_6"),
    (TEXT, r"1-\frac{1}{e}", r"1+\frac{1}{e}"),
    (TEXT, r"\text{Monday, July 4}", r"\text{Tuesday, July 4}"),
    (TEXT, "50%", "50"),
    (TEXT, r"30^\circ", r"30\%"),
    (TEXT, "€5", r"\$5"),
]

NOT_OF_THE_KIND = [
    (INTEGER, "7", "not 7", Status.UNPARSABLE),
    (INTEGER, "7", r"\quad", Status.UNPARSABLE),
    (INTEGER, "3", "3 or 4", Status.AMBIGUOUS),
    (INTEGER, "3", r"3 \text{ or } 4", Status.AMBIGUOUS),
    (INTEGER, "3", "3, 4", Status.AMBIGUOUS),
    (INTEGER, "3", "[3, 4]", Status.AMBIGUOUS),
    (INTEGER, "3", "3 and 4", Status.AMBIGUOUS),
    (INTEGER, "3", r"\pm 3", Status.AMBIGUOUS),
    (DECIMAL, "3.14", "3.14 or 3.15", Status.AMBIGUOUS),
    (LIST, "(3, 4)", "(3 or 5, 4)", Status.AMBIGUOUS),
    (LIST, "(3, 4)", "(3,)", Status.UNPARSABLE),
    (TEXT, "red", "red or blue", Status.AMBIGUOUS),
    (TEXT, "Yes", "Yes/No", Status.AMBIGUOUS),
    (TEXT, "True", "True and False", Status.AMBIGUOUS),
]


@pytest.mark.parametrize(("kind", "gold", "answer"), RIGHT)
def test_right(kind, gold, answer):
    verdict = judge(answer, Reference(gold, kind=kind))
    assert (verdict.reward, verdict.correct, verdict.status) == (1.0, True, Status.OK)


@pytest.mark.parametrize(("kind", "gold", "answer"), WRONG)
def test_wrong(kind, gold, answer):
    verdict = judge(answer, Reference(gold, kind=kind))
    assert (verdict.reward, verdict.correct, verdict.status) == (0.0, False, Status.OK)
    assert verdict.extracted == answer


@pytest.mark.parametrize(("kind", "gold", "answer", "status"), NOT_OF_THE_KIND)
def test_not_of_the_kind(kind, gold, answer, status):
    verdict = judge(answer, Reference(gold, kind=kind))
    assert (verdict.reward, verdict.correct, verdict.status) == (0.0, False, status)
    assert verdict.extracted == answer.strip()


@pytest.mark.parametrize(
    ("gold", "precision", "answer", "correct"),
    [
        ("1.2", 1, "1.2", True),
        ("1.2", 1, "1.24", True),
        ("1.2", 1, "1.25", True),  # a tie rounds to 1.2 or 1.3, as one likes
        ("1.2", 1, "1.26", False),
        ("1.24", 1, "1.16", True),  # the gold is 1.2
        ("1.24", 1, "1.28", False),
        ("3", 0, "3.4", True),
        ("3", 0, "3.6", False),
        ("0.12", 2, "0.13", False),
    ],
)
def test_precision_counts_decimals(gold, precision, answer, correct):
    assert judge(answer, Reference(gold, kind=DECIMAL, precision=precision)).correct is correct


@pytest.mark.parametrize(
    ("answer", "choices", "kind"),
    [
        ("7", (), INTEGER),
        ("-1,024", (), INTEGER),
        ("4.8", (), DECIMAL),
        ("1e-8", (), DECIMAL),
        ("7/3", (), FRACTION),
        (r"\frac{25}{7}", (), FRACTION),
        ("(3,-4)", (), EXPRESSION),
        ("1, 2", (), EXPRESSION),
        ("(red, blue)", (), LIST),
        ("Paris, France", (), TEXT),
        ("(x+1)(x-2)", (), EXPRESSION),
        (r"2\sqrt{3}", (), EXPRESSION),
        ("50%", (), EXPRESSION),
        ("69{degrees}", (), TEXT),
        ("C", (), TEXT),
        ("7", ("6", "7"), AnswerKind.CHOICE),
    ],
)
def test_infers_the_kind(answer, choices, kind):
    assert infer_kind(answer, choices) is kind


@pytest.mark.parametrize(
    "reference",
    [
        Reference("apple", kind=INTEGER),
        Reference("7.5", kind=INTEGER),
        Reference("x", kind=FRACTION),
        Reference("1/0", kind=FRACTION),
        Reference("(1,,2)", kind=LIST),
        Reference("7", kind="number"),
        Reference("7", kind=DECIMAL, precision=10**9),
    ],
)
def test_a_gold_that_is_not_of_its_kind_is_an_error_even_without_an_answer(reference):
    with pytest.raises(BadReference):
        VERIFIER.verify("", reference)


def test_answers_that_are_equal_by_their_kind_do_not_contradict_each_other():
    assert VERIFIER.verify(r"<answer>0.5</answer> \boxed{\frac{1}{2}}", Reference("1/2")).correct
    choices = Reference("B", choices=("red", "blue"))
    assert VERIFIER.verify(r"<answer>blue</answer> \boxed{\text{(B)}}", choices).correct
    assert VERIFIER.verify(r"<answer>red</answer> \boxed{B}", choices).status is Status.AMBIGUOUS


@pytest.mark.parametrize(
    ("gold", "answer", "correct"),
    [
        ("pq+2p", "p(q+2)", True),
        ("f^2+f", "f(f+1)", True),
        ("f(x)+1", "f(x)+1", True),
        ("pq+2p", "p(q+3)", False),
        ("px", "p(x)", True),
        ("p(x)", "px", False),
        ("3x", "f(x)", False),
    ],
)
def test_the_gold_says_whether_a_letter_before_brackets_is_a_variable(gold, answer, correct):
    assert judge(answer, Reference(gold)).correct is correct


def test_the_verdict_says_how_the_answer_was_found():
    assert VERIFIER.verify(r"\boxed{7}", Reference("7")).method == "boxed"
    assert VERIFIER.verify("7", Reference("7")).status is Status.NO_ANSWER
    lenient = AnswerVerifier(ExtractionPolicy(("answer_tag", "last_line")))
    assert lenient.verify("7", Reference("7")).method == "last_line"


@pytest.mark.parametrize("response", [None, 7, 7.0, ["7"], {}, b"7", pytest.param(10**5000, id="huge")])
def test_a_response_that_is_no_string_is_the_callers_failure(response, caplog):
    verdict = VERIFIER.verify(response, Reference("7"))
    assert verdict.status is Status.ERROR
    assert verdict.reward == 0.0
    assert type(response).__name__ in verdict.feedback
    assert caplog.records


def test_a_very_long_answer_is_only_right_as_the_golds_very_text():
    gold = "x" * 10_001
    assert judge(gold, Reference(gold)).correct
    verdict = judge(gold.upper(), Reference(gold))
    assert (verdict.reward, verdict.status) == (0.0, Status.UNPARSABLE)
