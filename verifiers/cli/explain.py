"""`python -m verifiers explain GOLD PREDICTION`: how one verdict comes about."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass

from verifiers.answers import comparer_for
from verifiers.cli.common import UsageError, shown
from verifiers.cli.default import default_verifier
from verifiers.comparison import Comparer, TextComparer
from verifiers.errors import BadReference
from verifiers.expressions import EqualityPolicy, Equivalence, Node, NoValueError, Op, TooLargeError, UndecidedError
from verifiers.expressions.approximate import Approximation
from verifiers.expressions.render import render
from verifiers.extraction import answer_region
from verifiers.kinds import infer_kind
from verifiers.mathematics import ExpressionComparer
from verifiers.numeric import Form
from verifiers.types import AnswerKind, Reference

_LONGEST = 500
_MOST_STEPS = 20


@dataclass(frozen=True)
class Options:
    """What to explain.

    Attributes:
        gold: the gold answer.
        prediction: the answer or whole response to judge.
        kind: the kind of the gold answer; None to infer it.
        choices: the options of a multiple-choice question.
        unit: the unit of a gold answer without one.
        precision: the decimals that count.

    """

    gold: str
    prediction: str
    kind: str | None = None
    choices: Sequence[str] = ()
    unit: str | None = None
    precision: int | None = None


def run(options: Options) -> int:
    """Explain a verdict.

    Raises:
        UsageError: the gold answer cannot be used.

    """
    kind = None if options.kind is None else AnswerKind(options.kind)
    try:
        reference = Reference(options.gold, kind, tuple(options.choices), options.precision, options.unit)
        table = list(_lines(reference, options.prediction))
    except (BadReference, ValueError) as error:
        raise UsageError(str(error)) from error
    width = max(len(name) for name, _ in table)
    print("\n".join(f"{name:<{width}}  {value}" for name, value in table))
    return 0


def _lines(reference: Reference, prediction: str) -> Iterator[tuple[str, str]]:
    comparer = comparer_for(reference)
    verdict = default_verifier().verify(prediction, reference)
    inferred = reference.kind is None
    kind = infer_kind(reference.answer, reference.choices) if inferred else reference.kind
    yield "gold", shown(reference.answer, _LONGEST)
    yield "  kind", f"{kind}{' (inferred)' if inferred else ''}"
    yield "  normal form", _form(comparer.key(reference.answer))
    yield "prediction", shown(prediction, _LONGEST)
    region = answer_region(prediction)
    if region is None:
        yield "  region", "none: a thought is never closed"
    else:
        yield "  region", "all of it" if region == prediction else f"after </think>: {shown(region, _LONGEST)}"
    yield "  method", verdict.method or "none found an answer"
    if verdict.extracted is not None:
        yield "  extracted", shown(verdict.extracted, _LONGEST)
        yield "  normal form", _form(comparer.key(verdict.extracted))
        yield from (("compared", text) for text in comparison_steps(comparer, verdict.extracted))
    yield (
        "verdict",
        f"{'right' if verdict.correct else 'not right'}, reward {verdict.reward:g}, status {verdict.status}",
    )
    yield "feedback", shown(verdict.feedback, _LONGEST)


def comparison_steps(comparer: Comparer, answer: str) -> Iterator[str]:
    """Say what mathematics compares with what, and how.

    >>> list(comparison_steps(comparer_for(Reference("1/2")), "0.5"))
    ['1/2 (about 0.5)  with  0.5: the same']

    Args:
        comparer: of the gold answer.
        answer: as it was extracted.

    """
    if not isinstance(comparer, ExpressionComparer):
        yield "as text" if isinstance(comparer, TextComparer) else "by its kind alone"
        return
    gold, tree = comparer.trees(answer)
    if tree is None:
        yield "not: the answer is not mathematics that is read here"
        return
    told = _Told(comparer.equivalence.policy, comparer.equivalence.precision)
    try:
        verdict = told.same(gold, tree)
    except TooLargeError as error:
        yield f"not: {error}"
        return
    for depth, text in told.steps[:_MOST_STEPS]:
        yield "  " * depth + text
    if len(told.steps) > _MOST_STEPS:
        yield f"and {len(told.steps) - _MOST_STEPS} more"
    if verdict is None:
        yield "by symbolic algebra in a worker process, as nothing else can tell"


class _Told(Equivalence):
    """Equivalence that takes down what it does."""

    def __init__(self, policy: EqualityPolicy, precision: int | None) -> None:
        super().__init__(policy, precision)
        self.steps: list[tuple[int, str]] = []
        self._depth = 0

    def decide(self, gold: Node, answer: Node) -> bool | None:
        """Decide, and take it down."""
        at = len(self.steps)
        self._depth += 1
        verdict = super().decide(gold, answer)
        self._depth -= 1
        said = {True: "the same", False: "not the same", None: "undecided"}[verdict]
        text = f"{render(gold)}{_near(gold)}  with  {render(answer)}{_near(answer)}: {said}"
        self.steps.insert(at, (self._depth, shown(text, _LONGEST)))
        return verdict


def _near(node: Node) -> str:
    """The value of a constant that is not written as a decimal, to six digits."""
    if node.op is Op.NUMBER and node.data.form is not Form.FRACTION:
        return ""
    try:
        value = Approximation(15, {}).value(node)
    except (UndecidedError, NoValueError, TooLargeError):
        return ""
    return f" (about {value:.6g})"


def _form(key: Hashable | None) -> str:
    if key is None:
        return "none: not of this kind"
    return shown(render(key) if isinstance(key, Node) else str(key), _LONGEST)
