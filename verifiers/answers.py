"""`AnswerVerifier`: finds the answer in a response and compares it by its kind."""

from __future__ import annotations

import functools
import logging
from dataclasses import replace

from verifiers.base import BadReference, Verifier
from verifiers.comparison import (
    MAX_ANSWER_CHARS,
    NUMBER_KINDS,
    RIGHT,
    UNPARSABLE,
    Comparer,
    Comparison,
    ListComparer,
    NumberComparer,
    TextComparer,
    infer_kind,
)
from verifiers.extraction import ExtractionPolicy
from verifiers.feedback import feedback_text
from verifiers.multiple_choice import ChoiceComparer
from verifiers.types import AnswerKind, FrozenDict, Reference, Status, Verdict

__all__ = ["AnswerVerifier", "comparer_for", "infer_kind"]

_LOG = logging.getLogger(__name__)
_RIGHT_PARTS = FrozenDict(accuracy=1.0)
_WRONG_PARTS = FrozenDict(accuracy=0.0)


class AnswerVerifier(Verifier):
    """Judges the final answer: 1.0 if it equals the gold answer, else 0.0.

    What "equal" means follows from `Reference.kind`, or from the gold answer where that is None; see
    `verifiers.types.AnswerKind`. Units and percent signs are part of an answer: "50%" is not "50".

    Args:
        policy: where the answer is looked for.

    Example:
        >>> verdict = AnswerVerifier().verify("<answer>3/4</answer>", Reference("0.75"))
        >>> verdict.reward, verdict.extracted
        (1.0, '3/4')

    """

    name = "answer"
    version = "1"

    def __init__(self, policy: ExtractionPolicy | None = None) -> None:
        self.policy = ExtractionPolicy() if policy is None else policy

    def verify(self, response: str, reference: Reference) -> Verdict:
        """Judge one response.

        A response that is not a string gets `Status.ERROR`: the caller failed, not the model.

        Raises:
            BadReference: the gold answer is not of its kind, or not among the choices.

        """
        comparer = comparer_for(reference)
        if not isinstance(response, str):
            message = f"the response is a {type(response).__name__}, not a string"
            _LOG.error("verifier %r: %s", self.name, message)
            return Verdict(0.0, False, None, Status.ERROR, message, _WRONG_PARTS)
        found = self.policy.extract(response, comparer.same)
        status, correct = found.status, False
        if found.text is not None:
            comparison = _compare(comparer, found.text, reference.answer)
            status, correct = comparison.status, comparison.correct
        verdict = Verdict(
            reward=float(correct),
            correct=correct,
            extracted=found.text,
            status=status,
            parts=_RIGHT_PARTS if correct else _WRONG_PARTS,
            method=found.method,
        )
        return replace(verdict, feedback=self.feedback(response, reference, verdict))

    def feedback(self, response: str, reference: Reference, verdict: Verdict) -> str:
        """One sentence, in which a missing answer is asked for where this verifier's policy looks."""
        return feedback_text(response, reference, verdict, where=self.policy.where)


def _compare(comparer: Comparer, answer: str, gold: str) -> Comparison:
    if len(answer) > MAX_ANSWER_CHARS:
        return RIGHT if answer == gold.strip() else UNPARSABLE
    return comparer.compare(answer)


def comparer_for(reference: Reference) -> Comparer:
    """What compares answers with this reference's gold answer; kept for the next response to the task.

    Raises:
        BadReference: the gold answer is not of its kind, or not among the choices.

    """
    return _comparer(reference.answer, reference.kind, tuple(reference.choices), reference.precision)


@functools.lru_cache(maxsize=4096)
def _comparer(answer: str, kind: AnswerKind | None, choices: tuple[str, ...], precision: int | None) -> Comparer:
    if kind is None:
        kind = infer_kind(answer, choices)
    elif kind not in tuple(AnswerKind):
        raise BadReference(f"kind is {kind!r}; it must be one of {', '.join(map(repr, map(str, AnswerKind)))}")
    if kind == AnswerKind.CHOICE:
        return ChoiceComparer(answer, choices)
    if kind == AnswerKind.LIST:
        return ListComparer(answer, precision)
    if kind in NUMBER_KINDS:
        return NumberComparer(answer, AnswerKind(kind), precision)
    return TextComparer(answer)
