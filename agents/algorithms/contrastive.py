"""CEPO and RLCSD: the evidence of a token is how much likelier a right hint makes it than wrong ones do.

`D_c = log P(y_t | r+) - log (1/K sum_k P(y_t | r-_k))` in the place of RLSD's D (arXiv 2605.19436, arXiv 2606.11709).

1. CEPO: r+ is the reference answer, r- the wrong answer of the group with the lowest reward, K = 1, weights as RLSD's
   with lam falling from .5 to 0 over 25 steps, teacher live (its own ablation's best); epsilon is the README's .5,
   its script has .2.
2. RLCSD: hints are OTHER responses of the group, right and wrong, K up to 4; the residue is added to A and its sign
   kept. Its loss mixes selected and unselected tokens by two means; here all tokens are in one.
3. Every context keeps the pictures and the chat template; CEPO's release blanks the pictures of the contrast teacher
   and shows RLSD's teacher an empty answer, so its table compares other things.
4. Where a group has no wrong hint, `fallback` says what happens; the releases leave it open.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch

from agents.algorithms.base import Context, Credit, Signals, State
from agents.algorithms.contexts import show_answer, show_sibling, show_wrong_answer
from agents.algorithms.rlsd import RLSD
from agents.credit import additive_contrast, contrast, weighed_credit
from rlsd_env.errors import ConfigurationError, one_of

FALLBACKS = ("rlsd", "grpo")


@dataclass(frozen=True)
class CEPO(RLSD):
    """`Ahat_t = A ((1 - lam) + lam clip(exp(sign(A) D_c), 1 - e, 1 + e))`."""

    name: ClassVar[str] = "cepo"

    teacher: str = "live"
    decay_steps: int = 25
    epsilon: float = 0.5
    wrong: int = 1
    """Wrong hints, K."""
    fallback: str = "rlsd"
    """What is done where a group has no wrong hint: rlsd (the right hint against the student) or grpo."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.wrong < 1:
            raise ConfigurationError(f"wrong of {self.name} is {self.wrong}; it must be at least 1")
        if self.fallback not in FALLBACKS:
            raise ConfigurationError(one_of(f"fallback of {self.name}", self.fallback, FALLBACKS))

    def contexts(self, step: int, state: State) -> Mapping[str, Context]:
        """Show the right hint and, one at a time, wrong ones."""
        if not self.share(step, state):
            return {}
        return {"right": Context(show_answer)} | {
            f"wrong_{k}": Context(show_wrong_answer(k)) for k in range(self.wrong)
        }

    def credit(self, signals: Signals) -> Credit:
        """Weigh or add the contrast."""
        wrong = [logp_NT for name, logp_NT in signals.logp.items() if name != "right"]
        if "right" not in signals.logp or (not wrong and self.fallback == "grpo"):
            return Credit(signals.A_N1)
        against = torch.stack(wrong) if wrong else signals.S_NT[None]
        evidence_NT = contrast(signals.logp["right"], against)
        lam = self.share(signals.step, signals.state)
        return self.weigh(signals, evidence_NT, lam)

    def weigh(self, signals: Signals, evidence: torch.Tensor, lam: float) -> Credit:
        """Turn the contrast into advantages."""
        return Credit(*weighed_credit(signals.A_N1, evidence, lam, self.epsilon))


@dataclass(frozen=True)
class RLCSD(CEPO):
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
        if not self.tau > 0:
            raise ConfigurationError(f"tau of rlcsd is {self.tau}; it must be above 0")

    def contexts(self, step: int, state: State) -> Mapping[str, Context]:
        """Show another right response of the group and, one at a time, wrong ones."""
        if not self.share(step, state):
            return {}
        return {"right": Context(show_sibling(0, correct=True))} | {
            f"wrong_{k}": Context(show_sibling(k, correct=False)) for k in range(self.wrong)
        }

    def weigh(self, signals: Signals, evidence: torch.Tensor, lam: float) -> Credit:
        """Add the residue."""
        advantages_NT = additive_contrast(
            signals.A_N1, evidence, tau=self.tau, scale=self.scale * lam, floor=self.floor, cap=2.0
        )
        return Credit(advantages_NT, {"contrast": evidence, "residue": advantages_NT - signals.A_N1})
