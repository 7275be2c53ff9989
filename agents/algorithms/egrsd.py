"""EGRSD: RLSD that believes a teacher as far as it is sure (arXiv 2605.13255).

`lam_t = lam max(floor, 1 - H_t / log V)`, H_t the entropy of the teacher's distribution over V entries; direction and
magnitude are RLSD's.

1. CL-EGRSD, which looks ahead for spans of high entropy, is not offered.

Inferred: the gate's form (the abstract: high entropy weighs less, and never nothing) and the floor; lam, its decay,
epsilon and the teacher are RLSD's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from agents.algorithms.base import Signals
from agents.algorithms.rlsd import RLSD
from agents.credit import confidence
from rlsd_env.errors import ConfigurationError


@dataclass(frozen=True)
class EGRSD(RLSD):
    """RLSD with `lam_t = lam max(floor, 1 - H_t / log V)`."""

    name: ClassVar[str] = "egrsd"
    entropy: ClassVar[bool] = True

    floor: float = 0.1
    """Least share of lam."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.floor <= 1:
            raise ConfigurationError(f"floor of egrsd is {self.floor}; it must be between 0 and 1")

    def shares(self, signals: Signals) -> Tensor:
        """Return lam of each token."""
        gate_NT = confidence(signals.entropy[self.hint], len(signals.kinds_V()), self.floor)
        return self.share(signals.step, signals.state) * gate_NT
