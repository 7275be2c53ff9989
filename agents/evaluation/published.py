"""What the paper says that its methods reach on its five benchmarks: its numbers, none of ours."""

from __future__ import annotations

from collections.abc import Mapping

from agents.evaluation.benchmarks import PAPER

SOURCE = (
    "arXiv 2604.03128, Qwen3-VL-8B-Instruct, prompts and responses of 4,096 tokens each; single runs without intervals"
)
"""Where the numbers are from. The paper says neither how it samples nor what grades."""
PERCENT: Mapping[str, Mapping[str, float]] = {
    method: dict(zip(PAPER, values, strict=True))
    for method, values in {
        "base": (62.44, 73.80, 47.37, 19.76, 54.10),
        "GRPO": (65.11, 76.20, 48.82, 22.60, 56.57),
        "OPSD": (63.82, 75.10, 47.53, 21.06, 54.95),
        "SDPO": (65.11, 74.00, 47.27, 25.15, 52.19),
        "GRPO+OPSD": (63.22, 75.90, 48.52, 22.16, 54.76),
        "RLSD": (67.22, 78.10, 52.73, 24.85, 58.00),
    }.items()
}
"""Percent by method and environment."""
