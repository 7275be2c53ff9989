"""SDPO: self-distillation from a teacher that has seen a successful sibling or feedback (arXiv 2601.20802).

1. It replaces the policy-gradient loss. An episode whose teacher would have nothing to see is left out of the
   numerator and of the denominator.
2. The divergence is over the student's top-k tokens and one bucket for the rest.
3. Success is accuracy, never a shaped reward; feedback is what the environment said of this very attempt.
4. It works with pictures: the teacher's prompt keeps the task's images.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import torch
from torch import Tensor

from agents.algorithms.base import Algorithm, Context, Signals, State
from agents.algorithms.contexts import show_sibling_or_feedback
from agents.losses import generalised_jsd, with_tail
from rlsd_env.errors import ConfigurationError, one_of

FEEDBACK = ("never", "without_sibling", "always")


@dataclass(frozen=True)
class SDPO(Algorithm):
    """Match the next-token distribution of a teacher that has seen how an attempt could succeed."""

    name: ClassVar[str] = "sdpo"

    teacher: str = "ema(0.05)"
    alpha: float = 0.5
    """0: forward KL(T || S). 1: reverse KL(S || T). Between: JSD."""
    top_k: int = 100
    """Entries of the student's distribution that are compared one by one; the rest is one bucket."""
    max_ratio: float = 2.0
    """Bound of the importance ratio `exp(S - S_old)` that multiplies each token's divergence."""
    feedback: str = "without_sibling"
    """When the teacher sees the environment's feedback (`--env-kwargs feedback=outcome`): never, without_sibling or
    always."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.feedback not in FEEDBACK:
            raise ConfigurationError(one_of("feedback of sdpo", self.feedback, FEEDBACK))
        if not 0 <= self.alpha <= 1:
            raise ConfigurationError(f"alpha of sdpo is {self.alpha}; it must be between 0 and 1")
        if self.top_k < 1 or self.max_ratio <= 0:
            raise ConfigurationError(
                f"top_k {self.top_k} and max_ratio {self.max_ratio} of sdpo: top_k must be at least 1, "
                "max_ratio above 0"
            )

    def contexts(self, step: int, state: State) -> Mapping[str, Context]:
        """Show a successful sibling and/or feedback."""
        return {"sibling": Context(partial(show_sibling_or_feedback, feedback=self.feedback), full=True)}

    def episode_weights(self, advantages_N: Tensor, shown: Mapping[str, Tensor]) -> Tensor:
        """Leave out episodes without a teacher."""
        return shown["sibling"].to(advantages_N.dtype)

    def active(self, advantages_N: Tensor, shown: Mapping[str, Tensor]) -> Tensor:
        """Train on every episode that has a teacher."""
        return shown["sibling"]

    def credit(self, signals: Signals) -> None:
        """There is no policy-gradient term."""

    def auxiliary(self, student_MV: Tensor, others: Mapping[str, Tensor], signals: Signals) -> Tensor:
        """Return the divergence on the student's top-k and the tail, times the bounded ratio."""
        teacher_MV = others["sibling"]
        if self.top_k < student_MV.shape[-1]:
            index_MK = student_MV.detach().topk(self.top_k, dim=-1).indices
            student_MV, teacher_MV = with_tail(student_MV, index_MK), with_tail(teacher_MV, index_MK)
        ratio_NT = torch.exp(signals.S_NT - signals.S_old_NT).clamp(max=self.max_ratio)
        return ratio_NT[signals.mask_NT] * generalised_jsd(student_MV, teacher_MV, self.alpha)
