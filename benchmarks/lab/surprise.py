"""Credit without a teacher: tokens that the student itself found unlikely (`benchmarks.lab.surprise:Surprise`).

The comparison that a teacher's evidence has to beat: the student's own surprise finds wrong steps well.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch

from agents.algorithms.base import Credit, Signals
from agents.algorithms.grpo import GRPO


@dataclass(frozen=True)
class Surprise(GRPO):
    """`Ahat_t = A w_t`, w the surprise -S over its mean in the response, bounded, of mean 1."""

    name: ClassVar[str] = "surprise"

    least: float = 0.5
    """Bound of w from below."""
    most: float = 2.0
    """And from above."""
    negative_only: bool = False
    """Weigh only where A < 0."""

    def credit(self, signals: Signals) -> Credit:
        """Weigh each token by its surprise."""
        mask_NT = signals.mask_NT
        surprise_NT = torch.where(mask_NT, -signals.S_NT, 0.0)
        count_N1 = mask_NT.sum(1, keepdim=True).clamp(min=1)
        weight_NT = surprise_NT / (surprise_NT.sum(1, keepdim=True) / count_N1).clamp(min=1e-9)
        weight_NT = weight_NT.clamp(self.least, self.most)
        weight_NT = weight_NT * count_N1 / torch.where(mask_NT, weight_NT, 0.0).sum(1, keepdim=True)
        weighed_N1 = (signals.A_N1 < 0) | torch.tensor(not self.negative_only)
        return Credit(signals.A_N1 * torch.where(weighed_N1, weight_NT, 1.0), evidence=signals.S_NT)
