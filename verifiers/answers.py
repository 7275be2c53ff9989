"""`AnswerVerifier`: finds the answer in a response and compares it by its kind."""

from __future__ import annotations

import functools
import logging
from collections.abc import Sequence
from dataclasses import replace

from verifiers.base import Verifier
from verifiers.comparison import MAX_ANSWER_CHARS, RIGHT, UNPARSABLE, WRONG, Comparer, Comparison, TextComparer
from verifiers.errors import BadReference
from verifiers.expressions import units
from verifiers.expressions.approximate import context
from verifiers.expressions.equality import EqualityPolicy
from verifiers.expressions.identity import DIGITS
from verifiers.extraction import POLICIES, Extraction, ExtractionPolicy
from verifiers.feedback import DEFAULT_FEEDBACK_LEVEL, feedback_text
from verifiers.golds import held_answer, is_solution, unmarked
from verifiers.kinds import infer_kind
from verifiers.letters import LetterComparer, LettersComparer, is_letter, several_letters
from verifiers.lists import ListComparer
from verifiers.mathematics import ExpressionComparer, NumberComparer
from verifiers.multiple_choice import ChoiceComparer
from verifiers.phrases import FOREIGN_DENIAL
from verifiers.service import Outcome, OutcomeKind, in_worker, shared_pool
from verifiers.types import AnswerKind, FrozenDict, Reference, Status, Verdict

__all__ = ["AnswerVerifier", "comparer_for", "infer_kind"]

_LOG = logging.getLogger(__name__)
_RIGHT_PARTS = FrozenDict(accuracy=1.0)
_WRONG_PARTS = FrozenDict(accuracy=0.0)
_OF_LETTERS = (AnswerKind.CHOICE, AnswerKind.TEXT)
_SYMBOLIC = "verifiers.expressions.symbolic:same"


