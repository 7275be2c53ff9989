"""Curves of a run over its training steps, and what is said of them."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

WINDOW = 5
"""Steps over which a curve is averaged before its peak is taken; every step has fresh tasks."""


def read_metrics(run: Path, names: Sequence[str]) -> dict[str, NDArray[np.float64]]:
    """Read metrics of each step of a run; not-a-number where a step or the run has none."""
    with (run / "metrics.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return {name: np.array([float(row.get(name) or "nan") for row in rows]) for name in names}


def smoothed(values_T: NDArray[np.float64], window: int = WINDOW) -> NDArray[np.float64]:
    """Return the means of all whole windows, not-a-numbers left out; of fewer steps than a window, that of all.

    >>> smoothed(np.array([0.0, 1.0, 2.0, 3.0]), 2)
    array([0.5, 1.5, 2.5])
    """
    windows = np.lib.stride_tricks.sliding_window_view(values_T, min(window, len(values_T)))
    present = ~np.isnan(windows)
    with np.errstate(invalid="ignore"):
        return np.where(present, windows, 0).sum(-1) / present.sum(-1)


def landmarks(values_T: NDArray[np.float64]) -> dict[str, float]:
    """Return a curve's peak, its last value, their difference, its mean over all steps ("area") and the first quarter.

    >>> landmarks(np.array([0.1] * 5 + [0.9] * 5 + [0.5] * 5))["fall"]
    0.4
    """
    smooth = smoothed(values_T)
    peak, last = float(np.nanmax(smooth)), float(smooth[-1])
    quarter = values_T[: max(1, len(values_T) // 4)]
    return {
        "peak": peak,
        "last": last,
        "fall": round(peak - last, 12),
        "area": float(np.nanmean(values_T)),
        "early": float(np.nanmean(quarter)),
    }
