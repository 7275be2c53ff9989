"""What a run of `grade` comes to: counts, seconds, agreement with labels, a benchmark's metrics."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from verifiers.cli.grading import UNLABELLED, Graded

_FAILURES_KEPT = 5


@dataclass
class Agreement:
    """How verdicts agree with the column "expected".

    Attributes:
        rows: rows with that column.
        undecided: those whose label is neither true nor false; they count no further.
        agree: verdicts that are the expected ones.
        false_positives: right by the verdict, wrong by the label.
        false_negatives: wrong by the verdict, right by the label.

    """

    rows: int = 0
    undecided: int = 0
    agree: int = 0
    false_positives: int = 0
    false_negatives: int = 0

    def add(self, graded: Graded) -> None:
        """Count one row."""
        self.rows += 1
        if not isinstance(graded.expected, bool):
            self.undecided += 1
        elif not graded.disagrees:
            self.agree += 1
        elif graded.correct:
            self.false_positives += 1
        else:
            self.false_negatives += 1


@dataclass
class Summary:
    """Counts rows as they are graded; `data` is what they come to.

    Args:
        verifier: name, version and mode of what grades.
        errors_kept: how many rows that disagree with their label to keep.

    """

    verifier: Mapping[str, str | None]
    errors_kept: int = 0
    metrics: Mapping[str, Any] = field(default_factory=dict)
    statuses: Counter[str] = field(default_factory=Counter)
    warnings: Counter[str] = field(default_factory=Counter)
    correct: int = 0
    reward: float = 0.0
    seconds: list[float] = field(default_factory=list)
    slowest: tuple[float, str] = (-1.0, "")
    failed: int = 0
    failures: list[Graded] = field(default_factory=list)
    agreement: Agreement = field(default_factory=Agreement)
    by_category: dict[str, Agreement] = field(default_factory=dict)
    errors: list[Graded] = field(default_factory=list)

    def add(self, graded: Graded) -> None:
        """Count one row."""
        self.statuses[graded.status] += 1
        self.correct += graded.correct
        self.reward += graded.reward
        self.seconds.append(graded.seconds)
        if graded.seconds > self.slowest[0]:
            self.slowest = (graded.seconds, graded.id)
        if graded.warning:
            self.warnings[graded.warning] += 1
        if graded.error:
            self.failed += 1
            if len(self.failures) < _FAILURES_KEPT:
                self.failures.append(graded)
        if graded.expected != UNLABELLED:
            self.agreement.add(graded)
            self.by_category.setdefault(graded.category, Agreement()).add(graded)
        if graded.disagrees and len(self.errors) < self.errors_kept:
            self.errors.append(graded)

    def data(self) -> dict[str, Any]:
        """The summary as JSON values; "agreement" and "metrics" only where there are any."""
        rows, ordered = len(self.seconds), sorted(self.seconds)
        data: dict[str, Any] = {
            "verifier": dict(self.verifier),
            "rows": rows,
            "correct": self.correct,
            "accuracy": self.correct / rows if rows else None,
            "reward": self.reward / rows if rows else None,
            "statuses": dict(self.statuses.most_common()),
            "seconds": {
                "total": math.fsum(ordered),
                "p50": quantile(ordered, 0.5),
                "p99": quantile(ordered, 0.99),
                "slowest": {"id": self.slowest[1], "seconds": self.slowest[0]} if rows else None,
            },
            "warnings": dict(self.warnings.most_common()),
            "failures": {
                "rows": self.failed,
                "first": [{"line": row.number, "status": row.status, "error": row.error} for row in self.failures],
            },
        }
        if self.agreement.rows:
            categories = {name: asdict(part) for name, part in sorted(self.by_category.items())}
            data["agreement"] = asdict(self.agreement) | {"by_category": categories}
            data["agreement"]["errors"] = [_error(row) for row in self.errors]
        if self.metrics:
            data["metrics"] = dict(self.metrics)
        return data


def quantile(ordered: Sequence[float], share: float) -> float | None:
    """The smallest value that at least this share of all values do not exceed; None without values."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else None


def _error(row: Graded) -> dict[str, Any]:
    return {
        "id": row.id,
        "gold": row.example[0],
        "prediction": row.example[1],
        "extracted": row.extracted,
        "status": row.status,
        "correct": row.correct,
        "expected": row.expected,
    }