class AnswerVerifier(Verifier):
    r"""Judges the final answer: 1.0 if it equals the gold answer, else 0.0.

    What "equal" means follows from `Reference.kind`, or from the gold answer where that is None (see
    `verifiers.types.AnswerKind`), and from `equality`. Almost every answer is decided in this process, in
    microseconds to milliseconds. What only symbolic algebra can tell (limits, integrals, solution sets) goes
    to a worker process (`verifiers.service.shared_pool`) that is killed at the limit: `Status.TIMEOUT`.

    Args:
        policy: where the answer is looked for; None: where the mode says.
        equality: what counts as equal.
        symbolic_seconds: the limit of symbolic work on one answer; 0: never any, such answers are unparsable.
        mode: "strict" for a reward: tags, boxes and statements. "lenient" for evaluation: where there is none of
            these, also a letter in the first line and what the last line concludes with.

    Raises:
        ValueError: `symbolic_seconds` is negative, the mode is neither, or a policy is given beside mode "lenient".

    Example:
        >>> verdict = AnswerVerifier().verify("<answer>3/4</answer>", Reference("0.75"))
        >>> verdict.reward, verdict.extracted
        (1.0, '3/4')
        >>> AnswerVerifier().verify(r"\boxed{x > 2}", Reference(r"(2, \infty)")).correct
        True

    """

    name = "answer"
    version = "3"

    def __init__(
        self,
        policy: ExtractionPolicy | None = None,
        equality: EqualityPolicy | None = None,
        symbolic_seconds: float = 0.8,
        mode: str = "strict",
    ) -> None:
        if symbolic_seconds < 0:
            raise ValueError(f"symbolic_seconds is {symbolic_seconds}; it must be 0 or more")
        if mode not in POLICIES:
            raise ValueError(f"mode is {mode!r}; it must be one of {', '.join(map(repr, POLICIES))}")
        if mode == "lenient":
            if policy is not None:
                raise ValueError("mode 'lenient' has a policy of its own; leave out policy or mode")
            self.version = f"lenient-{type(self).version}"
        self.mode = mode
        self.policy = POLICIES[mode] if policy is None else policy
        self.equality = EqualityPolicy() if equality is None else equality
        self.symbolic_seconds = symbolic_seconds

    def verify(self, response: str, reference: Reference) -> Verdict:
        """Judge one response.

        A response that is not a string gets `Status.ERROR`: the caller failed, not the model.

        Raises:
            BadReference: the gold answer is not of its kind, or not among the choices.

        """
        found, comparison = self._compared(response, reference)
        if comparison.pending is not None:
            comparison = self._settled([comparison])[0]
        return self._verdict(response, reference, found, comparison)

    def verify_batch(self, responses: Sequence[str], references: Sequence[Reference]) -> list[Verdict]:
        """Judge responses[i] against references[i], in order; symbolic work runs in all workers at once.

        Raises:
            BadReference: a gold answer cannot be used; a broken item stops the batch.
            ValueError: the two sequences differ in length.

        """
        if len(responses) != len(references):
            raise ValueError(f"{len(responses)} responses but {len(references)} references")
        pairs = [self._compared(response, reference) for response, reference in zip(responses, references)]
        comparisons = [comparison for _, comparison in pairs]
        waiting = [at for at, comparison in enumerate(comparisons) if comparison.pending is not None]
        for at, comparison in zip(waiting, self._settled([comparisons[at] for at in waiting])):
            comparisons[at] = comparison
        return [
            self._verdict(response, reference, found, comparison)
            for response, reference, (found, _), comparison in zip(responses, references, pairs, comparisons)
        ]

    def warm_up(self) -> None:
        """Load what is imported late and start the workers for symbolic algebra, of which one is waited for; 2 s."""
        started = None
        if self.symbolic_seconds and not in_worker():
            started = shared_pool().submit("builtins:int")
        units.load()
        context(DIGITS)
        if started is not None:
            started.result()

    def feedback(
        self, response: str, reference: Reference, verdict: Verdict, *, level: str = DEFAULT_FEEDBACK_LEVEL
    ) -> str:
        """One sentence, in which a missing answer is asked for where this verifier's policy looks."""
        return feedback_text(response, reference, verdict, where=self.policy.where, level=level)

    def _compared(self, response: str, reference: Reference) -> tuple[Extraction, Comparison]:
        comparer = comparer_for(reference, self.equality)
        if not isinstance(response, str):
            message = f"the response is a {type(response).__name__}, not a string"
            _LOG.error("verifier %r: %s", self.name, message)
            return Extraction(None, Status.ERROR), Comparison(Status.ERROR, message=message)
        try:
            return self._found(response, comparer, reference)
        except Exception as error:  # a verdict for every response; that the verifier failed is counted
            _LOG.exception("verifier %r failed on a response", self.name)
            message = f"The verifier failed: {type(error).__name__}: {error}"
            return Extraction(None, Status.ERROR), Comparison(Status.ERROR, message=message)

    def _found(self, response: str, comparer: Comparer, reference: Reference) -> tuple[Extraction, Comparison]:
        found = self.policy.extract(response, comparer.same, comparer.reads)
        if found.text is not None:
            comparison = _compare(comparer, found.text, reference)
            if not comparison.correct and found.bare:
                bare = _compare(comparer, found.bare, reference)
                if bare.correct:
                    return replace(found, text=found.bare), bare
            return found, comparison
        if found.answers and comparer.takes_several:
            text = ", ".join(found.answers)
            comparison = _compare(comparer, text, reference)
            if comparison.correct:
                return Extraction(text, Status.OK, found.method), comparison
        return found, Comparison(found.status)

    def _settled(self, comparisons: list[Comparison]) -> list[Comparison]:
        """What symbolic algebra says of comparisons that wait for it."""
        if not comparisons or not self.symbolic_seconds:
            return comparisons
        calls = [comparison.pending for comparison in comparisons if comparison.pending is not None]
        if in_worker():  # whose own limits hold
            from verifiers.expressions import symbolic

            return [_decided(symbolic.same(*trees)) for trees in calls]
        outcomes = shared_pool().map(_SYMBOLIC, calls, seconds=self.symbolic_seconds)
        return [_concluded(outcome) for outcome in outcomes]

    def _verdict(self, response: str, reference: Reference, found: Extraction, comparison: Comparison) -> Verdict:
        correct = comparison.correct
        verdict = Verdict(
            reward=float(correct),
            correct=correct,
            extracted=found.text,
            status=comparison.status,
            parts=_RIGHT_PARTS if correct else _WRONG_PARTS,
            method=found.method,
        )
        if comparison.message:
            return replace(verdict, feedback=comparison.message)
        return replace(verdict, feedback=self.feedback(response, reference, verdict))


