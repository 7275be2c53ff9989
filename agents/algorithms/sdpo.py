"""SDPO: self-distillation from a teacher that has seen a successful sibling or feedback (arXiv 2601.20802).

`L = mean_t min(rho_t, 2) JSD_alpha(P_T(. | x, f, y_<t), P_S(. | x, y_<t))`, `rho_t = exp(S_t - S_old_t)`, f a
successful attempt of the same group and/or the feedback on this very one; see `agents.algorithms.demonstration`.

1. It replaces the policy-gradient loss. An episode whose teacher would have nothing to see is left out of the
   numerator and of the denominator.
2. The divergence is over the student's top-k tokens and one bucket for the rest, which is summed from its own entries;
   the published code takes `1 - sum of the others`, whose logarithm ends at -15.9 in float32.
3. Success is accuracy, never a shaped reward; feedback is what the environment said of this very attempt.
4. It works with pictures: the teacher's prompt keeps the task's images.
5. `grpo_share` g > 0 mixes: `(1 - g) L + g L_GRPO`. Then every valid episode is in the one denominator of both, as
   where the paper mixes advantages; one without a teacher has GRPO's part alone.
6. The official option dont_reprompt_on_self_success leaves an attempt's own response out of what it is shown. That is
   always so here, and a sibling with the very same text is left out with it; `own_success=False` goes further and
   teaches failed attempts only.
7. `form="sampled"` is the paper's estimate from the sampled token, the gradient of the reverse KL: `-min(rho_t, 2) D_t`
   times that of S_t; TRL's default. alpha and top_k have no part in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from agents.algorithms.base import Context, Credit, Signals, State
from agents.algorithms.demonstration import Demonstrated
from agents.algorithms.forms import check_form
from agents.losses import generalised_jsd
from rlsd_env.errors import ConfigurationError, one_of

FEEDBACK = ("never", "without_sibling", "always")
FORMS = {"top_k": ("alpha", "top_k"), "sampled": ()}


@dataclass(frozen=True)
class SDPO(Demonstrated):
    """Match the next-token distribution of a teacher that has seen how an attempt could succeed."""

    name: ClassVar[str] = "sdpo"

    form: str = "top_k"
    """top_k: the divergence over the student's likeliest entries. sampled: its estimate from the sampled token."""
    alpha: float = 0.5
    """0: forward KL(T || S). 1: reverse KL(S || T). Between: JSD. Of form top_k."""
    feedback: str = "without_sibling"
    """When the teacher sees the environment's feedback (`--env-kwargs feedback=outcome`): never, without_sibling or
    always."""
    own_success: bool = True
    """Whether a successful attempt is taught as well, by another success."""
    grpo_share: float = 0.0
    """g: GRPO's share of the loss; the rest is the divergence's."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_form(self, FORMS)
        if self.feedback not in FEEDBACK:
            raise ConfigurationError(one_of("feedback of sdpo", self.feedback, FEEDBACK))
        for name, value in (("alpha", self.alpha), ("grpo_share", self.grpo_share)):
            if not 0 <= value <= 1:
                raise ConfigurationError(f"{name} of sdpo is {value}; it must be between 0 and 1")

    def contexts(self, step: int, state: State) -> Mapping[str, Context]:
        """Show a successful sibling and/or feedback."""
        if self.grpo_share == 1:
            return {}
        return {"sibling": Context(self.show(self.feedback, successes=self.own_success), full=self.form == "top_k")}

    def episode_weights(self, advantages_N: Tensor, shown: Mapping[str, Tensor]) -> Tensor:
        """Leave out episodes without a teacher, unless GRPO has a share."""
        return torch.ones_like(advantages_N) if self.grpo_share else shown["sibling"].to(advantages_N.dtype)

    def active(self, advantages_N: Tensor, shown: Mapping[str, Tensor]) -> Tensor:
        """Train on every episode that has a teacher, and where GRPO has a gradient."""
        contrast_N = (advantages_N != 0) & bool(self.grpo_share)
        return shown["sibling"] | contrast_N if "sibling" in shown else contrast_N

    def credit(self, signals: Signals) -> Credit | None:
        """Return GRPO's part, and the sampled form's beside the surrogate."""
        taught = self.form == "sampled" and "sibling" in signals.logp
        if not taught:
            return Credit(self.grpo_share * signals.A_N1) if self.grpo_share else None
        pull_NT = (1 - self.grpo_share) * self.ratio_NT(signals) * signals.gain("sibling")
        return Credit(self.grpo_share * signals.A_N1, unclipped=pull_NT)

    def auxiliary(self, student_MV: Tensor, others: Mapping[str, Tensor], signals: Signals) -> Tensor:
        """Return the divergence on the student's top-k and the tail, times the bounded ratio."""
        student_MV, teacher_MV = self.reduced(student_MV, others["sibling"])
        ratio_M = self.ratio_NT(signals)[signals.mask_NT]
        return (1 - self.grpo_share) * ratio_M * generalised_jsd(student_MV, teacher_MV, self.alpha)
