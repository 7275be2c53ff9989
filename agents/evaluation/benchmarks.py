"""The benchmarks by the ids of their environments, what their numbers are of, and suites of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rlsd_env.errors import ConfigurationError, one_of


@dataclass(frozen=True)
class Benchmark:
    """What a benchmark's own number is of.

    Attributes:
        name: as papers write it.
        problems: how many there are in the split.
        unit: what is counted, in the singular.
        units: how many of them there are.
        measure: what the number is called.

    """

    name: str
    problems: int
    unit: str = "problem"
    units: int = 0
    measure: str = "accuracy"

    @property
    def denominator(self) -> int:
        """What the benchmark's number is a share of."""
        return self.units or self.problems


BENCHMARKS: Mapping[str, Benchmark] = {
    "rlsd/MMMU-v0": Benchmark("MMMU (validation)", 900),
    "rlsd/MMMU-dev-v0": Benchmark("MMMU (dev)", 150),
    "rlsd/MMMUPro-v0": Benchmark("MMMU-Pro (standard, 10 options)", 1730),
    "rlsd/MMMUPro-standard4-v0": Benchmark("MMMU-Pro (standard, 4 options)", 1730),
    "rlsd/MMMUPro-vision-v0": Benchmark("MMMU-Pro (vision)", 1730),
    "rlsd/MathVista-v0": Benchmark("MathVista (testmini)", 1000),
    "rlsd/MathVision-v0": Benchmark("MathVision (test)", 3040),
    "rlsd/MathVision-testmini-v0": Benchmark("MathVision (testmini)", 304),
    "rlsd/ZeroBench-v0": Benchmark("ZeroBench", 100, "question"),
    "rlsd/ZeroBench-subquestions-v0": Benchmark("ZeroBench (subquestions)", 334, "subquestion"),
    "rlsd/WeMath-v0": Benchmark("We-Math (testmini)", 1740, "group", 525, "score (strict)"),
}
"""Sizes: `rows` in docs/environments/index.md. We-Math's number is of its 525 groups (arXiv 2407.01284)."""

PAPER = (
    "rlsd/MMMU-v0",
    "rlsd/MathVista-v0",
    "rlsd/MathVision-v0",
    "rlsd/ZeroBench-subquestions-v0",
    "rlsd/WeMath-v0",
)
"""The five benchmarks of arXiv 2604.03128, in the order of its table. The paper names no splits; its numbers are
fractions of these ones' sizes."""

SUITES: Mapping[str, Mapping[str, Any]] = {
    "paper": {"env": ",".join(PAPER), "fold": "all", "limit": 0, "max_tokens": 4096},
}
"""Options that a suite stands for; --env is its own, the others can be given beside it. max_tokens: the paper's."""


def of_suite(name: str) -> Mapping[str, Any]:
    """Return the options that a suite stands for.

    Raises:
        ConfigurationError: there is no such suite.

    """
    if name not in SUITES:
        raise ConfigurationError(one_of("suite", name, SUITES))
    return SUITES[name]


def rest_of_suite(name: str) -> str:
    """Write what a suite stands for, but for its environments, as arguments.

    >>> rest_of_suite("paper")
    '--fold all --limit 0 --max-tokens 4096'
    """
    rest = {option: value for option, value in of_suite(name).items() if option != "env"}
    return " ".join(f"--{option.replace('_', '-')} {value}" for option, value in rest.items())


def benchmark_of(env: str) -> Benchmark | None:
    """Return the benchmark that an environment is, by its id with or without a module; None: it is none."""
    return BENCHMARKS.get(env.rpartition(":")[2])
