"""RLSD: verifiable reward decides the direction, a self-teacher the magnitude (arXiv 2604.03128, Algorithm 1).

1. Defaults are the paper's (released scripts differ: decay over 60 steps, sync every 20).
2. The weight is Algorithm 1's, clipped on both sides; Eq. 16 as printed is not what anyone runs.
3. Once lam has reached 0 the teacher is not scored any more.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from agents.algorithms.base import Context, Credit, Signals, State
from agents.algorithms.contexts import show_answer
from agents.algorithms.grpo import GRPO
from agents.credit import check_share, linear_decay, weighed_credit


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
        check_share(self.name, self.lam, self.epsilon, self.decay_steps)

    def share(self, step: int, state: State) -> float:
        """Return lam at a step."""
        return linear_decay(self.lam, step, self.decay_steps)

    def contexts(self, step: int, state: State) -> Mapping[str, Context]:
        """Show the final answer only, while lam is above 0."""
        return {"answer": Context(show_answer)} if self.share(step, state) > 0 else {}

    def credit(self, signals: Signals) -> Credit:
        """Weigh each token by the teacher's evidence."""
        if "answer" not in signals.logp:
            return Credit(signals.A_N1)
        lam = self.share(signals.step, signals.state)
        return Credit(*weighed_credit(signals.A_N1, signals.gain("answer"), lam, self.epsilon))
