"""Verifiers fit to be a reward: is this answer right, and if not, why?

    >>> import verifiers
    >>> verifier = verifiers.make("answer")
    >>> reference = verifiers.Reference(answer="12", steps=(verifiers.Step("3 * 4", "12"),))
    >>> verdict = verifier.verify("<think> 3 * 4 = 13 </think> <answer> 13 </answer>", reference)
    >>> verdict.reward, verdict.status.value, verdict.feedback
    (0.0, 'ok', '3 * 4: 13 is wrong, it is 12.')

A verifier of your own derives from `Verifier`, is checked with `verifiers.testing.check_verifier`, and is
used by object, by the name it was `register`ed under, or as "package.module:Name".
"""

from typing import Any

from verifiers import official
from verifiers.answers import AnswerVerifier
from verifiers.base import Verifier
from verifiers.composite import (
    AllOfVerifier,
    FirstMatchVerifier,
    FormatVerifier,
    LengthVerifier,
    WeightedVerifier,
)
from verifiers.errors import BadReference, BrokenVerifierError
from verifiers.expressions.equality import EqualityPolicy
from verifiers.extraction import Extraction, ExtractionPolicy
from verifiers.feedback import FEEDBACK_LEVELS
from verifiers.kinds import infer_kind
from verifiers.registry import make, names, register
from verifiers.relaxed import RelaxedAccuracy
from verifiers.service import IsolatedVerifier
from verifiers.types import AnswerKind, Reference, Status, Step, Verdict

__all__ = [
    "FEEDBACK_LEVELS",
    "AllOfVerifier",
    "AnswerKind",
    "AnswerVerifier",
    "BadReference",
    "BrokenVerifierError",
    "EqualityPolicy",
    "Extraction",
    "ExtractionPolicy",
    "FirstMatchVerifier",
    "FormatVerifier",
    "IsolatedVerifier",
    "LengthVerifier",
    "Reference",
    "RelaxedAccuracy",
    "Status",
    "Step",
    "Verdict",
    "Verifier",
    "WeightedVerifier",
    "infer_kind",
    "make",
    "names",
    "register",
]


def _judge(**options: Any) -> Verifier:
    from verifiers.judge import JudgeVerifier  # which needs an HTTP client

    return JudgeVerifier(**options)


register("answer", AnswerVerifier)
register("format", FormatVerifier)
register("length", LengthVerifier)
register("relaxed", RelaxedAccuracy)
register("judge", _judge)
for _name, _factory in official.FACTORIES.items():
    register(_name, _factory)
