"""What only symbolic algebra can tell, in real worker processes."""

import asyncio
import threading

import pytest

from verifiers import AnswerVerifier, EqualityPolicy, Reference, Status
from verifiers.expressions import parse
from verifiers.expressions.symbolic import same
from verifiers.service import WorkerPool

PATIENT = AnswerVerifier(symbolic_seconds=30.0)

RIGHT = [
    (r"\int_0^1 x\,dx", r"\frac12"),
    (r"\int x^2 dx", "x^3/3+C"),
    (r"\int_0^1 x\,dx", r"\int_0^1 (1-x)\,dx"),
    (r"\lim_{x\to 0}\frac{\sin x}{x}", "1"),
    (r"\frac{d}{dx} x^2", "2x"),
    (r"\sum_{k=1}^{\infty} \frac{1}{k^2}", r"\frac{\pi^2}{6}"),
    ("x^2=4", r"x=\pm 2"),
    ("x=2 or x=-2", "x^2=4"),
    ("x^2<4", "-2<x<2"),
    ("(-2,2)", "|x|<2"),
    ("xy=1", r"y=\frac1x"),
    (r"|z^2-1|\leq 1", r"z \in [-\sqrt2,\sqrt2]"),
    ("1", r"\lim_{x\to 0}\frac{\sin x}{x}=1"),
    ("1", r"\lim_{x\to 0}\frac{\sin x}{x}=\lim_{x\to 0}\cos x=1"),
    (r"\frac12", r"\int_0^1 x\,dx=\frac12"),
    (r"\int_0^1 x\,dx", r"\int_0^1 x\,dx=\frac12"),
    ("2x", r"\frac{d}{dx} x^2=2x"),
    ("x^2+C", r"\int 2x\,dx=x^2+C"),
]
WRONG = [
    (r"\int_0^1 x\,dx", r"\frac13"),
    (r"\int x^3 dx", "x^3/3"),
    (r"\lim_{x\to 0}\frac{\sin x}{x}", "2"),
    ("x=2", "x^2=4"),
    ("-2<x<2", r"x^2 \le 4"),
    ("2", r"\lim_{x\to 0}\frac{\sin x}{x}=2"),
    (r"\int_0^1 x\,dx", r"\int_0^1 x\,dx=\frac13"),
    (r"\frac13", r"\int_0^1 x\,dx=\frac12"),
]
LEFT_TO_THE_VERIFIER = [
    ("7", r"\int 0\,dz"),
    ("x+1", r"\int 0\,dz"),
    (r"\frac12", r"\int_0^1 x\,dx"),
    ("1", r"\lim_{x\to 0}\frac{\sin x}{x}"),
    ("2x", r"\frac{d}{dx} x^2"),
    ("7", r"\int_0^{\infty} \frac{\sin(x^{x^x})}{x^{x}} dx"),
    ("x+1", "7!!!!!!!"),
    ("7", r"\binom{x}{10^{20}}"),
    ("21=7x^2+3y^2", r"-32y^2+\lim_{x\to 0} 7x^2=21"),
    ("x < 9", r"[\log_{1.0000000001} 2, 2]"),
]


@pytest.mark.parametrize(("gold", "answer"), RIGHT)
def test_right(gold, answer):
    verdict = PATIENT.verify(rf"\boxed{{{answer}}}", Reference(gold))
    assert (verdict.correct, verdict.status) == (True, Status.OK)


@pytest.mark.parametrize(("gold", "answer"), WRONG)
def test_wrong(gold, answer):
    verdict = PATIENT.verify(rf"\boxed{{{answer}}}", Reference(gold))
    assert (verdict.correct, verdict.status) == (False, Status.OK)


@pytest.mark.parametrize(("gold", "answer"), LEFT_TO_THE_VERIFIER)
def test_an_answer_that_leaves_the_calculus_to_the_verifier_is_none(gold, answer):
    verdict = PATIENT.verify(rf"\boxed{{{answer}}}", Reference(gold))
    assert (verdict.correct, verdict.status) == (False, Status.UNPARSABLE)


def test_without_symbolic_algebra_it_stays_open():
    verdict = AnswerVerifier(symbolic_seconds=0).verify(r"\boxed{\frac12}", Reference(r"\int_0^1 x\,dx"))
    assert (verdict.correct, verdict.status) == (False, Status.UNPARSABLE)
    with pytest.raises(ValueError, match="symbolic_seconds"):
        AnswerVerifier(symbolic_seconds=-1)


def test_a_hang_is_a_timeout_and_no_wrong_answer():
    gold = r"\int_0^{\infty} \frac{\sin(x^{x^x})}{x^{x}+\ln(1+e^{x^x})} dx"
    verdicts = AnswerVerifier().verify_batch([r"\boxed{7}"] * 2, [Reference(gold), Reference("7")])
    assert verdicts[0].status in (Status.TIMEOUT, Status.ERROR)
    assert verdicts[0].status.failed
    assert verdicts[1].correct


def test_the_same_verdict_from_threads_asyncio_and_a_worker():
    rows = [(gold, answer, True) for gold, answer in RIGHT[:6]] + [(gold, answer, False) for gold, answer in WRONG[:3]]
    rows += [("7", "14/2", True), ("3 cm", "30 mm", True), (r"\sqrt2", "1.5", False)]
    responses = [rf"\boxed{{{answer}}}" for _, answer, _ in rows]
    references = [Reference(gold) for gold, _, _ in rows]
    expected = [correct for _, _, correct in rows]
    assert [verdict.correct for verdict in PATIENT.verify_batch(responses, references)] == expected

    found = {}
    threads = [
        threading.Thread(target=lambda at=at: found.update({at: PATIENT.verify(responses[at], references[at])}))
        for at in range(len(rows))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [found[at].correct for at in range(len(rows))] == expected

    async def gathered():
        return await asyncio.gather(*(PATIENT.averify(*pair) for pair in zip(responses, references)))

    assert [verdict.correct for verdict in asyncio.run(gathered())] == expected
    with WorkerPool(workers=1, seconds=60.0) as pool:
        outcome = pool.call(PATIENT.verify_batch, responses, references)
    assert [verdict.correct for verdict in outcome.value] == expected


def test_nothing_is_known_of_what_sympy_cannot_read():
    assert same(parse(r"\begin{pmatrix}1\end{pmatrix}"), parse("7")) is None
    assert same(parse("5 cm"), parse(r"\int_0^5 x dx")) is None


def test_the_policy_travels():
    verifier = AnswerVerifier(equality=EqualityPolicy(units="required", form="simplified"))
    assert not verifier.verify(r"\boxed{5}", Reference("5 cm")).correct
    assert verifier.verify(r"\boxed{5 cm}", Reference("5 cm")).correct
    assert not verifier.verify(r"\boxed{2/4}", Reference("1/2")).correct
    assert verifier.verify(r"\boxed{1/2}", Reference("1/2")).correct
