"""What was tried to be rewarded wrongly, to hang or to crash; every row once got through."""

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.verifier_rows import ordinary_rows, random_answers
from tests.cpu import cpu_time
from verifiers import AnswerVerifier, BadReference, ExtractionPolicy, Reference, Status
from verifiers.expressions.approximate import context

VERIFIER = AnswerVerifier()
LENIENT = AnswerVerifier(ExtractionPolicy(("answer_tag", "boxed", "statement", "first_line", "last_line")))
COLOURS = ("red", "green", "blue", "black")
LIMIT_S = 5.0

NEVER_RIGHT = {
    "a universal answer": [("7", r"\int 0\,dz"), ("f(x)", r"\int 0\,dz"), (r"\int x dx", r"\int 2.5\,dt")],
    "agreement near zero only": [
        ("x+5", "|x+5|"),
        ("100-x", "|x-100|"),
        ("0", r"\binom{n}{100}"),
        ("n!", r"n!+\binom{n}{60}"),
        ("x^2", r"x^2+\max(0,x^2-5000)"),
        ("0", r"\lfloor \frac{x^2}{10000}\rfloor"),
    ],
    "variables as units": [("7", "7t"), ("f(t)=7", "f(t)=7t"), (r"\pi", r"\pi h"), ("(1,2)", "(1t,2t)"), ("7", "7/t")],
    "approximations that are none": [("8", "x=7≈8"), ("7", "x=7≈8"), ("x=7", "x=8≈7"), ("5", r"x=5≈9\times10^{9}")],
    "case": [("2A", "2a"), ("2R", "2r"), ("3x+2X", "3X+2x"), ("5 mW", "5 MW"), ("2 MPa", "2 mPa"), ("CO", "Co")],
    "commas and points": [("1.234", "1,234"), ("12.345", "12,345"), ("5", ",5"), ("(2,100)", "2100")],
    "words as units": [
        ("5", "5 seven"),
        ("5", "5 point five"),
        ("5", "5 zillion"),
        ("5", "5 choose two"),
        ("5", "5 halves"),
    ],
    "names that commute": [
        (r"\vec{AB}", r"\vec{BA}"),
        (r"\angle ABC=30^\circ", r"\angle BAC=30^\circ"),
        (r"\triangle ABC \cong \triangle DEF", r"\triangle ABC \cong \triangle EDF"),
        (r"\sum_{k=1}^n a_k", "n a_k"),
    ],
    "and, or": [
        ("x<1 or x>2", "x<1 and x>2"),
        ("x and y", "x or y"),
        ("x>0 and x<1", "x>0 or x<1"),
        (r"(-\infty,0)\cup(1,\infty)", r"x<0\text{ and }x>1"),
    ],
    "points and intervals": [
        ("(1,2)", "y=1,x=2"),
        (r"x \in [-2,7]", "-2 and 7"),
        (r"x \in (0,1)", "x=0,1"),
        (r"\{5\}", r"7\in\{5\}"),
        ("(0,1)", r"7\in(0,1)"),
    ],
    "false chains": [("7", "x=1=7"), ("7", "1=7"), ("0", "0=0")],
    "tiny differences": [
        (r"\pi", r"\pi+10^{-36}"),
        (r"\sin x", r"\sin x+10^{-40}"),
        ("4", r"\lfloor 4-10^{-26}\pi\rfloor"),
        ("f(0)", "f(10^{-40})"),
    ],
    "times": [("12:00 PM", "1:00 PM"), ("12:00 PM", "12:00 AM"), ("3:00", "4:00")],
}
CHOICES_NEVER_RIGHT = [
    "B. No, it's C.",
    "B. Actually C",
    "B. A C D",
    "B) C) D)",
    "B) - C",
    "B. The correct one is C",
    "B: red, green",
    "B. is ruled out. choose black",
    "(B) maybe, otherwise C",
    "The answer cannot be B",
    "wrong answer: B",
    "What is B",
    "A. red\nB. green",
]
TAGS_NEVER_RIGHT = [
    r"<answer>8 or = \boxed{7}</answer>",
    r"<answer>1 2 3 4 5 6 is \boxed{7}</answer>",
    "<answer>8<answer>7</answer>",
    "<answer>7</answer>8</answer>",
    "I don't think the answer is 7",
    "there is no way it is 7",
    r"\boxed{7} \boxed{8}",
]
MATRIX = r"\begin{pmatrix}1&2\\4&5\end{pmatrix}"
CUBE = r"\begin{pmatrix}1&2&2\\4&5&1\\1&1&2\end{pmatrix}"
SLOW = [
    r"\boxed{\sum_{k=1}^{9999}\log_2 2^{9999}}",
    r"\boxed{\sum_{k=1}^{9999}6000!!}",
    r"\boxed{\sum_{k=1}^{9999}\sqrt{7^{12000}}}",
    r"\boxed{\sum_{k=1}^{9999}\frac{1}{3300!}}",
    r"\boxed{\sum_{k=1}^{9999}\gcd(k,3000!)}",
    r"\boxed{\sum_{k=1}^{9999}7^{11000}}",
    r"\boxed{\sum_{k=0}^{9999}\binom{9999}{k}}",
    r"\boxed{\sum_{k=1}^{9999}k^{\sqrt2}}",
    rf"\boxed{{\det(((({MATRIX}^4)^4)^4)^4)}}",
    rf"\boxed{{\det((({CUBE}^{{-1}})^{{-1}})^{{-1}})}}",
    "".join(rf"\boxed{{8+0x^{{{at}}}}}" for at in range(3_000)),
    "".join(rf"\boxed{{8+0\sum_{{k=1}}^{{{3_000 + at}}}\sin k}}" for at in range(20)),
    r"\boxed{" + "{" * 1_000_000,
    "answer: " * 125_000,
    "\n".join(f"answer: so it is a is be {at}" for at in range(20_000)),
    r"\boxed{7!!!!!!!}",
    r"\boxed{\binom{x}{10^{20}}}",
    r"\boxed{\int e^{\sin x}dx}",
]
CRASHES = [
    "2^{2^{20000}}",
    r"3\times10^8^{7!}",
    "2^{-10^{5000}}",
    "(10^{5000})!",
    r"\binom{10^{5000}}{10^{4999}}",
    r"\sec(1,2)",
    "1e-5000",
    r"\sin 0",
    r"\begin{pmatrix}1\end{pmatrix}+2^2",
    "\\text{ o\ud800 }30,666",
    "(2000+2000i)!",
]


