"""RLSD whose lam is gated by whether the teacher agrees with the verifier (ours).

`agreement = 1/2 [P(sum_t D_t > 0 | A > 0) + P(sum_t D_t < 0 | A < 0)]` of a step's episodes; by Theorem 4 of the paper
sum_t D_t is above 0 exactly where the response supports the hint. `lam_k = lam(k) max(0, 2 EMA(agreement) - 1)`: a
teacher that is no better than chance leaves GRPO.

1. Before the first evidence lam is the schedule's; the first agreement is taken as it is, later ones move the average.
2. While the gate is shut the teacher is asked every `probe_every` steps, so that it can open again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from agents.algorithms.base import Context, Signals, State
from agents.algorithms.contexts import HINTS
from agents.algorithms.rlsd import RLSD
from rlsd_env.errors import ConfigurationError


@dataclass(frozen=True)
class GatedRLSD(RLSD):
    """RLSD with `lam_k = lam(k) max(0, 2 EMA(agreement) - 1)`."""

    name: ClassVar[str] = "rlsd-gated"

    rate: float = 0.2
    """How far the average moves with each step's agreement."""
    probe_every: int = 10
    """Steps between looks at the teacher while the gate is shut."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.rate <= 1 or self.probe_every < 1:
            raise ConfigurationError(
                f"rate {self.rate} and probe_every {self.probe_every} of rlsd-gated: rate must be above 0 and at most "
                "1, probe_every at least 1"
            )
        if self.negative_only:
            raise ConfigurationError(
                "negative_only of rlsd-gated: agreement is of right and wrong episodes; leave it out"
            )

    def share(self, step: int, state: State) -> float:
        """Return lam at a step."""
        return super().share(step, state) * max(0.0, 2 * state["agreement"] - 1)

    def contexts(self, step: int, state: State) -> Mapping[str, Context]:
        """Show the hint while lam is above 0 or may become so."""
        probes = super().share(step, state) > 0 and step % self.probe_every == 0
        return {self.hint: Context(HINTS[self.hint])} if probes or self.share(step, state) > 0 else {}

    def initial(self) -> State:
        """Trust the teacher until there is evidence."""
        return {"agreement": 1.0, "steps_seen": 0.0}

    def statistics(self, signals: Signals) -> Mapping[str, Tensor]:
        """Count right and wrong episodes, and those that the teacher's evidence agrees about."""
        if self.hint not in signals.logp:
            return {}
        total_N = torch.where(signals.mask_NT, signals.gain(self.hint), 0.0).sum(1)
        shown_N, A_N = signals.shown[self.hint][:, 0], signals.A_N1[:, 0]
        right_N, wrong_N = shown_N & (A_N > 0), shown_N & (A_N < 0)
        return {
            "right": right_N.sum(),
            "wrong": wrong_N.sum(),
            "right_agreed": (right_N & (total_N > 0)).sum(),
            "wrong_agreed": (wrong_N & (total_N < 0)).sum(),
        }

    def observe(self, state: State, statistics: Mapping[str, float]) -> State:
        """Move the average."""
        if not statistics.get("right") or not statistics.get("wrong"):
            return state
        right, wrong = (statistics[f"{side}_agreed"] / statistics[side] for side in ("right", "wrong"))
        agreement, old = (right + wrong) / 2, state["agreement"]
        moved = agreement if not state["steps_seen"] else old + self.rate * (agreement - old)
        return {"agreement": moved, "steps_seen": state["steps_seen"] + 1}
