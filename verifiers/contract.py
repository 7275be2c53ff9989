"""What a verifier must return, checked on every verdict that is used as a reward."""

from __future__ import annotations

import math
from collections.abc import Mapping
from numbers import Real
from typing import Any

from verifiers.errors import BrokenVerifierError
from verifiers.types import Status, Verdict

EXAMPLE = "Verdict(reward=1.0, correct=True, extracted='7', status=Status.OK)"


def checked(verdict: Any, verifier: object, call: str = "verify", position: int | None = None) -> Verdict:
    """Return what a verifier said, if it is a verdict with fields of their types.

    Args:
        verdict: what it returned.
        verifier: who returned it.
        call: the method, for the message.
        position: of the response in its batch.

    Raises:
        BrokenVerifierError: it is not; the message names class, method, what was returned and what is allowed.

    """
    if problem := _problem(verdict):
        raise BrokenVerifierError(f"{type(verifier).__name__}.{call} returned {problem}", position)
    return verdict


def checked_batch(verdicts: Any, verifier: object, count: int) -> list[Verdict]:
    """Return what `verify_batch` said, if it is a list with a verdict for each response.

    Raises:
        BrokenVerifierError: it is not.

    """
    name = f"{type(verifier).__name__}.verify_batch"
    if not isinstance(verdicts, list | tuple):
        raise BrokenVerifierError(f"{name} returned {_shown(verdicts)}; it must return a list of verdicts")
    if len(verdicts) != count:
        raise BrokenVerifierError(f"{name} returned {len(verdicts)} verdicts for {count} responses; one for each")
    return [checked(verdict, verifier, "verify_batch", n) for n, verdict in enumerate(verdicts)]


def _problem(verdict: Any) -> str:
    if not isinstance(verdict, Verdict):
        return f"{_shown(verdict)}; it must return a verifiers.Verdict, such as {EXAMPLE}"
    for name, value, fits, allowed in (
        ("reward", verdict.reward, _finite(verdict.reward), "a finite number"),
        ("correct", verdict.correct, type(verdict.correct).__name__ in ("bool", "bool_"), "True or False"),
        ("extracted", verdict.extracted, isinstance(verdict.extracted, str | None), "a string or None"),
        ("status", verdict.status, isinstance(verdict.status, Status), "a verifiers.Status, such as Status.OK"),
        ("feedback", verdict.feedback, isinstance(verdict.feedback, str), "a string"),
        ("parts", verdict.parts, _finite_parts(verdict.parts), "a mapping of names to finite numbers"),
    ):
        if not fits:
            return f"a Verdict whose {name} is {_shown(value)}; it must be {allowed}"
    return ""


def _finite(value: Any) -> bool:
    return isinstance(value, Real) and math.isfinite(value)


def _finite_parts(parts: Any) -> bool:
    return isinstance(parts, Mapping) and all(isinstance(k, str) and _finite(v) for k, v in parts.items())


def _shown(value: Any) -> str:
    """Show a value and its type, shortened."""
    text = repr(value)
    return f"{text if len(text) <= 60 else text[:57] + '...'} ({type(value).__name__})"