@pytest.mark.parametrize(("gold", "answer"), [row for rows in NEVER_RIGHT.values() for row in rows])
def test_never_right(gold, answer):
    verdict = VERIFIER.verify(rf"<answer>{answer}</answer>", Reference(gold))
    assert not verdict.correct
    assert not verdict.status.failed


@pytest.mark.parametrize("response", CHOICES_NEVER_RIGHT)
def test_choices_never_right(response):
    reference = Reference("B", choices=COLOURS)
    assert not LENIENT.verify(response, reference).correct
    assert not LENIENT.verify(f"<answer>{response}</answer>", reference).correct


@pytest.mark.parametrize("response", TAGS_NEVER_RIGHT)
def test_tags_never_right(response):
    assert not LENIENT.verify(response, Reference("7")).correct


def test_options_that_differ_by_case():
    reference = Reference("A", choices=("5 mW", "5 MW", "Co", "CO"))
    assert VERIFIER.verify("<answer>5 mW</answer>", reference).correct
    assert not VERIFIER.verify("<answer>5 MW</answer>", reference).correct


@pytest.mark.parametrize("gold", ["7", "x+1"])
@pytest.mark.parametrize("response", SLOW, ids=range(len(SLOW)))
def test_nothing_takes_long(gold, response):
    VERIFIER.verify(r"\boxed{\sqrt2}", Reference("1"))
    with cpu_time() as spent:
        verdict = VERIFIER.verify(response, Reference(gold))
    assert spent.seconds < LIMIT_S
    assert not verdict.correct
    assert not verdict.status.failed


@pytest.mark.parametrize(
    "gold", ["7", "0", "3.14", "x+1", r"y=\sqrt{1-x^2}", "(1,2)", r"\begin{pmatrix}1&2\end{pmatrix}"]
)
@pytest.mark.parametrize("answer", CRASHES)
def test_nothing_crashes(gold, answer):
    verdict = VERIFIER.verify(rf"\boxed{{{answer}}}", Reference(gold))
    assert verdict.status is not Status.ERROR
    assert verdict.correct is (gold == "0" and answer == r"\sin 0")


@pytest.mark.parametrize("gold", ["1/0", r"\frac{0}{0}", "nan", " "])
def test_a_gold_without_a_value_is_refused(gold):
    with pytest.raises(ValueError, match="reference answer"):
        VERIFIER.verify("<answer>7</answer>", Reference(gold))


@given(st.integers(0, 10**9))
def test_near_misses_are_refused_and_other_spellings_are_not(seed):
    for row in ordinary_rows(4, seed):
        assert VERIFIER.verify(rf"\boxed{{{row.answer}}}", Reference(row.gold)).correct is row.expected, row


def test_random_answers_get_verdicts():
    references = [Reference(gold) for gold in ("7", r"2\sqrt3", "(1,2)", "x>2", "5 cm", "odd")]
    for at, answer in enumerate(random_answers(3_000, seed=11)):
        reference = references[at % len(references)]
        verdict = VERIFIER.verify(f"<answer>{answer}</answer>", reference)
        assert verdict.status is not Status.ERROR, (reference.answer, answer)
        try:
            mirrored = Reference(answer)
            own = VERIFIER.verify(f"<answer>{answer}</answer>", mirrored)
        except (BadReference, ValueError):
            continue
        assert own.correct or own.extracted != answer.strip() or own.status is not Status.OK, answer


def test_threads_do_not_share_a_context():
    seen = {}

    def run(at):
        VERIFIER.verify(r"\boxed{\frac{1}{\sqrt3}}", Reference(r"\frac{\sqrt3}{3}"))
        seen[at] = (id(context(50)), context(50).dps)

    threads = [threading.Thread(target=run, args=(at,)) for at in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [digits for _, digits in seen.values()] == [50, 50]
