"""CEPO and RLCSD: the evidence of a token is how much likelier a right hint makes it than wrong ones do.

`D_c = log P(y_t | r+) - log (1/K sum_k P(y_t | r-_k))` in the place of RLSD's D (arXiv 2605.19436, arXiv 2606.11709).

1. CEPO: r+ is the reference answer, r- the wrong answer of the group with the lowest reward, K = 1, weights as RLSD's
   with lam falling from .5 to 0 over 25 steps, teacher live (its own ablation's best); epsilon is the README's .5,
   its script has .2.
2. RLCSD: hints are OTHER responses of the group, right and wrong, K up to 4; the residue is added to A and its sign
   kept. Its loss mixes selected and unselected tokens by two means; here all tokens are in one.
3. Every context keeps the pictures and the chat template; CEPO's release blanks the pictures of the contrast teacher
   and shows RLSD's teacher an empty answer, so its table compares other things.
4. Where a group has no wrong hint, `fallback` says what happens; CEPO's code then leaves A as it is, its README
   speaks of RLSD. An episode without a right hint (RLCSD: a group's only success) keeps A.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from agents.algorithms.base import Context, Credit, Show, Signals, State
from agents.algorithms.contexts import show_answer, show_sibling, show_wrong_answer
from agents.algorithms.grpo import GRPO
from agents.credit import additive_contrast, check_share, contrast, linear_decay, weighed_credit
from rlsd_env.errors import ConfigurationError, one_of

FALLBACKS = ("rlsd", "grpo")


@dataclass(frozen=True)
class Contrastive(GRPO):
    """What CEPO and RLCSD share: a right hint, K wrong ones, and a share lam of the contrast."""

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
        return self.weigh(signals.A_N1, contrast(signals.logp["right"], against), self.share(signals.step))

    def weigh(self, A_N1: Tensor, contrast_NT: Tensor, lam: float) -> Credit:
        """Turn the contrast into advantages."""
        raise NotImplementedError


@dataclass(frozen=True)
class CEPO(Contrastive):
    """`Ahat_t = A ((1 - lam) + lam clip(exp(sign(A) D_c), 1 - e, 1 + e))`."""

    name: ClassVar[str] = "cepo"

    epsilon: float = 0.5
    """Bound of the weight around 1."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_share(self.name, self.lam, self.epsilon, self.decay_steps)

    def hints(self) -> tuple[Show, Callable[[int], Show]]:
        """Show the reference answer, and wrong answers of the group."""
        return show_answer, show_wrong_answer

    def weigh(self, A_N1: Tensor, contrast_NT: Tensor, lam: float) -> Credit:
        """Multiply."""
        return Credit(*weighed_credit(A_N1, contrast_NT, lam, self.epsilon))


@dataclass(frozen=True)
class RLCSD(Contrastive):
    """`Ahat_t = A + res`, `res = clip(scale lam tanh(D_c / tau), -2, 2)` where |res| > floor, the sign of A kept."""

    name: ClassVar[str] = "rlcsd"

    teacher: str = "synced(10)"
    decay_steps: int = 10**9
    """Steps over which lam falls to 0; by default it stays."""
    wrong: int = 4
    fallback: str = "grpo"
    tau: float = 0.02
    """Temperature of the contrast, nats."""
    scale: float = 1.0
    """Factor of the residue."""
    floor: float = 0.02
    """Residues up to this size are left out."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not (self.tau > 0 and self.scale >= 0 and self.floor >= 0):
            raise ConfigurationError(
                f"tau {self.tau}, scale {self.scale} and floor {self.floor} of rlcsd: tau must be above 0, the others "
                "at least 0"
            )

    def hints(self) -> tuple[Show, Callable[[int], Show]]:
        """Show other responses of the group."""
        return show_sibling(0, correct=True), lambda k: show_sibling(k, correct=False)

    def weigh(self, A_N1: Tensor, contrast_NT: Tensor, lam: float) -> Credit:
        """Add the residue."""
        advantages_NT = additive_contrast(
            A_N1, contrast_NT, tau=self.tau, scale=self.scale * lam, floor=self.floor, cap=2.0
        )
        return Credit(advantages_NT, {"contrast": contrast_NT, "residue": advantages_NT - A_N1})
