"""What `python -m benchmarks.lab` has stored, read for the claims."""

from __future__ import annotations

import gzip
import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from benchmarks.paper_claims.effects import Effect, over_seeds

STORED = Path(__file__).parents[1] / "results" / "lab.json.gz"
"""The runs that the project's documents quote."""
Run = Mapping[str, Any]
Value = Callable[[Run], float]


class NotRunError(LookupError):
    """A comparison, a method or a number that is not in the file; the message says which."""


def accuracy(part: str) -> Value:
    """A landmark of the accuracy of training rollouts: peak, last, fall, area or early."""
    return lambda run: run["accuracy"][part]


def final(run: Run) -> float:
    """Sampled accuracy on held-out tasks after the last step."""
    return run["final"]


def leaks(run: Run) -> float:
    """Responses per 1,000 that cite, on held-out tasks after the last step."""
    return run["final_leaks"]


def end(name: str) -> Value:
    """The last value of a smoothed curve that there is."""
    return lambda run: [value for value in _curve(run, name) if value is not None][-1]


def growth(name: str) -> Value:
    """The last value of a smoothed curve less its first."""
    return lambda run: end(name)(run) - next(value for value in _curve(run, name) if value is not None)


def log_ratio(name: str) -> Value:
    """The logarithm of the last value of a smoothed curve over its first."""

    def value(run: Run) -> float:
        first = next(value for value in _curve(run, name) if value is not None)
        return math.log(end(name)(run) / first)

    return value


def _curve(run: Run, name: str) -> list[float | None]:
    if name not in run["curves"]:
        raise NotRunError(f"no {name}")
    return run["curves"][name]


class Measured:
    """A file of `benchmarks.lab`.

    Args:
        comparisons: by name.

    """

    def __init__(self, comparisons: Mapping[str, Any]) -> None:
        self.comparisons = comparisons

    @classmethod
    def read(cls, path: Path) -> Measured:
        """Read a file, which may be compressed."""
        content = path.read_bytes()
        return cls(json.loads(gzip.decompress(content) if path.suffix == ".gz" else content))

    def of(self, method: str, value: Value, where: str) -> dict[int, float]:
        """Return a number of every run of a method, by seed."""
        return {run["seed"]: value(run) for run in self._runs(where, method)}

    def difference(
        self, one: str, other: str, value: Value, where: str = "lazy", other_where: str | None = None
    ) -> Effect:
        """Return the mean difference of two methods over the seeds that both have."""
        mine, theirs = self.of(one, value, where), self.of(other, value, other_where or where)
        shared = [seed for seed in mine if seed in theirs]
        if not shared:
            raise NotRunError(f"{one} and {other} share no seed")
        return over_seeds([mine[seed] - theirs[seed] for seed in shared])

    def alone(self, method: str, value: Value, where: str = "lazy") -> Effect:
        """Return the mean of a method's number over its seeds."""
        return over_seeds(list(self.of(method, value, where).values()))

    def credit(self, source: str, kind: str, figure: str, where: str = "lazy", hints: str = "right") -> Effect:
        """Return a figure of credit precision."""
        for row in self.comparisons.get(f"credit, {where}", {}).get("sources", ()):
            if row["source"] == source and hints in (row["hints"] or hints) and kind in row:
                found = row[kind][figure]
                return Effect(found["mean"], found["low"], found["high"])
        raise NotRunError(f"no credit of {source}")

    def _runs(self, where: str, method: str) -> list[Run]:
        if where not in self.comparisons:
            raise NotRunError(f"no comparison {where!r}")
        agents = self.comparisons[where]["agents"]
        if method not in agents:
            raise NotRunError(f"no {method} in {where!r}")
        return agents[method]["runs"]


def less(one: Effect, other: Effect) -> Effect:
    """Return the difference of two effects as if they were independent, which is wider where they rise together."""
    half_low = math.hypot(one.mean - one.low, other.high - other.mean)
    half_high = math.hypot(one.high - one.mean, other.mean - other.low)
    mean = one.mean - other.mean
    return Effect(mean, mean - half_low, mean + half_high)
