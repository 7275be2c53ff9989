"""GRPO+OPSD: verifier and informed teacher together, in the forms that are used under this name.

- loss: `L_GRPO + coefficient x JSD_beta`, OPSD's divergence over the vocabulary.
- mix: `(1 - coefficient) L_GRPO + coefficient x JSD_beta`, a convex mix (TRL's).
- advantage: GRPO with `A + coefficient (Q - S_old)` as the token advantage (ms-swift); the second part is the gradient
  of the sampled tokens' reverse KL.

1. `baseline="batch"` takes REINFORCE++'s advantage (arXiv 2501.03262) in the place of GRPO's: rewards normalised over
   all episodes of the step and not within groups, so that groups without contrast train as well. Published code
   normalises over tokens, where a long response counts more often; here each episode counts once.
2. An episode without a reference trace has GRPO's part alone, in one denominator with the others.

Inferred: the release of Self-Distilled RLVR (arXiv 2604.03128) is said to have REINFORCE++ plus distillation as its
baseline of this name. What we have read of it adds a sampled-token reverse KL to the policy-gradient loss, which is
`form="advantage" baseline="batch"`; its coefficient and its normalisation were not found.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from agents.algorithms.base import Context, Credit, Signals, State
from agents.algorithms.contexts import show_solution
from agents.algorithms.forms import check_form
from agents.algorithms.grpo import GRPO
from agents.credit import information_gain
from agents.losses import batch_advantages, generalised_jsd
from rlsd_env.errors import ConfigurationError, one_of

FORMS = {"loss": ("beta",), "mix": ("beta",), "advantage": ()}
BASELINES = ("group", "batch")


@dataclass(frozen=True)
class GRPOPlusOPSD(GRPO):
    """GRPO with a distillation term from a teacher that has read the reference trace."""

    name: ClassVar[str] = "grpo+opsd"

    teacher: str = "frozen"
    form: str = "loss"
    """loss: add the divergence to the loss. mix: a convex mix of both. advantage: add the gain to the advantage."""
    coefficient: float = 0.1
    """Weight of the distillation term, at least 0; of form mix at most 1."""
    beta: float = 0.5
    """As in OPSD; of forms loss and mix."""
    baseline: str = "group"
    """What rewards are normalised over: group (GRPO) or batch (REINFORCE++)."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_form(self, FORMS)
        if self.baseline not in BASELINES:
            raise ConfigurationError(one_of("baseline of grpo+opsd", self.baseline, BASELINES))
        if not 0 <= self.beta <= 1:
            raise ConfigurationError(f"beta of grpo+opsd is {self.beta}; it must be between 0 and 1")
        if self.coefficient < 0:
            raise ConfigurationError(
                f"coefficient of grpo+opsd is {self.coefficient}, which pushes away from the teacher; it must be at "
                "least 0"
            )
        if self.form == "mix" and self.coefficient > 1:
            raise ConfigurationError(
                f"coefficient of grpo+opsd is {self.coefficient}; in form mix it must be between 0 and 1"
            )

    @property
    def rewarded(self) -> float:
        """The weight of GRPO's part."""
        return 1 - self.coefficient if self.form == "mix" else 1.0

    def group_advantages(self, rewards_BG: Tensor, valid_BG: Tensor) -> Tensor:
        """Normalise within each group, or over the batch."""
        if self.baseline == "group":
            return super().group_advantages(rewards_BG, valid_BG)
        return batch_advantages(rewards_BG, valid_BG, divide_by_std=self.divide_by_std)

    def contexts(self, step: int, state: State) -> Mapping[str, Context]:
        """Show the reference trace or solution while the term has a weight."""
        return {"solution": Context(show_solution, full=self.form != "advantage")} if self.coefficient else {}

    def active(self, advantages_N: Tensor, shown: Mapping[str, Tensor]) -> Tensor:
        """Train where either term has a gradient."""
        contrast = (advantages_N != 0) & bool(self.rewarded)
        return shown["solution"] | contrast if "solution" in shown else contrast

    def credit(self, signals: Signals) -> Credit:
        """Return A with its weight, and with the gain added in the form advantage."""
        if self.form != "advantage" or "solution" not in signals.logp:
            return Credit(self.rewarded * signals.A_N1)
        gain_NT = information_gain(signals.S_old_NT, signals.logp["solution"])
        return Credit(signals.A_N1 + self.coefficient * gain_NT)

    def auxiliary(self, student_MV: Tensor, others: Mapping[str, Tensor], signals: Signals) -> Tensor:
        """Return the weighted divergence of the forms loss and mix."""
        return self.coefficient * generalised_jsd(student_MV, others["solution"], self.beta)
