"""CREDIT: a token earns what a hint says of it for this input and not for any (arXiv 2605.11613).

`Ahat_t = D_t - c mean_x' (log P_T(y_t | x', f) - S_t)`: D_t is the teacher's evidence with the hint f, and x' are K
other inputs of the batch, question and pictures, with the same f. What f makes likelier anywhere, wherever it is
pasted, cancels.

1. The verifier has no part: groups without contrast train as well. `reward` adds A.
2. x' are the K next groups of the batch with another task; of several processes each takes its own groups'.
3. The later turns of an episode are its own, after the other's first message.
4. Without another task in the batch it is D_t alone.

Inferred: the exact baseline; the abstract has a teacher's log-probability, decomposed along the inputs, with a baseline
over the batch, and its ablation a strength that must not be too large. Less S_t, c = 1 leaves the contrast of inputs
alone and c = 0 D_t; K, c and the hint are ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from agents.algorithms.base import Algorithm, Context, Credit, Signals, State
from agents.algorithms.contexts import show_solution, show_with_other_input
from agents.credit import input_contrast
from rlsd_env.errors import ConfigurationError


@dataclass(frozen=True)
class CREDIT(Algorithm):
    """`Ahat_t = D_t - c mean_x' D_t(x') + reward A`."""

    name: ClassVar[str] = "credit"

    teacher: str = "ema(0.05)"
    others: int = 1
    """K: other inputs."""
    strength: float = 0.5
    """c: how much of the baseline is taken off; at 0 no other input is looked at."""
    reward: float = 0.0
    """Weight of the verifier's advantage beside it."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.others < 1 or not 0 <= self.strength <= 1:
            raise ConfigurationError(
                f"others {self.others} and strength {self.strength} of credit: others must be at least 1, strength "
                "between 0 and 1"
            )

    def contexts(self, step: int, state: State) -> Mapping[str, Context]:
        """Show the solution, with this input and with others."""
        others = range(self.others) if self.strength else ()
        inputs = {f"other_{k}": Context(show_with_other_input(k), across=True) for k in others}
        return {"solution": Context(show_solution), **inputs}

    def active(self, advantages_N: Tensor, shown: Mapping[str, Tensor]) -> Tensor:
        """Train on every episode."""
        return shown["solution"]

    def credit(self, signals: Signals) -> Credit:
        """Pay the input's own part."""
        credit_NT, generic = (
            signals.gain("solution"),
            [signals.gain(name) for name in signals.logp if name != "solution"],
        )
        if generic:
            credit_NT = input_contrast(credit_NT, torch.stack(generic), self.strength)
        paid_NT = credit_NT + self.reward * signals.A_N1
        return Credit(paid_NT, {"input_specific": credit_NT}, evidence=credit_NT)
