"""GRPO+OPSD: the sum of both, in the two forms that are used under this name.

"loss": GRPO's loss plus coefficient x OPSD's divergence. "advantage": GRPO with `A + coefficient (Q - S_old)`
as the token advantage (ms-swift). Two further published meanings, the convex mix and REINFORCE++ with
distillation, are not offered.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from agents.algorithms.base import Signals
from agents.algorithms.grpo import GRPO
from agents.credit import information_gain
from agents.episodes import EpisodeGroup
from agents.losses import generalised_jsd
from agents.teacher import TeacherView, solution_view
from rlsd_env.errors import ConfigurationError, one_of

FORMS = ("loss", "advantage")


@dataclass(frozen=True)
class GRPOPlusOPSD(GRPO):
    """GRPO with a distillation term from a teacher that has read the reference trace."""

    name: ClassVar[str] = "grpo+opsd"

    teacher: str = "frozen"
    form: str = "loss"
    """loss: add the divergence to the loss. advantage: add the information gain to the advantage."""
    coefficient: float = 0.1
    """Weight of the distillation term."""
    beta: float = 0.5
    """As in OPSD; of form loss only."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.form not in FORMS:
            raise ConfigurationError(one_of("form of grpo+opsd", self.form, FORMS))
        if not 0 <= self.beta <= 1:
            raise ConfigurationError(f"beta of grpo+opsd is {self.beta}; it must be between 0 and 1")

    def uses_teacher(self, step: int) -> bool:
        """Consult the teacher while its term has a weight."""
        return self.coefficient != 0

    def teacher_view(self, group: EpisodeGroup, i: int) -> TeacherView | None:
        """Show the reference trace or solution."""
        return solution_view(group, i)

    def active(self, advantages_N: Tensor, has_teacher_N: Tensor) -> Tensor:
        """Train where either term has a gradient."""
        return has_teacher_N | (advantages_N != 0)

    def advantages(self, signals: Signals) -> Tensor:
        """Return A, with the gain added in the form advantage."""
        if self.form == "loss" or signals.Q_NT is None:
            return signals.A_N1
        return signals.A_N1 + self.coefficient * information_gain(signals.S_old_NT, signals.Q_NT)

    def auxiliary(self, student_MV: Tensor, teacher_MV: Tensor, signals: Signals) -> Tensor | None:
        """Return the weighted divergence of the form loss."""
        if self.form == "advantage":
            return None
        return self.coefficient * generalised_jsd(student_MV, teacher_MV, self.beta)
