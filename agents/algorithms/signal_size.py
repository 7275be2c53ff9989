"""RLSD whose lam shrinks with the teacher's evidence, and which lets the teacher go (ours).

`lam_k = lam(k) min(1, m_k / m_0)`: m_k is the moving average of a step's mean |D|, m_0 its mean over the first
`reference_steps` steps with evidence. After `patience` steps in a row with `m_k < stop m_0` the teacher is not asked
any more; lam stays 0.

1. A comment in the source of arXiv 2604.03128 has the idea (watch E|D|, stop the teacher when it is small); the
   formula, the average and the stop are ours.
2. D is as it is, before any clipping, over the tokens that are weighed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from agents.algorithms.base import Signals, State
from agents.algorithms.rlsd import RLSD
from rlsd_env.errors import ConfigurationError


@dataclass(frozen=True)
class SignalRLSD(RLSD):
    """RLSD with `lam_k = lam(k) min(1, m_k / m_0)`, 0 for good once m_k has stayed low."""

    name: ClassVar[str] = "rlsd-signal"

    reference_steps: int = 5
    """Steps over which m_0 is taken."""
    rate: float = 0.2
    """How far m moves with each step."""
    stop: float = 0.25
    """Share of m_0 below which a step counts towards the stop."""
    patience: int = 5
    """Such steps in a row after which the teacher is let go."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.reference_steps < 1 or not 0 < self.rate <= 1 or not 0 <= self.stop <= 1 or self.patience < 1:
            raise ConfigurationError(
                f"reference_steps {self.reference_steps}, rate {self.rate}, stop {self.stop} and patience "
                f"{self.patience} of rlsd-signal: rate must be above 0 and at most 1, stop between 0 and 1, the others "
                "at least 1"
            )

    def share(self, step: int, state: State) -> float:
        """Return lam at a step."""
        if state["low_steps"] >= self.patience:
            return 0.0
        reference = state["reference"]
        return super().share(step, state) * (min(1.0, state["size"] / reference) if reference else 1.0)

    def initial(self) -> State:
        """Begin without evidence."""
        return {"size": 0.0, "reference": 0.0, "low_steps": 0.0, "steps_seen": 0.0}

    def statistics(self, signals: Signals) -> Mapping[str, Tensor]:
        """Add up |D|."""
        if self.hint not in signals.logp:
            return {}
        counts_NT = self.weighed(signals)
        size_NT = torch.where(counts_NT, self.evidence(signals).abs(), 0.0)
        return {"size": size_NT.double().sum(), "tokens": counts_NT.sum()}

    def observe(self, state: State, statistics: Mapping[str, float]) -> State:
        """Move the average, at first with the reference."""
        if not statistics.get("tokens"):
            return state
        now, seen, reference = statistics["size"] / statistics["tokens"], state["steps_seen"], state["reference"]
        if seen < self.reference_steps:
            size = reference = reference + (now - reference) / (seen + 1)
        else:
            size = state["size"] + self.rate * (now - state["size"])
        low = state["low_steps"] + 1 if size < self.stop * reference else 0.0
        return {"size": size, "reference": reference, "low_steps": low, "steps_seen": seen + 1}
