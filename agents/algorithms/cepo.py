"""CEPO: RLSD whose evidence is the right answer against a wrong one of the group (arXiv 2605.19436).

`D_c = log P(y_t | r+) - log P(y_t | r-)`, `Ahat_t = A ((1 - lam) + lam clip(exp(sign(A) D_c), 1 - e, 1 + e))`.

1. r+ is the reference answer, r- the wrong answer of the lowest reward, K = 1; more are taken in order of reward.
2. lam falls from .5 to 0 over 25 steps and the teacher is live, its ablation's best. epsilon is the README's .5.
3. What its scripts run: `epsilon=0.2 fallback=grpo`. They mask pictures and leave the chat template out, see
   `contrastive`; that is a context, no option.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from agents.algorithms.base import Credit, Show, Signals
from agents.algorithms.contexts import show_answer, show_wrong_answer
from agents.algorithms.contrastive import Contrastive
from agents.credit import check_share, weighed_credit


@dataclass(frozen=True)
class CEPO(Contrastive):
    """`Ahat_t = A ((1 - lam) + lam clip(exp(sign(A) D_c), 1 - e, 1 + e))`."""

    name: ClassVar[str] = "cepo"

    epsilon: float = 0.5
    """Bound of the weight around 1."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_share(self.name, self.lam, self.epsilon, self.decay_steps)

    def hints(self) -> tuple[Show, Callable[[int], Show]]:
        """Show the reference answer, and wrong answers of the group."""
        return show_answer, show_wrong_answer

    def weigh(self, signals: Signals, contrast_NT: Tensor, lam: float) -> Credit:
        """Multiply."""
        return Credit(*weighed_credit(signals.A_N1, contrast_NT, lam, self.epsilon), evidence=contrast_NT)
