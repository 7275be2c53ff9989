"""RLSD whose epsilon follows its weights, so that the same share of them is clipped at any model (ours).

`e_{k+1} = quantile_{1 - target}(|w - 1|)` of step k's weights before clipping, kept within `least` and `most`.
Published runs with one epsilon clip from 3 % (arXiv 2604.03128) to 71 % (arXiv 2605.19436) of the weights.

1. The quantile is taken from a histogram with bins of equal width between `least` and `most`, linear within a bin: sums
   that processes can add up.
2. The first step has `epsilon`; a step without evidence leaves it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from agents.algorithms.base import Signals, State
from agents.algorithms.rlsd import RLSD
from agents.credit import evidence_weight, histogram_quantile
from rlsd_env.errors import ConfigurationError

BINS = 64


@dataclass(frozen=True)
class ClipTargetRLSD(RLSD):
    """RLSD with an epsilon that clips a share `target` of the weights."""

    name: ClassVar[str] = "rlsd-clip-target"

    target: float = 0.05
    """Share of the weights that is to be clipped."""
    least: float = 0.1
    """The smallest epsilon."""
    most: float = 0.5
    """The largest."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not (0 <= self.least < self.most < 1 and 0 <= self.target < 1):
            raise ConfigurationError(
                f"target {self.target}, least {self.least} and most {self.most} of rlsd-clip-target: target must be at "
                "least 0 and below 1, least below most, both at least 0 and below 1"
            )

    def bound(self, state: State) -> float:
        """Return epsilon at a step."""
        return state["epsilon"]

    def initial(self) -> State:
        """Begin with epsilon."""
        return {"epsilon": self.epsilon}

    def statistics(self, signals: Signals) -> Mapping[str, Tensor]:
        """Count weights by their distance from 1."""
        if self.hint not in signals.logp:
            return {}
        away_NT = (evidence_weight(signals.A_N1, self.evidence(signals)) - 1).abs().double()
        away_M = away_NT[self.weighed(signals)]
        edges = torch.linspace(self.least, self.most, BINS + 1, dtype=torch.float64, device=away_M.device)
        counts = torch.bincount(torch.bucketize(away_M, edges), minlength=BINS + 2)
        return {f"bin_{number}": count for number, count in enumerate(counts)}

    def observe(self, state: State, statistics: Mapping[str, float]) -> State:
        """Take the quantile."""
        counts = [statistics.get(f"bin_{number}", 0.0) for number in range(BINS + 2)]
        if not sum(counts):
            return state
        return {"epsilon": histogram_quantile(counts, self.least, self.most, 1 - self.target)}
