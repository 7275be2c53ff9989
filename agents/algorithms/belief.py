"""Belief credit: a token earns what it adds to the belief that the response is right (OPPO, arXiv 2605.21851).

`logit V_t = logit V_{t-1} + D_t` from V_0 = the group's success rate; `V_t - V_{t-1}` telescopes to `V_T - V_0`.
"multiply" standardises it within the response to z: `Ahat_t = A ((1 - lam) + lam clip(1 + b sign(A) z, 1 - b, 1 + b))`
(AgentOPSD, arXiv 2608.05987). "replace" pays it in the place of A: `Ahat_t = |y| (V_t - V_{t-1})` (OPPO).

1. `unit="turn"` gives all tokens of a turn what the turn as a whole added, as AgentOPSD does for agents; of form
   replace each token of a turn of n tokens gets 1/n of it, so that the sum stays.
2. Turns follow each other, so a response is looked at as a whole: `scope` is "batch".
3. "replace" trains on groups without contrast as well: their belief moves too. The verifier is in V_0 alone.

Inferred: V_0 is kept from 0 and 1 by `least`. "replace" counts |y| times, so that its mean over the response,
V_T - V_0, is of the size of GRPO's R - mean; the abstract speaks of the step alone, and of no standardisation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from agents.algorithms.base import Context, Credit, Signals, State
from agents.algorithms.contexts import show_answer
from agents.algorithms.forms import check_form
from agents.algorithms.grpo import GRPO
from agents.credit import belief_steps, standardised
from rlsd_env.errors import ConfigurationError, one_of

UNITS = ("token", "turn")
FORMS = {"multiply": ("lam", "bound"), "replace": ()}


@dataclass(frozen=True)
class Belief(GRPO):
    """Multiply A by how much a token, or a turn, moves the belief in the response, or pay that."""

    name: ClassVar[str] = "belief"
    scope: ClassVar[str] = "batch"

    teacher: str = "synced(10)"
    form: str = "multiply"
    """multiply or replace."""
    lam: float = 0.5
    """Share of the belief's multiplier; of form multiply only."""
    bound: float = 0.5
    """b: the multiplier's distance from 1 at one deviation, and at most; of form multiply only."""
    unit: str = "token"
    """token or turn: what earns."""
    least: float = 0.05
    """Bound of V_0, from 0 and from 1."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_form(self, FORMS)
        if self.unit not in UNITS:
            raise ConfigurationError(one_of("unit of belief", self.unit, UNITS))
        for name, number, most in (("lam", self.lam, 1.0), ("bound", self.bound, 1.0), ("least", self.least, 0.5)):
            if not 0 <= number <= most:
                raise ConfigurationError(f"{name} of belief is {number}; it must be between 0 and {most:g}")

    def contexts(self, step: int, state: State) -> Mapping[str, Context]:
        """Show the final answer only."""
        return {"answer": Context(show_answer)} if self.lam or self.form == "replace" else {}

    def active(self, advantages_N: Tensor, shown: Mapping[str, Tensor]) -> Tensor:
        """Train where A is not 0, and, where it is not used, everywhere."""
        return shown["answer"] if self.form == "replace" else super().active(advantages_N, shown)

    def credit(self, signals: Signals) -> Credit:
        """Multiply A by the clipped, standardised belief steps, or pay the steps themselves."""
        if "answer" not in signals.logp:
            return Credit(signals.A_N1)
        mask_NT, turn_NT = signals.mask_NT, signals.turn_NT
        prior_N1 = signals.success_N1.clamp(max(self.least, 1e-6), 1 - max(self.least, 1e-6))
        moved_NT = belief_steps(signals.gain("answer"), mask_NT, prior_N1)
        nothing_NK = moved_NT.new_zeros(len(moved_NT), int(turn_NT.max()) + 1)
        moved_NK = nothing_NK.scatter_add(1, turn_NT, torch.where(mask_NT, moved_NT, 0.0))
        tokens_NK = nothing_NK.scatter_add(1, turn_NT, mask_NT.to(moved_NT))
        if self.form == "replace":
            of_turn_NT = (moved_NK / tokens_NK.clamp(min=1)).gather(1, turn_NT)
            step_NT = moved_NT if self.unit == "token" else of_turn_NT
            return Credit(mask_NT.sum(1, keepdim=True) * step_NT, {"belief_step": moved_NT}, evidence=moved_NT)
        if self.unit == "token":
            z_NT = standardised(moved_NT, mask_NT)
        else:
            z_NT = standardised(moved_NK, tokens_NK > 0).gather(1, turn_NT)
        multiplier_NT = (1 + self.bound * torch.sign(signals.A_N1) * z_NT).clamp(1 - self.bound, 1 + self.bound)
        advantages_NT = signals.A_N1 * ((1 - self.lam) + self.lam * multiplier_NT)
        return Credit(advantages_NT, {"belief_step": moved_NT, "weight": multiplier_NT}, evidence=moved_NT)
