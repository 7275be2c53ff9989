"""GRPO: group-relative advantages, no teacher (arXiv 2402.03300; the paper's baseline).

`L = -mean_t min(rho_t A, clip(rho_t, 1 - low, 1 + high) A)`, `A = (R - mean of the group) / (std + 1e-6)`.

1. No KL term and no entropy bonus, as in Self-Distilled RLVR; the bounds of the ratio are the learner's (.2 and .28,
   DAPO's).
2. Variants are options of the learner, which every method with a policy gradient has: `--aggregation token_mean` (DAPO,
   arXiv 2503.14476), `--dual-clip 3` (arXiv 1912.09729), `--ratio sequence --clip-low 3e-4 --clip-high 4e-4` (GSPO,
   arXiv 2507.18071), and Dr. GRPO (arXiv 2503.20783) as `divide_by_std=false` with `--aggregation constant`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from agents.algorithms.base import Algorithm
from agents.losses import group_advantages


@dataclass(frozen=True)
class GRPO(Algorithm):
    """`Ahat_t = A` for every token of a response."""

    name: ClassVar[str] = "grpo"

    divide_by_std: bool = True
    """Divide by the group's standard deviation; False is Dr. GRPO's advantage."""

    def group_advantages(self, rewards_BG: Tensor, valid_BG: Tensor) -> Tensor:
        """Normalise within each group."""
        return group_advantages(rewards_BG, valid_BG, divide_by_std=self.divide_by_std)
