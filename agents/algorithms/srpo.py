"""SRPO: failed attempts with a demonstration are distilled, all others are reinforced (arXiv 2604.02288).

`L = (sum over GRPO's tokens of l_GRPO + sum over SDPO's of w_t l_SDPO) / number of all of them`; SDPO's tokens are
those of attempts that failed where a sibling succeeded, `w_t = exp(-b H_t) / mean of exp(-b H)`, H_t the teacher's
entropy, so that an unsure teacher says less.

1. Defaults are the paper's: b = 1, SDPO's teacher and divergence (alpha .5, top 100), and Dr. GRPO's advantages,
   without the division by the deviation. Success and demonstrations: `agents.algorithms.demonstration`.
2. The mean that normalises w is over SDPO's tokens of the last step that had any, of all processes, and 1 before: kept
   as state, so that w depends neither on micro-batches nor on processes and teachers score once. The paper takes this
   step's mean.
3. The loss is averaged by the learner's `aggregation`; the paper's is `token_mean`.
4. An attempt without contrast and without demonstration has no gradient and stays in the denominator, as in the paper.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from agents.algorithms.base import Context, Credit, Signals, State
from agents.algorithms.demonstration import Demonstrated
from agents.losses import generalised_jsd, group_advantages
from rlsd_env.errors import ConfigurationError


@dataclass(frozen=True)
class SRPO(Demonstrated):
    """Route failures with a demonstration to SDPO, weighed by the teacher's certainty, and the rest to GRPO."""

    name: ClassVar[str] = "srpo"

    alpha: float = 0.5
    """0: forward KL(T || S). 1: reverse KL(S || T). Between: JSD."""
    sharpness: float = 1.0
    """b: how fast a token's weight falls with the teacher's entropy, per nat; 0: all weigh the same."""
    divide_by_std: bool = False
    """As in GRPO; False is Dr. GRPO's advantage."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.alpha <= 1 or not self.sharpness >= 0:
            raise ConfigurationError(
                f"alpha {self.alpha} and sharpness {self.sharpness} of srpo: alpha must be between 0 and 1, sharpness "
                "at least 0"
            )

    def group_advantages(self, rewards_BG: Tensor, valid_BG: Tensor) -> Tensor:
        """Normalise within each group."""
        return group_advantages(rewards_BG, valid_BG, divide_by_std=self.divide_by_std)

    def contexts(self, step: int, state: State) -> Mapping[str, Context]:
        """Show failed attempts a successful sibling."""
        return {"sibling": Context(self.show("never", successes=False), full=True, entropy=True)}

    def active(self, advantages_N: Tensor, shown: Mapping[str, Tensor]) -> Tensor:
        """Train where there is a demonstration, or contrast."""
        return shown["sibling"] | (advantages_N != 0)

    def credit(self, signals: Signals) -> Credit | None:
        """Return A for what is not distilled."""
        return None if "sibling" in signals.logp else Credit(signals.A_N1)

    def auxiliary(self, student_MV: Tensor, others: Mapping[str, Tensor], signals: Signals) -> Tensor:
        """Return SDPO's divergence, weighed."""
        student_MV, teacher_MV = self.reduced(student_MV, others["sibling"])
        weight_M = self._certainty(signals)[signals.mask_NT] / signals.state["certainty"]
        return weight_M * self.ratio_NT(signals)[signals.mask_NT] * generalised_jsd(student_MV, teacher_MV, self.alpha)

    def _certainty(self, signals: Signals) -> Tensor:
        return torch.exp(-self.sharpness * signals.entropy["sibling"])

    def initial(self) -> State:
        """Weigh by certainty itself until its mean is known."""
        return {"certainty": 1.0}

    def statistics(self, signals: Signals) -> Mapping[str, Tensor]:
        """Add up certainty over the distilled tokens."""
        tokens_NT = signals.mask_NT & signals.shown["sibling"]
        return {"tokens": tokens_NT.sum(), "certainty": self._certainty(signals)[tokens_NT].sum()}

    def observe(self, state: State, statistics: Mapping[str, float]) -> State:
        """Keep the mean certainty."""
        total = statistics["certainty"]  # 0 without tokens, or where all of them are far too unsure to count
        return {"certainty": total / statistics["tokens"]} if total else state
