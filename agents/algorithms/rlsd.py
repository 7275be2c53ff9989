"""RLSD: verifiable reward decides the direction, a self-teacher the magnitude (arXiv 2604.03128, Algorithm 1).

1. Defaults are the paper's (released scripts differ: decay over 60 steps, sync every 20).
2. The weight is Algorithm 1's, clipped on both sides; Eq. 16 as printed is not what anyone runs.
3. Once lam has reached 0 the teacher is not scored any more.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from agents.algorithms.base import Signals
from agents.algorithms.grpo import GRPO
from agents.credit import evidence_weight, information_gain, linear_decay, rlsd_advantages
from agents.episodes import EpisodeGroup
from agents.teacher import TeacherView, answer_view
from rlsd_env.errors import ConfigurationError


@dataclass(frozen=True)
class RLSD(GRPO):
    """`Ahat_t = A ((1 - lam) + lam clip(exp(sign(A) (Q_t - S_t)), 1 - e, 1 + e))`."""

    name: ClassVar[str] = "rlsd"

    teacher: str = "synced(10)"
    lam: float = 0.5
    """Share of the teacher at step 0."""
    decay_steps: int = 50
    """Steps over which the share falls linearly to 0."""
    epsilon: float = 0.2
    """Bound of the weight around 1."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.lam <= 1:
            raise ConfigurationError(f"lam of rlsd is {self.lam}; it must be between 0 and 1")
        if not 0 <= self.epsilon < 1:
            raise ConfigurationError(f"epsilon of rlsd is {self.epsilon}; it must be at least 0 and below 1")
        if self.decay_steps < 1:
            raise ConfigurationError(f"decay_steps of rlsd is {self.decay_steps}; it must be at least 1")

    def share(self, step: int) -> float:
        """Return lam at a step."""
        return linear_decay(self.lam, step, self.decay_steps)

    def uses_teacher(self, step: int) -> bool:
        """Consult the teacher while lam is above 0."""
        return self.share(step) > 0

    def teacher_view(self, group: EpisodeGroup, i: int) -> TeacherView | None:
        """Show the final answer only."""
        return answer_view(group, i)

    def advantages(self, signals: Signals) -> Tensor:
        """Weigh each token by the teacher's evidence."""
        if signals.Q_NT is None:
            return signals.A_N1
        gain = information_gain(signals.S_NT, signals.Q_NT)
        return rlsd_advantages(signals.A_N1, gain, self.share(signals.step), self.epsilon)

    def diagnostics(self, signals: Signals) -> dict[str, Tensor]:
        """Log the weight, how often it is clipped, lam, and the gain."""
        if signals.Q_NT is None:
            return {}
        gain = information_gain(signals.S_NT, signals.Q_NT)
        weight = evidence_weight(signals.A_N1, gain)
        return {
            "weight_clip_low": (weight < 1 - self.epsilon).float(),
            "weight_clip_high": (weight > 1 + self.epsilon).float(),
            "weight": weight.clamp(1 - self.epsilon, 1 + self.epsilon),
            "lam": torch.full_like(weight, self.share(signals.step)),
        }
