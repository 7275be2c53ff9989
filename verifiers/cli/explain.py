"""`python -m verifiers explain GOLD PREDICTION`: how one verdict comes about."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass

from verifiers.answers import comparer_for, infer_kind
from verifiers.base import BadReference
from verifiers.cli.common import UsageError, shown
from verifiers.cli.default import default_verifier
from verifiers.extraction import answer_region
from verifiers.types import AnswerKind, Reference

_LONGEST = 500


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
    yield (
        "verdict",
        f"{'right' if verdict.correct else 'not right'}, reward {verdict.reward:g}, status {verdict.status}",
    )
    yield "feedback", shown(verdict.feedback, _LONGEST)


def _form(key: Hashable | None) -> str:
    return "none: not of this kind" if key is None else shown(str(key), _LONGEST)
