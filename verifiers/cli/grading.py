"""From a line of a file to its verdict: `Grader`."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import verifiers
from verifiers.base import Verifier
from verifiers.cli.common import UsageError, shown
from verifiers.cli.default import default_response, default_verifier
from verifiers.cli.golds import references_of
from verifiers.cli.rows import JsonNumber, RowError, decode, encode, plain, prediction_of
from verifiers.errors import BadReference
from verifiers.types import Reference, Status, Verdict

BAD_GOLD = "bad_gold"
"""The status of a row whose gold answer cannot be used."""
BAD_ROW = "bad_row"
"""The status of a line that is no row."""
UNLABELLED = "unlabelled"
"""`Graded.expected` of a row without that column; None stands for undecided."""

_RESULTS = ("correct", "reward", "status", "extracted", "method", "seconds", "error")
_LONGEST_EXTRACTED = 10_000


@dataclass(frozen=True, slots=True)
class Graded:
    """One graded row.

    Attributes:
        number: the line's number, from 1.
        status: a `Status`, `BAD_GOLD` or `BAD_ROW`.
        verdict: the verdict; None where there is none.
        seconds: how long the verifier took.
        error: why the row could not be judged; "" where it was.
        warning: what was odd about the row; "" for nothing.
        id: the row's own "id", or else the line's number.
        category: the row's "category"; "" for none.
        expected: what the row says the verdict must be.
        example: gold answer and prediction, in short, where the verdict is not the expected one.
        line: the row with its results, as JSON.
        columns: the row as a benchmark's verifier reads it; None for other verifiers.

    """

    number: int
    status: str
    verdict: Verdict | None = None
    seconds: float = 0.0
    error: str = ""
    warning: str = ""
    id: str = ""
    category: str = ""
    expected: bool | str | None = UNLABELLED
    example: tuple[str, str] = ("", "")
    line: str = ""
    columns: Mapping[str, Any] | None = None

    @property
    def correct(self) -> bool:
        """Whether the prediction is right."""
        return self.verdict is not None and self.verdict.correct

    @property
    def reward(self) -> float:
        """The reward; 0 where there is no verdict."""
        return 0.0 if self.verdict is None else self.verdict.reward

    @property
    def extracted(self) -> str | None:
        """The answer that was found, the front of a very long one."""
        text = None if self.verdict is None else self.verdict.extracted
        if text is None or len(text) <= _LONGEST_EXTRACTED:
            return text
        return f"{text[:_LONGEST_EXTRACTED]}… [{len(text)} characters]"

    @property
    def disagrees(self) -> bool:
        """Whether the row says that the verdict must be another one."""
        return isinstance(self.expected, bool) and self.expected is not self.correct


def load_verifier(name: str | None, mode: str | None) -> Verifier:
    """Make the verifier that the command line names.

    Raises:
        UsageError: there is none of this name, it takes no mode, or not this one.

    """
    if name is None:
        if mode is not None:
            raise UsageError(f"--mode {mode} is for a verifier that has modes; name one with --verifier")
        return default_verifier()
    try:
        return verifiers.make(name) if mode is None else verifiers.make(name, mode=mode)
    except (TypeError, ValueError, ImportError) as error:
        if mode is not None and isinstance(error, TypeError) and "'mode'" in str(error):
            raise UsageError(f"verifier {name!r} has no modes; leave out --mode {mode}") from error
        raise UsageError(f"verifier {name!r} cannot be made: {error}") from error


class Grader:
    """Judges lines one by one.

    A verifier that has `reference(row)` and `response(row)`, as those of benchmarks do, reads the benchmark's own
    columns. Any other judges "prediction" against "gold".

    Args:
        name: the verifier's name; None for the default.
        mode: its mode; None where it has none.

    Raises:
        UsageError: there is no such verifier.

    """

    def __init__(self, name: str | None = None, mode: str | None = None) -> None:
        self.name, self.mode = name, mode
        self.verifier = load_verifier(name, mode)
        self._benchmark: Any = self.verifier if hasattr(self.verifier, "reference") else None

    def grade(self, number: int, line: bytes) -> Graded:
        """Judge one line; whatever is wrong with it becomes its status and error."""
        try:
            row = decode(line)
            body = encode({key: value for key, value in row.items() if key not in _RESULTS})
        except (RowError, RecursionError) as error:
            message = str(error) if isinstance(error, RowError) else "the line is nested too deeply"
            return _written(Graded(number, BAD_ROW, error=message, id=str(number)), encode({"line": number}))
        columns = None if self._benchmark is None else plain(line)
        graded = self._graded(row, number, columns)
        return _written(replace(_labelled(graded, row), columns=columns), body)

    def _graded(self, row: Mapping[str, Any], number: int, columns: Mapping[str, Any] | None) -> Graded:
        problem = warning = ""
        response: str | None
        try:
            if columns is None:
                response, problem = prediction_of(row)
                references, warning = references_of(row)
            else:
                response, references = self._read(columns)
        except BadReference as error:
            return Graded(number, BAD_GOLD, error=str(error))
        except RowError as error:
            return Graded(number, BAD_ROW, error=str(error))
        start = time.perf_counter()
        try:
            verdict = self._verdict(response, references, row.get("kind"))
        except BadReference as error:
            return Graded(number, BAD_GOLD, error=str(error), warning=warning)
        except Exception as error:  # any verifier may be named here; its failure is the row's, and is counted
            message = f"the verifier failed: {type(error).__name__}: {error}"
            return Graded(number, str(Status.ERROR), error=message, warning=warning)
        seconds = time.perf_counter() - start
        if response is None:
            status = Status.UNPARSABLE if problem else Status.NO_ANSWER
            verdict = replace(verdict, reward=0.0, correct=False, extracted=None, status=status, method="")
        told = verdict.feedback if verdict.status.failed else problem
        return Graded(number, str(verdict.status), verdict, seconds, told, warning)

    def _read(self, row: Mapping[str, Any]) -> tuple[str, list[Reference]]:
        """What the verifier of a benchmark reads in its own columns."""
        try:
            reference = self._benchmark.reference(row)
        except (ValueError, LookupError, TypeError) as error:
            raise BadReference(_told(error)) from error
        try:
            return self._benchmark.response(row), [reference]
        except (ValueError, LookupError, TypeError) as error:
            raise RowError(_told(error)) from error

    def _verdict(self, response: str | None, references: Sequence[Reference], kind: object) -> Verdict:
        """The verdict on the first gold answer that is met; else on one that failed to be compared, or the first."""
        if self.name is None and response is not None:
            response = default_response(response, kind)
        verdicts = []
        for reference in references:
            verdicts.append(self.verifier.verify("" if response is None else response, reference))
            if verdicts[-1].correct:
                return verdicts[-1]
        return next((verdict for verdict in verdicts if verdict.status.failed), verdicts[0])


def _labelled(graded: Graded, row: Mapping[str, Any]) -> Graded:
    """Add what the row says of itself."""
    graded = replace(
        graded,
        id=_plain(row.get("id", JsonNumber(str(graded.number)))),
        category=_plain(row.get("category", "")),
        expected=row.get("expected", UNLABELLED),
    )
    if not graded.disagrees:
        return graded
    prediction = row.get("prediction", row.get("response", row.get("prediction_gen")))
    return replace(graded, example=(shown(_plain(row.get("gold", row.get("answer")))), shown(_plain(prediction))))


def _written(graded: Graded, body: str) -> Graded:
    """Add the results to the row's own JSON."""
    results: dict[str, Any] = {
        "correct": graded.correct,
        "reward": graded.reward,
        "status": graded.status,
        "extracted": graded.extracted,
        "method": "" if graded.verdict is None else graded.verdict.method,
        "seconds": round(graded.seconds, 6),
    }
    if graded.error:
        results["error"] = graded.error
    return replace(graded, line=f"{body[:-1]}{', ' if len(body) > 2 else ''}{json.dumps(results)[1:]}")


def _plain(value: Any) -> str:
    if isinstance(value, JsonNumber):
        return value.text
    return value if isinstance(value, str) else encode(value)


def _told(error: Exception) -> str:
    return str(error) if isinstance(error, ValueError) else f"{type(error).__name__}: {error}"
