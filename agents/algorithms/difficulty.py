"""RLSD whose lam is largest where a group is divided (ours).

`lam_x = 4 p (1 - p) lam`, p the group's success rate: lam itself where half succeeds, little where nearly all or none
do.

1. With rewards of 0 and 1 groups at p = 0 and 1 have A = 0 and are not run in any case.
2. Success is accuracy, not a shaped reward.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from agents.algorithms.base import Signals
from agents.algorithms.rlsd import RLSD
from agents.credit import difficulty


@dataclass(frozen=True)
class DifficultyRLSD(RLSD):
    """RLSD with `lam_x = 4 p (1 - p) lam`."""

    name: ClassVar[str] = "rlsd-difficulty"

    def shares(self, signals: Signals) -> Tensor:
        """Return lam of each row's group."""
        return self.share(signals.step, signals.state) * difficulty(signals.success_N1)
