"""What the benchmarks' scorers share: `BenchmarkVerifier`, rows, accuracies, and a guess that can be repeated."""

from __future__ import annotations

import abc
import difflib
import hashlib
import logging
import math
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

from verifiers.answers import AnswerVerifier
from verifiers.base import Verifier
from verifiers.extraction import ExtractionPolicy
from verifiers.feedback import DEFAULT_FEEDBACK_LEVEL, feedback_text
from verifiers.official.texts import list_literal
from verifiers.types import FrozenDict, Reference, Status, Verdict

MODES = ("official", "strict")
"""`official`: the benchmark's own rules. `strict`: what a reward should be."""

_LOG = logging.getLogger(__name__)
_RIGHT, _WRONG = FrozenDict(accuracy=1.0), FrozenDict(accuracy=0.0)
_METHODS = ("answer_tag", "boxed", "statement", "first_line", "last_line")


class BenchmarkVerifier(Verifier):
    """Scores one benchmark from its own columns: `reference(row)`, `response(row)`, `verify`, `metrics`.

    A subclass defines `reference`, `official` and `group_metrics`, and, where its prompt asks for an answer in
    a format of its own, `marked`.

    Args:
        mode: "official" for the benchmark's own rules, "strict" for a reward.

    Raises:
        ValueError: the mode is neither.

    """

    revision: ClassVar[str] = "1"
    """Changes whenever a verdict of either mode can change."""
    note: ClassVar[str] = ""
    """What is not as in the original, for the version of the mode "official"."""
    where: ClassVar[str] = r"\boxed{}"
    """Where the prompt asks for the answer, in words for a model."""
    id_column: ClassVar[str] = "id"

    def __init__(self, mode: str = "strict") -> None:
        self.mode = one_of("mode", mode, MODES)
        self._answers = AnswerVerifier(ExtractionPolicy(_METHODS))
        if mode == "official":
            self.version = f"official-{self.revision}" + (f" ({self.note})" if self.note else "")
        else:
            self.version = f"strict-{self.revision} (answer {self._answers.version})"

    @abc.abstractmethod
    def reference(self, row: Mapping[str, Any]) -> Reference:
        """The reference of one row in the benchmark's own columns.

        Raises:
            ValueError: a column is missing, or holds what it cannot; the message names it and the row.

        """

    @abc.abstractmethod
    def official(self, response: str, reference: Reference) -> Verdict:
        """Judge one response by the benchmark's own rules; the feedback is filled in later."""

    @abc.abstractmethod
    def group_metrics(self, rows: Sequence[Mapping[str, Any]], scores: Sequence[float]) -> dict[str, float]:
        """The benchmark's own aggregate numbers beside the plain accuracy.

        Args:
            rows: the benchmark's rows.
            scores: 1.0 where the response to that row is right, else 0.0.

        """

    def marked(self, response: str) -> tuple[str, str]:
        """The response with an answer in the benchmark's own format put into `<answer>` tags, for strict mode.

        Returns:
            The response, changed or not, and the name of the format if it was found, else "".

        """
        return response, ""

    def response(self, row: Mapping[str, Any]) -> str:
        """The model's response of a row: column `response`, else `prediction`; None is no response.

        Raises:
            ValueError: the row has neither column.

        """
        for name in ("response", "prediction"):
            if name in row:
                return "" if row[name] is None else str(row[name])
        raise ValueError(f"{self.which(row)} has no column 'response' or 'prediction'; it has {sorted(row)}")

    def warm_up(self) -> None:
        """Start what strict mode needs for symbolic algebra."""
        if self.mode == "strict":
            self._answers.warm_up()

    def verify(self, response: str, reference: Reference) -> Verdict:
        """Judge one response by the rules of this scorer's mode.

        A response that is not a string gets `Status.ERROR`: the caller failed, not the model.

        Raises:
            BadReference: in strict mode, the gold answer is not of its kind, or not among the choices.

        """
        if not isinstance(response, str):
            message = f"the response is a {type(response).__name__}, not a string"
            _LOG.error("verifier %r: %s", self.name, message)
            return Verdict(0.0, False, None, Status.ERROR, message)
        verdict = self.official(response, reference) if self.mode == "official" else self.strict(response, reference)
        if verdict.status.failed:
            return verdict
        return replace(verdict, feedback=self.feedback(response, reference, verdict))

    def strict(self, response: str, reference: Reference) -> Verdict:
        """Judge one response as a reward should: the general verifier, after the benchmark's own format."""
        response, name = self.marked(response)
        verdict = self._answers.verify(response, reference)
        return replace(verdict, method=name) if name and verdict.method == "answer_tag" else verdict

    def feedback(
        self, response: str, reference: Reference, verdict: Verdict, *, level: str = DEFAULT_FEEDBACK_LEVEL
    ) -> str:
        """What to tell a model; a missing answer is asked for where the benchmark's prompt asks for it."""
        return feedback_text(response, reference, verdict, where=self.where, level=level)

    def metrics(self, rows: Sequence[Mapping[str, Any]], verdicts: Sequence[Verdict]) -> dict[str, float]:
        """The benchmark's numbers over scored rows.

        Args:
            rows: the rows, in the benchmark's own columns.
            verdicts: what `verify` said of each.

        Returns:
            `accuracy`, `count`, `failed` (verdicts without a judgement, counted as wrong), and the
            benchmark's own numbers, all by name.

        Raises:
            ValueError: the lengths differ, or a row lacks a column.

        """
        if len(rows) != len(verdicts):
            raise ValueError(f"{len(rows)} rows but {len(verdicts)} verdicts")
        scores = [float(verdict.correct) for verdict in verdicts]
        failed = sum(verdict.status.failed for verdict in verdicts)
        plain = {"accuracy": mean(scores), "count": float(len(rows)), "failed": float(failed)}
        return plain | self.group_metrics(rows, scores)

    # for subclasses

    def column(self, row: Mapping[str, Any], name: str) -> Any:
        """One column of a row.

        Raises:
            ValueError: there is no such column; the message names it and the row.

        """
        if name not in row:
            raise ValueError(f"{self.which(row)} has no column {name!r}; it has {sorted(row)}")
        return row[name]

    def texts(self, row: Mapping[str, Any], name: str) -> tuple[str, ...]:
        """A column that holds a list of texts: a sequence, None for none, or a list literal as text.

        A list whose only element is a list stands for that one, as in one row of MMMU-Pro.

        Raises:
            ValueError: it is missing or holds something else.

        """
        value = self.column(row, name)
        try:
            items = list_literal(value) if isinstance(value, str) else [] if value is None else list(value)
            if len(items) == 1 and isinstance(items[0], list | tuple):
                items = list(items[0])
            return tuple(map(str, items))
        except (ValueError, TypeError) as error:
            raise ValueError(f"{self.which(row)}: column {name!r} is {value!r}, not a list of texts") from error

    def gold(self, row: Mapping[str, Any], name: str = "answer") -> Any:
        """The column with the gold answer, which must say something.

        Raises:
            ValueError: it is missing or empty, as in a test split whose answers are withheld.

        """
        value = self.column(row, name)
        if value is None or not str(value).strip():
            raise ValueError(
                f"{self.which(row)}: column {name!r} is {value!r}; what has no gold answer cannot be scored"
            )
        return value

    def which(self, row: Mapping[str, Any]) -> str:
        """A row's name in an error."""
        return f"row {row.get(self.id_column, '(no ' + self.id_column + ')')!r} of {self.name}"


