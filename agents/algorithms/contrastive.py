"""What CEPO and RLCSD share: how much likelier a right hint makes a token than wrong ones do.

`D_c = log P(y_t | r+) - log (1/K sum_k P(y_t | r-_k))` in the place of RLSD's D (arXiv 2605.19436, arXiv 2606.11709).

1. Every context keeps the pictures and the chat template; CEPO's release blanks the pictures of the contrast teacher
   and shows RLSD's teacher an empty answer, so its table compares other things.
2. Where a group has no wrong hint, `fallback` says what happens; CEPO's code then leaves A as it is, its README
   speaks of RLSD. An episode without a right hint (RLCSD: a group's only success) keeps A.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from agents.algorithms.base import Context, Credit, Show, Signals, State
from agents.algorithms.grpo import GRPO
from agents.credit import check_share, contrast, linear_decay
from rlsd_env.errors import ConfigurationError, one_of

FALLBACKS = ("rlsd", "grpo")


@dataclass(frozen=True)
class Contrastive(GRPO):
    """A right hint, K wrong ones, and a share lam of the contrast."""

    name: ClassVar[str] = "contrastive"

    teacher: str = "live"
    lam: float = 0.5
    """Share of the contrast at step 0."""
    decay_steps: int = 25
    """Steps over which the share falls linearly to 0."""
    wrong: int = 1
    """Wrong hints, K."""
    fallback: str = "rlsd"
    """What is done where a group has no wrong hint: rlsd (the right hint against the student) or grpo."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_share(self.name, self.lam, 0.0, self.decay_steps)
        if self.wrong < 1:
            raise ConfigurationError(f"wrong of {self.name} is {self.wrong}; it must be at least 1")
        if self.fallback not in FALLBACKS:
            raise ConfigurationError(one_of(f"fallback of {self.name}", self.fallback, FALLBACKS))

    def share(self, step: int) -> float:
        """Return lam at a step."""
        return linear_decay(self.lam, step, self.decay_steps)

    def hints(self) -> tuple[Show, Callable[[int], Show]]:
        """Return what is shown as right, and as the k-th wrong."""
        raise NotImplementedError

    def contexts(self, step: int, state: State) -> Mapping[str, Context]:
        """Show the right hint and, one at a time, wrong ones."""
        if not self.share(step):
            return {}
        right, wrong = self.hints()
        return {"right": Context(right)} | {f"wrong_{k}": Context(wrong(k)) for k in range(self.wrong)}

    def credit(self, signals: Signals) -> Credit:
        """Weigh or add the contrast."""
        wrong = [logp_NT for name, logp_NT in signals.logp.items() if name != "right"]
        if "right" not in signals.logp or (not wrong and self.fallback == "grpo"):
            return Credit(signals.A_N1)
        against = torch.stack(wrong) if wrong else signals.S_NT[None]
        return self.weigh(signals, contrast(signals.logp["right"], against), self.share(signals.step))

    def weigh(self, signals: Signals, contrast_NT: Tensor, lam: float) -> Credit:
        """Turn the contrast into advantages."""
        raise NotImplementedError
