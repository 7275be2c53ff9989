"""The verifier contract as a test: `check_verifier`."""

from __future__ import annotations

import math
import time

from verifiers.base import LEVELS, Verifier
from verifiers.types import Reference, Status, Verdict
from verifiers.waiting import waited

_GARBAGE = {
    "nothing": "",
    "spaces": " \n\t " * 1_000,
    "a lone surrogate": "<answer>\ud800</answer> \\boxed{\udcff}",
    "null characters": "<answer>\x00\x00</answer>\x00",
    "control characters": "".join(map(chr, range(32))) + "\u202e\u200b\ufeff",
    "a megabyte of text": "a" * 1_000_000,
    "a megabyte of digits": "<answer>" + "9" * 1_000_000 + "</answer>",
    "a megabyte of spaces": "<answer>" + " " * 1_000_000,
    "many opened tags": "<answer>" * 100_000,
    "many closed tags": "</think>" * 100_000 + "</answer>" * 100_000,
    "an unclosed thought": "<think>" * 10_000,
    "nested boxes": "\\boxed{" * 100_000,
    "nested braces": "\\boxed{" + "{" * 100_000 + "}" * 100_000 + "}",
    "nested brackets": "<answer>" + "(" * 100_000 + ")" * 100_000 + "</answer>",
    "many statements": "the answer is " * 50_000,
    "a tower of powers": "<answer>9^{9^{9^{9}}}</answer>",
    "code": "<answer>__import__('os').abort()</answer>",
}


def check_verifier(
    verifier: Verifier,
    reference: Reference,
    right: str,
    wrong: str,
    *,
    full: float = 1.0,
    zero: float = 0.0,
    max_seconds: float = 1.0,
) -> None:
    """Check that a verifier keeps the contract.

    A right response gets full reward and a wrong one none; the same response always gets the same
    verdict; any string at all gets a verdict, quickly, and is not correct; a batch says what single calls
    say; what a teacher may be shown is text or nothing.

    Args:
        verifier: the verifier to check.
        reference: a reference that it can judge.
        right: a response that is right.
        wrong: a response with an answer that is wrong.
        full: the reward of `right`.
        zero: the reward of `wrong`; malformed responses may get no more.
        max_seconds: the longest that one verdict may take; what a busy machine keeps this thread from running does
            not count (Linux).

    Raises:
        AssertionError: a point of the contract is not kept; the message says which.

    """
    for attribute in ("name", "version"):
        value = getattr(verifier, attribute, None)
        _check(isinstance(value, str) and value != "", f"{attribute} is {value!r}, not a non-empty string")

    good = _verify(verifier, right, reference, "the right response", max_seconds)
    _check(good.correct, f"the right response {right!r} is not correct: {good}")
    _check(math.isclose(good.reward, full), f"the right response has reward {good.reward}, not {full}")
    _check(good.status is Status.OK, f"the right response has status {good.status!r}, not OK")
    bad = _verify(verifier, wrong, reference, "the wrong response", max_seconds)
    _check(not bad.correct, f"the wrong response {wrong!r} is correct: {bad}")
    _check(math.isclose(bad.reward, zero), f"the wrong response has reward {bad.reward}, not {zero}")
    _check(bad.feedback != "", "the wrong response has no feedback")

    for name, text in _GARBAGE.items():
        verdict = _verify(verifier, text, reference, f"a response of {name}", max_seconds)
        _check(not verdict.correct, f"a response of {name} is correct")
        _check(verdict.reward <= zero + 1e-12, f"a response of {name} has reward {verdict.reward}")

    for text, first in ((right, good), (wrong, bad)):
        again = _verify(verifier, text, reference, "a repeated response", max_seconds)
        _check(again == first, f"not deterministic: {text!r} got {first}, then {again}")
    batch = verifier.verify_batch([wrong, right], [reference, reference])
    _check(batch == [bad, good], f"verify_batch says {batch}, verify says {[bad, good]}")
    _check(verifier.verify_batch([], []) == [], "verify_batch of nothing is not an empty list")

    for level in LEVELS:
        shown = verifier.privileged(reference, level)
        _check(shown is None or isinstance(shown, str), f"privileged({level!r}) is {shown!r}, not text or None")
    try:
        verifier.privileged(reference, "no such level")
    except ValueError:
        pass
    else:
        raise AssertionError("privileged() takes an unknown level; it must raise ValueError")


def _verify(verifier: Verifier, text: str, reference: Reference, what: str, max_seconds: float) -> Verdict:
    start = time.perf_counter() - waited()
    try:
        verdict = verifier.verify(text, reference)
    except Exception as error:
        raise AssertionError(f"{what} raised {type(error).__name__}: {error}") from error
    seconds = time.perf_counter() - waited() - start
    _check(seconds <= max_seconds, f"{what} took {seconds:.2f} s, more than {max_seconds} s")
    _check(isinstance(verdict, Verdict), f"{what} got a {type(verdict).__name__}, not a Verdict")
    _check(isinstance(verdict.status, Status), f"{what} got status {verdict.status!r}, not a Status")
    _check(isinstance(verdict.feedback, str), f"{what} got feedback {verdict.feedback!r}, not text")
    number = isinstance(verdict.reward, int | float) and math.isfinite(verdict.reward)
    _check(number, f"{what} got reward {verdict.reward!r}, not a finite number")
    return verdict


def _check(condition: bool, message: str) -> None:
    if not condition:
        raise AssertionError(message)
