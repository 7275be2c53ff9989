"""RLRT: where the student succeeded, its own ways are strengthened, not the teacher's (arXiv 2605.10781).

`w_t = exp(-sign(A) D_t) = P_S / P_T` where A > 0, and `Ahat_t = A ((1 - lam) + lam clip(w_t, 1 - e, 1 + e))`; where
A < 0 it is A. RLSD's weight with the teacher reversed.

1. "Correct" is A > 0: a reward above the group's mean. With rewards of 0 and 1 that is the same.
2. The teacher has seen a correct sibling, as in the paper; the only success of a group has none and keeps A. `hint`
   may be another.
3. An episode with A <= 0 is shown to no teacher.

Inferred: lam, its decay, epsilon and how often the teacher is renewed are RLSD's; that w is clipped on both sides.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from agents.algorithms.base import Signals
from agents.algorithms.rlsd import RLSD
from rlsd_env.errors import ConfigurationError


@dataclass(frozen=True)
class RLRT(RLSD):
    """`Ahat_t = A ((1 - lam) + lam clip(exp(-D_t), 1 - e, 1 + e))` where A > 0, else A."""

    name: ClassVar[str] = "rlrt"
    sign: ClassVar[int] = 1

    hint: str = "sibling"
    """What the teacher is shown: answer, solution, or sibling, a correct OTHER response (without one A stays)."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.negative_only:
            raise ConfigurationError("negative_only of rlrt: it weighs where A > 0 alone; leave the option out")

    def evidence(self, signals: Signals) -> Tensor:
        """Return -D."""
        return -super().evidence(signals)