def one_of(what: str, value: str, allowed: Sequence[str]) -> str:
    """The value, if it is allowed.

    Raises:
        ValueError: it is not; the message names the allowed values and the closest one.

    """
    if value in allowed:
        return value
    close = difflib.get_close_matches(str(value), allowed, n=1, cutoff=0.4)
    hint = f"; did you mean {close[0]!r}?" if close else ""
    raise ValueError(f"{what} is {value!r}; it must be one of {', '.join(map(repr, allowed))}{hint}")


def judged(correct: bool, extracted: str | None, method: str) -> Verdict:
    """An official verdict: `Status.OK` where something was extracted, else `Status.NO_ANSWER`."""
    status = Status.NO_ANSWER if extracted is None else Status.OK
    return Verdict(float(correct), correct, extracted, status, parts=_RIGHT if correct else _WRONG, method=method)


def guess(letters: Sequence[str], seed: int, *keys: str) -> str:
    """One of the letters at random, the same for the same seed and keys, without any global generator."""
    digest = hashlib.sha256("\0".join((str(seed), *keys)).encode("utf-8", "surrogatepass")).digest()
    return random.Random(digest).choice(letters)


def mean(scores: Sequence[float]) -> float:
    """The mean; not a number for none."""
    return sum(scores) / len(scores) if scores else math.nan


def grouped(prefix: str, groups: Iterable[tuple[object, float]]) -> dict[str, float]:
    """The mean score of each group, by the name "prefix/group", sorted."""
    scores: dict[str, list[float]] = {}
    for group, score in groups:
        scores.setdefault(str(group), []).append(score)
    return {f"{prefix}/{group}": mean(scores[group]) for group in sorted(scores)}
