"""GRPO: group-relative advantages, no teacher (arXiv 2402.03300; the paper's baseline).

Differences from the original: no KL term and no entropy bonus, as in Self-Distilled RLVR; the bounds of the
ratio are the learner's (.2 and .28, DAPO's).
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
