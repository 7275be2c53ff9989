"""The ids of the benchmarks and data sets, one per split."""

from __future__ import annotations

from typing import Any

BENCHMARKS: dict[str, dict[str, Any]] = {
    "rlsd/MathVision-testmini-v0": {"source": "rlsd_env.sources.mathvision:MathVision", "split": "testmini"},
}
"""The paper's benchmarks, and MMMU-Pro."""

DATASETS: dict[str, dict[str, Any]] = {}
"""Training sets and further benchmarks."""
