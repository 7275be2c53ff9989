"""SDAR: GRPO, and beside it a gated push towards what an informed teacher endorses (arXiv 2605.15155).

`L = L_GRPO + c mean_t g_t (Q_t - S_t)`, `g_t = sg(sigmoid(b (Q_t - S_t)))`, Q without gradient: the gradient is
`-c g_t grad S_t`, that of a gated negative log-likelihood of the sampled tokens. It never pushes a token down; one that
the teacher rejects is only pushed up less.

1. b = 5 and c = .01, the paper's; others use c up to .1.
2. The paper's agents are shown retrieved skills. Here the teacher sees the reference trace, or what SDPO's sees.
3. Both terms are averaged by the learner's `aggregation`; the published code averages over the tokens of the batch.
4. The push is outside PPO's clipping, as in the published code (`Credit.unclipped`). The logged loss leaves out what
   has no gradient, `c g_t Q_t`.
5. Every episode that is shown something is pushed, those of groups without contrast as well.

Inferred: that the teacher has the student's own weights (`live`), the same model with more in its prompt.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import torch
from torch import Tensor

from agents.algorithms.base import Context, Credit, Show, Signals, State
from agents.algorithms.contexts import show_sibling_or_feedback, show_solution
from agents.algorithms.grpo import GRPO
from rlsd_env.errors import ConfigurationError, one_of

HINTS: dict[str, Show] = {
    "reference": show_solution,
    "feedback": partial(show_sibling_or_feedback, feedback="without_sibling"),
}


@dataclass(frozen=True)
class SDAR(GRPO):
    """GRPO plus a gated likelihood of the sampled tokens."""

    name: ClassVar[str] = "sdar"

    teacher: str = "live"
    hint: str = "reference"
    """What the teacher sees: reference (trace, solution or answer) or feedback (a successful sibling, else
    feedback)."""
    coefficient: float = 0.01
    """c: weight of the push."""
    sharpness: float = 5.0
    """b: how sharply the gate closes where the teacher finds a token less likely than the student, per nat."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.hint not in HINTS:
            raise ConfigurationError(one_of("hint of sdar", self.hint, HINTS))
        if not (self.coefficient >= 0 and self.sharpness >= 0):
            raise ConfigurationError(
                f"coefficient {self.coefficient} and sharpness {self.sharpness} of sdar: both must be at least 0"
            )

    def contexts(self, step: int, state: State) -> Mapping[str, Context]:
        """Show the hint while the push has a weight."""
        return {"hint": Context(HINTS[self.hint])} if self.coefficient else {}

    def active(self, advantages_N: Tensor, shown: Mapping[str, Tensor]) -> Tensor:
        """Train where either term has a gradient."""
        contrast_N = advantages_N != 0
        return shown["hint"] | contrast_N if "hint" in shown else contrast_N

    def credit(self, signals: Signals) -> Credit:
        """Return A within the surrogate and the gate beside it."""
        if "hint" not in signals.logp:
            return Credit(signals.A_N1)
        gate_NT = torch.sigmoid(self.sharpness * signals.gain("hint"))
        return Credit(signals.A_N1, {"gate": gate_NT}, self.coefficient * gate_NT)
