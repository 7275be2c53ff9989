"""Properties that hold for every answer and every response."""

from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from verifiers import AnswerKind, AnswerVerifier, BadReference, Reference, Verdict

VERIFIER = AnswerVerifier()
INTEGERS = st.integers(-(10**12), 10**12)
FRACTIONS = st.fractions(max_denominator=1000)
DECIMALS = st.decimals(-(10**6), 10**6, places=3)
WORDS = st.text(alphabet="abcdefghijklmnopqrstuvwxyz", min_size=1, max_size=8).filter(
    lambda word: word not in ("and", "or", "answer", "the")
)
LISTS = st.lists(INTEGERS, min_size=2, max_size=5)
FREE = st.text() | st.text(alphabet="<>/answer think\\boxed{}()$.,:;0123456789ABCor-")


def judge(answer, reference):
    return VERIFIER.verify(f"<think> x </think> <answer>{answer}</answer>", reference)


def test_gold_is_right():
    @given(INTEGERS | FRACTIONS | DECIMALS | WORDS | LISTS.map(tuple))
    def check(value):
        assert judge(str(value), Reference(str(value))).reward == 1.0

    check()


@given(INTEGERS, st.integers(1, 10**6))
def test_another_integer_is_wrong(value, change):
    reference = Reference(str(value))
    assert judge(f"{value:,}", reference).correct
    assert not judge(str(value + change), reference).correct
    assert not judge(str(value - change), reference).correct
    assert not judge(f"{value}.{change}", reference).correct


@given(FRACTIONS, FRACTIONS)
def test_fractions_are_equal_exactly_when_their_values_are(left, right):
    reference = Reference(f"{left.numerator}/{left.denominator}", kind=AnswerKind.FRACTION)
    latex = rf"\frac{{{right.numerator * 3}}}{{{right.denominator * 3}}}"
    assert judge(latex, reference).correct is (left == right)


@given(DECIMALS, st.integers(-3000, 3000).filter(bool))
def test_another_decimal_is_wrong(value, thousandths):
    other = Fraction(value) + Fraction(thousandths, 1000)
    assert not judge(f"{other.numerator}/{other.denominator}", Reference(str(value))).correct


@given(LISTS, st.data())
def test_points_are_ordered_and_bare_lists_are_not(values, data):
    other = data.draw(st.permutations(values))
    bare, shuffled = ", ".join(map(str, values)), ", ".join(map(str, other))
    assert judge(f"({shuffled})", Reference(bare)).correct is (other == values)
    assert judge(f"({shuffled})", Reference(f"({bare})")).correct is (other == values)
    assert judge(shuffled, Reference(bare)).correct
    assert judge(shuffled, Reference(bare, kind=AnswerKind.LIST)).correct is (other == values)
    assert not judge(", ".join(map(str, [*values, 1])), Reference(bare)).correct


@given(WORDS, WORDS)
def test_words_are_equal_up_to_case_and_wrapping(left, right):
    reference = Reference(left, kind=AnswerKind.TEXT)
    assert judge(rf" \text{{{right.upper()}}}. ", reference).correct is (left == right)


@given(st.lists(WORDS, min_size=2, max_size=6, unique=True), st.data())
def test_options_by_letter_and_by_text(words, data):
    choices = tuple(f"the {word} one" for word in words)
    gold = data.draw(st.integers(0, len(words) - 1))
    other = data.draw(st.integers(0, len(words) - 1))
    reference = Reference("ABCDEF"[gold], choices=choices)
    letter = "ABCDEF"[other]
    for answer in (letter, f"({letter})", choices[other], f"{letter}) {choices[other]}"):
        assert judge(answer, reference).correct is (gold == other)
    assert not judge(f"{letter} or {'ABCDEF'[other - 1]}", reference).correct


@settings(max_examples=200)
@given(FREE, st.sampled_from(["7", "3.14", "1/2", "(1,2)", "odd", "B"]))
def test_any_response_gets_a_verdict_and_always_the_same(response, gold):
    choices = ("red", "blue") if gold == "B" else ()
    reference = Reference(gold, choices=choices)
    for text in (response, f"<answer>{response}</answer>", rf"\boxed{{{response}}}"):
        verdict = VERIFIER.verify(text, reference)
        assert isinstance(verdict, Verdict)
        assert verdict.correct is (verdict.reward == 1.0)
        assert verdict == VERIFIER.verify(text, reference)


@given(FREE.filter(lambda text: text.strip()), st.sampled_from([None, *AnswerKind]))
def test_any_gold_is_judged_or_refused(gold, kind):
    reference = Reference(gold, kind=kind)
    try:
        verdict = VERIFIER.verify("<answer>zebra</answer>", reference)
    except BadReference:
        return
    assert not verdict.correct or "zebra" in gold.casefold()
