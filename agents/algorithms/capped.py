"""RLSD whose evidence is no more than there is to know (ours).

By Theorem 4 of arXiv 2604.03128 `sum_t D_t = log P(r | x, y) - log P(r | x) <= -log P(r | x)`. A response whose D sum
to more is scored by a teacher that is no Bayesian observer of r; its D are scaled down to that bound.

1. P(r | x) is the chance that the model says the answer, and a group's success rate estimates it.
2. A response is looked at as a whole, all turns of it: `scope` is "batch", and S is the old policy's.
3. The bound is the answer's: other hints are refused.

Inferred: the estimate, kept from 0 and 1 by `least`: with `least` = .05 the bound is between .05 and 3 nats.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from agents.algorithms.base import Signals
from agents.algorithms.rlsd import RLSD
from agents.credit import capped_gain
from rlsd_env.errors import ConfigurationError


@dataclass(frozen=True)
class CappedRLSD(RLSD):
    """RLSD with `sum_t D_t <= -log p`, p the group's success rate."""

    name: ClassVar[str] = "rlsd-capped"
    scope: ClassVar[str] = "batch"

    least: float = 0.05
    """Bound of p, from 0 and from 1."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.least <= 0.5:
            raise ConfigurationError(f"least of rlsd-capped is {self.least}; it must be above 0 and at most 0.5")
        if self.hint != "answer":
            raise ConfigurationError(f"hint of rlsd-capped is {self.hint!r}; it must be answer, whose chance is known")

    def evidence(self, signals: Signals) -> Tensor:
        """Return D, scaled down where a response's sums to too much."""
        most_N1 = -signals.success_N1.clamp(self.least, 1 - self.least).log()
        return capped_gain(super().evidence(signals), signals.mask_NT, most_N1)
