"""Histograms of positive numbers in log space: they add up over micro-batches and processes, as quantiles do not."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor

WIDTH = 0.01
"""Of a bin, in logarithm: its middle is within .5 % of everything in it."""
LARGEST = 20.0
"""Of a logarithm that has a bin of its own; beyond, on either side, all are in the last one. e^20 is 5e8."""
BINS = 2 * round(LARGEST / WIDTH) + 1


def count_bins(logs_M: Tensor, counts_M: Tensor) -> Tensor:
    """Count numbers in bins, [BINS]; the middle bin is around a logarithm of 0.

    Args:
        logs_M: logarithms of the numbers.
        counts_M: which of them count, boolean.

    """
    bin_M = (logs_M / WIDTH).round().clamp(-(BINS // 2), BINS // 2).long() + BINS // 2
    return torch.zeros(BINS, dtype=torch.long, device=logs_M.device).index_add_(0, bin_M, counts_M.long())


def quantile(counts: Mapping[int, int], share: float) -> float:
    """Return the smallest number below or at which a share of all lie: the middle of its bin.

    Args:
        counts: how many numbers are in a bin, by its number; of at least one bin.
        share: above 0, at most 1.

    >>> quantile({BINS // 2: 3, BINS // 2 + 100: 1}, 0.5), round(quantile({BINS // 2: 3, BINS // 2 + 100: 1}, 0.99), 3)
    (1.0, 2.718)

    """
    wanted, below = share * sum(counts.values()), 0
    for number in sorted(counts):
        below += counts[number]
        if below >= wanted:
            break
    return math.exp((number - BINS // 2) * WIDTH)
