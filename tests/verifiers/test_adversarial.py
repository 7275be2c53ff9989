"""Hostile responses: never rewarded, never slow, never an exception."""

import pytest

from tests.cpu import cpu_time
from verifiers import AnswerVerifier, Reference

VERIFIER = AnswerVerifier()
N = 100_000
REFERENCES = [
    Reference("7"),
    Reference("3.14"),
    Reference("(3,4)"),
    Reference("odd"),
    Reference(r"2\sqrt{3}"),
    Reference("B", choices=("red", "1/2", "(1, 2)")),
]

BODIES = {
    "tags": "<answer>" * N,
    "tag pairs": "<answer>x</answer>" * N,
    "different tags": "".join(f"<answer>{i}.0</answer>" for i in range(10_000)),
    "equal numbers": "".join(f"<answer>1.{'0' * i}</answer>" for i in range(1_000)),
    "boxes": r"\boxed{" * N,
    "closed boxes": r"\boxed{" * N + "8" + "}" * N,
    "empty thoughts": r"<think></think>\boxed{" * N,
    "open braces": r"\boxed{" + "{" * N,
    "spaces": " " * N,
    "statements": "answer: " * N + "8",
    "final": "final " * N + "answer is 8",
    "newlines": "\n" * N + "the answer is 8",
}

ANSWERS = {
    "spaces": "x" + " " * N + "x",
    "commas": "1," * N,
    "commas and spaces": "1 , " * N,
    "open parentheses": "(" * N,
    "parentheses": "(" * N + ")" * N,
    "nested lists": "(1," * 1_000 + "2" + ")" * 1_000,
    "and": "3 and " * N,
    "or": "A or " * N,
    "dots": "." * N + "x",
    "exclamations": "yes" + "!" * N,
    "dollars": "$" * N,
    "backslashes": "\\" * N,
    "text macros": r"\text{" * N,
    "nested text": r"\text{" * 1_000 + "x" + "}" * 1_000,
    "fractions": r"\frac{1}{1+" * 400 + "1" + "}" * 400,
    "digits": "1" * 1_000_000,
    "decimals": "3." + "1" * N,
    "powers": "9^{9^{9^{9}}}",
    "exponent": "1e999999",
    "letters": "A) " * N,
    "options": "option " * N + "B",
    "minus signs": "-" * N + "7",
    "slashes": "1/" * N + "1",
    "combining marks": "e" + "\u0301" * N,
}


@pytest.mark.parametrize("response", [*BODIES.values(), *ANSWERS.values()], ids=[*BODIES, *ANSWERS])
def test_raw_text_is_never_rewarded_and_never_slow(response):
    for reference in REFERENCES:
        assert_harmless(response, reference)


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
def test_answers_are_never_rewarded_and_never_slow(answer):
    for reference in REFERENCES:
        assert_harmless(f"<think> x </think> <answer>{answer}</answer>", reference)


def assert_harmless(response, reference):
    with cpu_time() as spent:
        verdict = VERIFIER.verify(response, reference)
    assert spent.seconds < 1.0
    assert verdict.reward == 0.0


@pytest.mark.parametrize("gold", ["x" * N, "(" * N, "1, " * 1_000 + "1", "$" * N, "A) " * 10_000])
def test_golds_are_never_slow(gold):
    with cpu_time() as spent:
        assert VERIFIER.verify(f"<answer>{gold}</answer>", Reference(gold)).correct
    assert spent.seconds < 1.0


def test_model_text_is_never_executed(tmp_path):
    canary = tmp_path / "canary"
    for payload in (
        f"__import__('os').system('touch {canary}')",
        f"open('{canary}','w')",
        rf"\input{{{canary}}}",
        f"[open('{canary}','w'), 2]",
        f"exec(\"open('{canary}','w')\")",
    ):
        for reference in REFERENCES:
            assert VERIFIER.verify(f"<answer>{payload}</answer>", reference).reward == 0.0
    assert not canary.exists()
