"""AntiSD: away from the informed teacher, while it still hesitates (arXiv 2605.11609).

`Ahat_t = A - lam g phi(D_t)`, `phi(D) = (softplus(D) - log 2) / 2`: the ascent of a Jensen-Shannon divergence. The
gate g shuts where the teacher's mean entropy has fallen below `low` H, H being that of the warm-up, and opens at H.

1. Episodes with A = 0 are left out (DAPO's sampling, with which the paper trains, draws them anew).
2. The gate is set after a step for the next. While it is shut the teacher is asked, since its entropy opens it.
3. The term is not bounded by A: it may turn a token's sign, as in the paper.

Inferred: lam, the length of the warm-up, that the term is off in it (as in a public rerun, which takes medians for
means), the teacher's weights and its hint; the paper's is a verified solution.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from agents.algorithms.base import Context, Credit, Signals, State
from agents.algorithms.contexts import HINTS
from agents.algorithms.grpo import GRPO
from agents.credit import anti_distillation, switched
from rlsd_env.errors import ConfigurationError, one_of


@dataclass(frozen=True)
class AntiSD(GRPO):
    """`Ahat_t = A - lam g (softplus(D_t) - log 2) / 2`."""

    name: ClassVar[str] = "antisd"

    teacher: str = "live"
    lam: float = 0.1
    """Weight of the term."""
    hint: str = "solution"
    """What the teacher is shown: answer, solution, or sibling, a correct OTHER response (without one A stays)."""
    warmup_steps: int = 5
    """Steps without the term, over which H is taken."""
    low: float = 0.93
    """Share of H below which the gate shuts."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.hint not in HINTS:
            raise ConfigurationError(one_of("hint of antisd", self.hint, HINTS))
        if self.lam < 0 or self.warmup_steps < 1 or not 0 <= self.low <= 1:
            raise ConfigurationError(
                f"lam {self.lam}, warmup_steps {self.warmup_steps} and low {self.low} of antisd: lam must be at least "
                "0, warmup_steps at least 1, low between 0 and 1"
            )

    def contexts(self, step: int, state: State) -> Mapping[str, Context]:
        """Show the hint while the term has a weight, in the warm-up and behind a shut gate for the entropy alone."""
        return {self.hint: Context(HINTS[self.hint], entropy=True)} if self.lam else {}

    def credit(self, signals: Signals) -> Credit:
        """Take the term from A."""
        state = signals.state
        if self.hint not in signals.logp or state["steps_seen"] < self.warmup_steps or not state["gate"]:
            return Credit(signals.A_N1)
        term_NT = self.lam * anti_distillation(signals.gain(self.hint))
        return Credit(signals.A_N1 - term_NT, {"residue": -term_NT})

    def initial(self) -> State:
        """Begin with an open gate."""
        return {"gate": 1.0, "reference": 0.0, "steps_seen": 0.0}

    def statistics(self, signals: Signals) -> Mapping[str, Tensor]:
        """Add up the teacher's entropy."""
        if self.hint not in signals.logp:
            return {}
        counts_NT = signals.mask_NT & signals.shown[self.hint]
        return {
            "entropy": torch.where(counts_NT, signals.entropy[self.hint], 0.0).double().sum(),
            "tokens": counts_NT.sum(),
        }

    def observe(self, state: State, statistics: Mapping[str, float]) -> State:
        """Move the reference in the warm-up, the gate after it."""
        if not statistics.get("tokens"):
            return state
        entropy, seen, reference = statistics["entropy"] / statistics["tokens"], state["steps_seen"], state["reference"]
        gate = state["gate"]
        if seen < self.warmup_steps:
            reference += (entropy - reference) / (seen + 1)
        else:
            gate = float(switched(bool(gate), entropy, self.low * reference, reference))
        return {"gate": gate, "reference": reference, "steps_seen": seen + 1}
