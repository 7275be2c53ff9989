"""Belief credit: a token earns what it adds to the belief that the response is right (OPPO, arXiv 2605.21851).

`logit V_t = logit V_{t-1} + D_t` from V_0 = the group's success rate; `V_t - V_{t-1}` telescopes to `V_T - V_0`.
Standardised within the response to z it multiplies: `Ahat_t = A ((1 - lam) + lam clip(1 + b sign(A) z, 1 - b, 1 + b))`
(AgentOPSD, arXiv 2608.05987).

1. `unit="turn"` gives all tokens of a turn what the turn as a whole added, as AgentOPSD does for agents.
2. Sources do not say how V_0 is kept from 0 and 1; here it is clipped to `least` and `1 - least`.
3. Turns follow each other, so a response is looked at as a whole: `scope` is "batch".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from agents.algorithms.base import Context, Credit, Signals, State
from agents.algorithms.contexts import show_answer
from agents.algorithms.grpo import GRPO
from agents.credit import belief_steps, standardised
from rlsd_env.errors import ConfigurationError, one_of

UNITS = ("token", "turn")


@dataclass(frozen=True)
class Belief(GRPO):
    """Multiply A by how much a token, or a turn, moves the belief in the response."""

    name: ClassVar[str] = "belief"
    scope: ClassVar[str] = "batch"

    teacher: str = "synced(10)"
    lam: float = 0.5
    """Share of the belief's multiplier."""
    bound: float = 0.5
    """b: the multiplier's distance from 1 at one deviation, and at most."""
    unit: str = "token"
    """token or turn: what earns."""
    least: float = 0.05
    """Bound of V_0, from 0 and from 1."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.unit not in UNITS:
            raise ConfigurationError(one_of("unit of belief", self.unit, UNITS))
        for name, value, most in (("lam", self.lam, 1.0), ("bound", self.bound, 1.0), ("least", self.least, 0.5)):
            if not 0 <= value <= most:
                raise ConfigurationError(f"{name} of belief is {value}; it must be between 0 and {most:g}")

    def contexts(self, step: int, state: State) -> Mapping[str, Context]:
        """Show the final answer only."""
        return {"answer": Context(show_answer)} if self.lam else {}

    def credit(self, signals: Signals) -> Credit:
        """Multiply A by the clipped, standardised belief steps."""
        if "answer" not in signals.logp:
            return Credit(signals.A_N1)
        mask_NT, turn_NT = signals.mask_NT, signals.turn_NT
        prior_N1 = signals.success_N1.clamp(max(self.least, 1e-6), 1 - max(self.least, 1e-6))
        moved_NT = belief_steps(signals.gain("answer"), mask_NT, prior_N1)
        if self.unit == "token":
            z_NT = standardised(moved_NT, mask_NT)
        else:
            nothing_NK = moved_NT.new_zeros(len(moved_NT), int(turn_NT.max()) + 1)
            moved_NK = nothing_NK.scatter_add(1, turn_NT, torch.where(mask_NT, moved_NT, 0.0))
            there_NK = nothing_NK.scatter_add(1, turn_NT, mask_NT.to(moved_NT)) > 0
            z_NT = standardised(moved_NK, there_NK).gather(1, turn_NT)
        multiplier_NT = self._multiplier(signals.A_N1, z_NT)
        advantages_NT = signals.A_N1 * ((1 - self.lam) + self.lam * multiplier_NT)
        return Credit(advantages_NT, {"belief_step": moved_NT, "weight": multiplier_NT})

    def _multiplier(self, A_N1: Tensor, z_NT: Tensor) -> Tensor:
        return (1 + self.bound * torch.sign(A_N1) * z_NT).clamp(1 - self.bound, 1 + self.bound)
