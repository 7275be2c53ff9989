"""OPSD: on-policy self-distillation from a teacher that has read the reference trace (arXiv 2601.18734).

1. The divergence is over the whole vocabulary, JSD with beta = .5 as in the first published scripts (later
   ones use beta = 0); the per-entry clip of the newest scripts makes the "KL" negative and is left out.
2. `form="sampled"` is the sampled-token policy gradient `Ahat_t = D_t`, with D detached. The other published
   shortcut, the mean of `Q - S` with a gradient through S, does not depend on the teacher and is not offered.
3. The reward is never used: groups without contrast train as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from agents.algorithms.base import Algorithm, Context, Credit, Signals, State
from agents.algorithms.contexts import show_solution
from agents.losses import generalised_jsd
from rlsd_env.errors import ConfigurationError, one_of

FORMS = ("full", "sampled")


@dataclass(frozen=True)
class OPSD(Algorithm):
    """Match the informed teacher's next-token distribution on the student's own responses."""

    name: ClassVar[str] = "opsd"

    teacher: str = "frozen"
    form: str = "full"
    """full: the divergence over the vocabulary. sampled: the policy gradient with `Ahat_t = D_t`."""
    beta: float = 0.5
    """0: forward KL(T || S). 1: reverse KL(S || T). Between: JSD. Of form full only."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.form not in FORMS:
            raise ConfigurationError(one_of("form of opsd", self.form, FORMS))
        if not 0 <= self.beta <= 1:
            raise ConfigurationError(f"beta of opsd is {self.beta}; it must be between 0 and 1")

    def contexts(self, step: int, state: State) -> Mapping[str, Context]:
        """Show the reference trace or solution."""
        return {"solution": Context(show_solution, full=self.form == "full")}

    def active(self, advantages_N: Tensor, shown: Mapping[str, Tensor]) -> Tensor:
        """Train on every episode that has a teacher."""
        return shown["solution"]

    def credit(self, signals: Signals) -> Credit | None:
        """Return D for the sampled form, nothing for the full one."""
        return None if self.form == "full" else Credit(signals.gain("solution"))

    def auxiliary(self, student_MV: Tensor, others: Mapping[str, Tensor], signals: Signals) -> Tensor:
        """Return the divergence of the full form."""
        return generalised_jsd(student_MV, others["solution"], self.beta)
