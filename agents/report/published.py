"""What the paper reports on its benchmarks, to stand beside numbers of one's own and never among them."""

from __future__ import annotations

SOURCE = "Self-Distilled RLVR, arXiv 2604.03128, Table 1: Qwen3-VL-8B-Instruct, responses of 4,096 tokens, one run each"
BENCHMARKS: dict[str, tuple[str, int]] = {
    "rlsd/MMMU-v0": ("MMMU", 900),
    "rlsd/MathVista-v0": ("MathVista", 1000),
    "rlsd/MathVision-v0": ("MathVision", 3040),
    "rlsd/ZeroBench-subquestions-v0": ("ZeroBench", 334),
    "rlsd/WeMath-v0": ("WeMath", 525),
}
"""Names in the paper's table by environment, and how many questions there are: 334 subquestions, 525 groups."""
ACCURACIES: dict[str, dict[str, float]] = {
    "base": {"MMMU": 62.44, "MathVista": 73.80, "MathVision": 47.37, "ZeroBench": 19.76, "WeMath": 54.10},
    "grpo": {"MMMU": 65.11, "MathVista": 76.20, "MathVision": 48.82, "ZeroBench": 22.60, "WeMath": 56.57},
    "opsd": {"MMMU": 63.82, "MathVista": 75.10, "MathVision": 47.53, "ZeroBench": 21.06, "WeMath": 54.95},
    "sdpo": {"MMMU": 65.11, "MathVista": 74.00, "MathVision": 47.27, "ZeroBench": 25.15, "WeMath": 52.19},
    "grpo+opsd": {"MMMU": 63.22, "MathVista": 75.90, "MathVision": 48.52, "ZeroBench": 22.16, "WeMath": 54.76},
    "rlsd": {"MMMU": 67.22, "MathVista": 78.10, "MathVision": 52.73, "ZeroBench": 24.85, "WeMath": 58.00},
}
"""Per cent by method and benchmark."""


def benchmark_of(env: str) -> str | None:
    """Return the paper's name of an environment's benchmark; None: it is none of them.

    >>> benchmark_of("rlsd/WeMath-v0"), benchmark_of("rlsd/Clock-v0")
    ('WeMath', None)
    """
    return BENCHMARKS.get(env.rpartition(":")[2], (None, 0))[0]


def sigma(per_cent: float, count: int) -> float:
    """Return one standard deviation of a share of independent questions, in per cent.

    >>> round(sigma(65.11, 900), 2)
    1.59
    """
    share = per_cent / 100
    return 100 * (share * (1 - share) / count) ** 0.5