def _decided(verdict: bool | None) -> Comparison:
    return UNPARSABLE if verdict is None else RIGHT if verdict else WRONG


def _concluded(outcome: Outcome) -> Comparison:
    if outcome.kind is OutcomeKind.DONE:
        return _decided(outcome.value)
    status = Status.TIMEOUT if outcome.kind is OutcomeKind.TIMEOUT else Status.ERROR
    return Comparison(status, message=f"The verifier could not decide: {outcome.message}")


def _compare(comparer: Comparer, answer: str, reference: Reference) -> Comparison:
    gold = reference.answer.strip()
    if len(answer) > MAX_ANSWER_CHARS:
        return RIGHT if answer == gold else UNPARSABLE
    comparison = comparer.compare(answer)
    if comparison.correct and FOREIGN_DENIAL.search(answer) and not FOREIGN_DENIAL.search(gold):
        return UNPARSABLE  # "7 nicht": not 7 of a unit
    if answer == gold and not comparison.correct and held_answer(gold, reference.choices) != gold:
        return RIGHT
    return comparison


def comparer_for(reference: Reference, equality: EqualityPolicy | None = None) -> Comparer:
    """What compares answers with this reference's gold answer; kept for the next response to the task.

    Raises:
        BadReference: the gold answer is not of its kind, or not among the choices.

    """
    return _comparer(
        reference.answer, reference.kind, tuple(reference.choices), reference.precision, reference.unit, equality
    )


@functools.lru_cache(maxsize=4096)
def _comparer(
    answer: str,
    kind: AnswerKind | None,
    choices: tuple[str, ...],
    precision: int | None,
    unit: str | None,
    equality: EqualityPolicy | None,
) -> Comparer:
    if kind is not None and kind not in tuple(AnswerKind):
        raise BadReference(f"kind is {kind!r}; it must be one of {', '.join(map(repr, map(str, AnswerKind)))}")
    answer = held_answer(answer, choices)
    letters = several_letters(answer, choices) if kind is None or kind in _OF_LETTERS else ""
    if letters and (choices or kind is AnswerKind.CHOICE):
        return LettersComparer(letters, choices)
    comparer = _of_kind(answer, kind, choices, precision, unit, equality)
    return LettersComparer(letters, otherwise=comparer) if letters else comparer


def _of_kind(
    answer: str,
    kind: AnswerKind | None,
    choices: tuple[str, ...],
    precision: int | None,
    unit: str | None,
    equality: EqualityPolicy | None,
) -> Comparer:
    if kind is None:
        kind = infer_kind(answer, choices)
        if kind is AnswerKind.TEXT and is_solution(answer):
            raise unmarked(answer)
    if kind == AnswerKind.CHOICE:
        return ChoiceComparer(answer, choices)
    if answer.strip().lower() == "nan":
        raise BadReference(f"the reference answer is {answer!r}, which is what a missing value was turned into")
    if kind == AnswerKind.LIST:
        return ListComparer(answer, precision)
    if kind == AnswerKind.EXPRESSION:
        return ExpressionComparer(answer, precision, unit, equality)
    if kind == AnswerKind.TEXT:
        return LetterComparer(answer) if is_letter(answer) else TextComparer(answer)
    return NumberComparer(answer, AnswerKind(kind), precision, unit, equality)
