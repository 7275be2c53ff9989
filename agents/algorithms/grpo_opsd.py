"""GRPO+OPSD: the sum of both, in the two forms that are used under this name.

"loss": GRPO's loss plus coefficient x OPSD's divergence. "advantage": GRPO with `A + coefficient (Q - S_old)`
as the token advantage (ms-swift). Two further published meanings, the convex mix and REINFORCE++ with
distillation, are not offered.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from agents.algorithms.base import Context, Credit, Signals, State
from agents.algorithms.contexts import show_solution
from agents.algorithms.grpo import GRPO
from agents.credit import information_gain
from agents.losses import generalised_jsd
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

    def contexts(self, step: int, state: State) -> Mapping[str, Context]:
        """Show the reference trace or solution while the term has a weight."""
        return {"solution": Context(show_solution, full=self.form == "loss")} if self.coefficient else {}

    def active(self, advantages_N: Tensor, shown: Mapping[str, Tensor]) -> Tensor:
        """Train where either term has a gradient."""
        contrast_N = advantages_N != 0
        return shown["solution"] | contrast_N if "solution" in shown else contrast_N

    def credit(self, signals: Signals) -> Credit:
        """Return A, with the gain added in the form advantage."""
        if self.form == "loss" or "solution" not in signals.logp:
            return Credit(signals.A_N1)
        gain_NT = information_gain(signals.S_old_NT, signals.logp["solution"])
        return Credit(signals.A_N1 + self.coefficient * gain_NT)

    def auxiliary(self, student_MV: Tensor, others: Mapping[str, Tensor], signals: Signals) -> Tensor:
        """Return the weighted divergence of the form loss."""
        return self.coefficient * generalised_jsd(student_MV, others["solution"], self.beta)
