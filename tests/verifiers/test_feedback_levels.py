"""How much feedback tells at each level; what a model may be told without being told the answer."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verifiers import AnswerKind, AnswerVerifier, FormatVerifier, Reference, Status, Step, Verdict, Verifier
from verifiers.feedback import FEEDBACK_LEVELS, feedback_text
from verifiers.mistakes import Mistake, form_mistake, value_mistake

VERIFIER = AnswerVerifier()
SUM = Reference("-6", steps=(Step("red circles", "4"), Step("4 - 10", "-6")), solution="4 - 10 = -6")


def told(response, reference, level):
    verdict = VERIFIER.verify(response, reference)
    return feedback_text(response, reference, verdict, level=level)


@pytest.mark.parametrize(
    ("level", "text"),
    [
        ("outcome", "Your answer is wrong."),
        ("error", "Your answer is wrong."),
        ("steps", "4 - 10: 6 is wrong, it is -6."),
        (
            "reference",
            "Your answer has the wrong sign. 4 - 10: 6 is wrong, it is -6. The right answer is -6.",
        ),
    ],
)
def test_the_levels_of_a_wrong_answer(level, text):
    assert told("red circles: 4, 4 - 10 = 6 <answer>6</answer>", SUM, level) == text


@pytest.mark.parametrize("level", FEEDBACK_LEVELS)
def test_a_right_answer_is_right_at_every_level(level):
    assert told("<answer>-6</answer>", SUM, level) == "Correct."


@pytest.mark.parametrize("level", FEEDBACK_LEVELS)
@pytest.mark.parametrize(
    ("status", "text"),
    [
        (Status.TIMEOUT, "The answer could not be checked in time."),
        (Status.ERROR, "The answer could not be checked."),
    ],
)
def test_a_failed_verifier_tells_nothing(level, status, text):
    assert feedback_text("x", SUM, Verdict(0.0, False, "6", status), level=level) == text


def test_the_default_is_to_name_the_first_wrong_step():
    class Plain(Verifier):
        def verify(self, response, reference):
            return VERIFIER.verify(response, reference)

    response = "<answer>6</answer>"
    verdict = VERIFIER.verify(response, SUM)
    assert Plain().feedback(response, SUM, verdict) == "red circles: not found, it is 4."
    assert Plain().feedback(response, SUM, verdict, level="outcome") == "Your answer is wrong."


@pytest.mark.parametrize("call", [feedback_text, FormatVerifier().feedback])
def test_an_unknown_level_is_refused(call):
    verdict = Verdict(0.0, False, "6", Status.OK)
    with pytest.raises(ValueError, match="'all'; it must be one of 'outcome', 'error', 'steps', 'reference'"):
        call("6", SUM, verdict, level="all")


CHOICE = Reference("B", choices=("red", "blue"))


@pytest.mark.parametrize(
    ("response", "reference", "text"),
    [
        ("", SUM, "No answer found: put it in <answer> </answer>."),
        (
            "<think> <answer>-6</answer>",
            SUM,
            "No answer found: your thought was never closed. Close it, then put the answer in <answer> </answer>.",
        ),
        ("<answer>5</answer> <answer>6</answer>", SUM, "More than one answer found: give exactly one."),
        ("<answer>-6 or 6</answer>", SUM, "More than one answer found: give exactly one."),
        ("<answer>apple</answer>", SUM, "Your answer cannot be read as a number."),
        ("<answer>E</answer>", CHOICE, "Your answer names none of the options."),
        ("<answer>A or B</answer>", CHOICE, "More than one answer found: give exactly one."),
        ("<answer>A</answer>", CHOICE, "Your answer is wrong."),
        ("<answer>(1, apple)</answer>", Reference("(1, 2)"),
         "Your answer cannot be read as an answer to this question."),
        ("<answer>2.5</answer>", Reference("3", AnswerKind.INTEGER),
         "Your answer is wrong: a whole number is asked for."),
        ("<answer>2.5</answer>", Reference("3"), "Your answer is wrong."),  # that 3 is whole, only the gold says
        ("<answer>red, blue</answer>", Reference("red"), "Your answer is wrong."),  # ambiguous: one of them is right
        ("<answer>red, blue</answer>", Reference("green"), "Your answer is wrong."),
    ],
)  # fmt: skip
def test_errors_of_form_are_named(response, reference, text):
    assert told(response, reference, "error") == text


def test_outcome_tells_less_than_error():
    for response in ("<answer>apple</answer>", "<answer>5 or 6</answer>", "<answer>6</answer>"):
        assert told(response, SUM, "outcome") == "Your answer is wrong."
    for response in ("", "<think> a"):
        assert told(response, SUM, "outcome") == "No answer found: put it in <answer> </answer>."


@pytest.mark.parametrize(
    ("answer", "gold", "mistake"),
    [
        ("-6", "6", Mistake.SIGN),
        ("1/2", "-0.5", Mistake.SIGN),
        ("60", "6", Mistake.FACTOR_TEN),
        ("0.6", "6", Mistake.FACTOR_TEN),
        ("50", "0.5", Mistake.FACTOR_HUNDRED),
        ("3.1", "3.14159", Mistake.ROUNDING),
        ("3", "22/7", Mistake.ROUNDING),
        ("2.71", "2.71828", Mistake.ROUNDING),  # cut off; rounded it is 2.72
        ("3.2", "3.14159", Mistake.WRONG),
        ("0", "0.3", Mistake.WRONG),
        ("7", "6", Mistake.WRONG),
        ("5 m", "5 cm", Mistake.UNIT),
        ("5", r"5 \text{ cm}", Mistake.UNIT),
        ("6 m", "5 cm", Mistake.WRONG),
        ("(1, 2, 4)", "(1, 2, 3)", Mistake.ELEMENT),
        ("(1.0, 5, 4)", "(1, 2, 3)", Mistake.WRONG),
        ("(3, 2, 1)", "(1, 2, 3)", Mistake.ORDER),
        ("1, 2", "(1, 2, 3)", Mistake.COUNT),
        ("red", "blue", Mistake.WRONG),
        ("1,024", "-1,024", Mistake.SIGN),
        ("9" * 3_000, "9", Mistake.WRONG),
    ],
)
def test_errors_of_value_are_told_apart(answer, gold, mistake):
    assert value_mistake(answer, gold) is mistake


@pytest.mark.parametrize(
    ("response", "reference", "text"),
    [
        ("<answer>60</answer>", Reference("6"), "Your answer is off by a factor of ten. The right answer is 6."),
        ("<answer>7</answer>", Reference("6"), "Your answer 7 is wrong. The right answer is 6."),
        ("<answer>A</answer>", CHOICE, "Your answer A is wrong. The right answer is B."),
        ("", Reference("6"), "No answer found: put it in <answer> </answer>. The right answer is 6."),
        ("<answer>(2, 1)</answer>", Reference("(1, 2)"),
         "Your answer has the right elements in the wrong order. The right answer is (1, 2)."),
    ],
)  # fmt: skip
def test_the_reference_level_tells_the_answer(response, reference, text):
    assert told(response, reference, "reference") == text


def test_without_a_kind_an_answer_is_just_unreadable():
    assert form_mistake("x", Verdict(0.0, False, "x", Status.UNPARSABLE), None) is Mistake.UNREADABLE


NUMBERS = st.integers(10**9, 10**12)
WORDS = st.from_regex(r"canary[0-9a-f]{8}", fullmatch=True)
GOLDS = st.one_of(
    NUMBERS.map(str),
    st.tuples(NUMBERS, NUMBERS).map(lambda pair: f"{pair[0]}.{pair[1]}"),
    st.tuples(NUMBERS, NUMBERS).map(lambda pair: f"{pair[0]}/{pair[1]}"),
    st.tuples(NUMBERS, NUMBERS, NUMBERS).map(str),
    WORDS,
    NUMBERS.map(lambda number: f"{number} cm"),
)
TEMPLATES = (
    "<answer>{gold}</answer>", "<answer>-{gold}</answer>", "<answer>{gold}0</answer>", "<answer>{gold} or 5</answer>",
    "<answer>5, {gold}</answer>", "<answer>{gold} m</answer>", "<answer>{gold}</answer><answer>5</answer>",
    "<answer>not {gold}</answer>", "<think> {gold}", "{gold}", "<answer></answer>", "<answer>5</answer>", "",
    "<think> red: {gold} </think> <answer>5</answer>", r"\boxed{{{gold}}} <answer>5</answer>",
)  # fmt: skip


@given(
    gold=GOLDS, step=WORDS, value=NUMBERS, solution=WORDS, template=st.sampled_from(TEMPLATES), as_choice=st.booleans()
)
def test_outcome_and_error_never_tell_the_reference(gold, step, value, solution, template, as_choice):
    choices = ("other", gold) if as_choice else ()
    steps = (Step(step, str(value)), Step("red", gold))
    reference = Reference(gold, choices=choices, steps=steps, solution=solution)
    response = template.format(gold=gold)
    for level in ("outcome", "error"):
        text = told(response, reference, level)
        assert not any(secret in text for secret in (gold, step, str(value), solution))


@given(
    golds=st.one_of(
        st.lists(st.integers(-50, 50).map(str), min_size=2, max_size=2),
        st.lists(st.sampled_from(["red", "blue", "dark red", "green"]), min_size=2, max_size=2),
        st.lists(st.tuples(*[st.integers(1, 4)] * 3).map(str), min_size=2, max_size=2),
    ),
    template=st.sampled_from(TEMPLATES),
)
def test_outcome_and_error_depend_on_the_gold_answer_only_by_right_and_wrong(golds, template):
    """What is told of a wrong answer is the same, whichever of the golds it fails to be."""
    response = template.format(gold=golds[0])
    references = [Reference(gold, steps=(Step("red", gold),)) for gold in golds]
    if not any(VERIFIER.verify(response, reference).correct for reference in references):
        for level in ("outcome", "error"):
            assert told(response, references[0], level) == told(response, references[1], level)
