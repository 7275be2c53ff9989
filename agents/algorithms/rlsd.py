"""RLSD: verifiable reward decides the direction, a self-teacher the magnitude (arXiv 2604.03128, Algorithm 1).

`D_t = Q_t - S_t`, `w_t = clip(exp(sign(A) D_t), 1 - e, 1 + e)`, `Ahat_t = A ((1 - lam) + lam w_t)`.

1. Defaults are the paper's (released scripts differ: decay over 60 steps, sync every 20).
2. The weight is Algorithm 1's, clipped on both sides; Eq. 16 as printed is not what anyone runs.
3. Once lam has reached 0 the teacher is not scored any more; with `negative_only` it never is where A > 0.
4. Only the answer is the paper's hint; `negative_only` and `thought_only` are options of the release.
5. `student="old"` takes S before the step's first update (ms-swift), "current" as it is (release).
6. `conserving` (ours), since w moves a group's net credit: "response" divides w by its mean over each turn, so that
   sum_t Ahat_t = |y| A; "group" by that over the group's tokens of one sign, each counting |A|, so that the credit of
   either sign sums to what it does in GRPO. Tokens without evidence keep w = 1, in no mean.

Inferred: how a warm-up and the decay follow each other: lam rises over `warmup_steps`, then falls over `decay_steps`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from agents.algorithms.base import Context, Credit, Show, Signals, State
from agents.algorithms.contexts import HINTS, of_sign
from agents.algorithms.grpo import GRPO
from agents.credit import check_share, conserved, information_gain, warmup_decay, weighed_credit
from rlsd_env.errors import ConfigurationError, one_of

CHOICES = {"hint": tuple(HINTS), "student": ("current", "old"), "conserving": ("none", "response", "group")}


@dataclass(frozen=True)
class RLSD(GRPO):
    """`Ahat_t = A ((1 - lam) + lam clip(exp(sign(A) (Q_t - S_t)), 1 - e, 1 + e))`."""

    name: ClassVar[str] = "rlsd"
    sign: ClassVar[int] = 0  # of the episodes that are weighed at all; 0: both
    entropy: ClassVar[bool] = False  # whether the teacher's is needed

    teacher: str = "synced(10)"
    lam: float = 0.5
    """Share of the teacher, at step 0 or after the warm-up."""
    warmup_steps: int = 0
    """Steps over which the share rises linearly from 0."""
    decay_steps: int = 50
    """Steps over which the share then falls linearly to 0."""
    epsilon: float = 0.2
    """Bound of the weight around 1."""
    hint: str = "answer"
    """What the teacher is shown: answer, solution, or sibling, a correct OTHER response (without one A stays)."""
    negative_only: bool = False
    """Weigh only where A < 0."""
    thought_only: bool = False
    """Weigh only the tokens of thoughts."""
    student: str = "current"
    """S: of the current policy, or old, before the step's first update; always so, and refused, with scope "batch"."""
    conserving: str = "none"
    """none, response or group: whose credit keeps its sum."""

    def __post_init__(self) -> None:
        if self.conserving == "group":  # which must be seen as a whole
            object.__setattr__(self, "scope", "batch")
        super().__post_init__()
        check_share(self.name, self.lam, self.epsilon, self.decay_steps, self.warmup_steps)
        for option, allowed in (CHOICES | ({"student": ("current",)} if self.scope == "batch" else {})).items():
            if getattr(self, option) not in allowed:
                raise ConfigurationError(one_of(f"{option} of {self.name}", getattr(self, option), allowed))
        if self.epsilon == 1 and self.conserving != "none":
            raise ConfigurationError(f"epsilon of {self.name} is 1: conserving may divide by 0; take one below 1")

    def share(self, step: int, state: State) -> float:
        """Return lam at a step."""
        return warmup_decay(self.lam, step, self.warmup_steps, self.decay_steps)

    def contexts(self, step: int, state: State) -> Mapping[str, Context]:
        """Show the hint while lam is above 0."""
        informed = Context(self.signed(HINTS[self.hint]), entropy=self.entropy)
        return {self.hint: informed} if self.share(step, state) > 0 else {}

    def signed(self, show: Show) -> Show:
        """Show only to the episodes that are weighed."""
        sign = -1 if self.negative_only else self.sign
        return of_sign(show, sign) if sign else show

    def credit(self, signals: Signals) -> Credit:
        """Weigh each token by the evidence."""
        if self.hint not in signals.logp:
            return Credit(signals.A_N1)
        A_N1, evidence_NT, weighed_NT = signals.A_N1, self.evidence(signals), self.weighed(signals)
        if self.thought_only:
            evidence_NT = torch.where(weighed_NT, evidence_NT, 0.0)
        row_N = torch.arange(len(A_N1), device=A_N1.device)
        segments_N = (2 * signals.group_N1 + (A_N1 > 0))[:, 0] if self.conserving == "group" else row_N

        def conserve(weight_NT: Tensor) -> Tensor:
            return weight_NT if self.conserving == "none" else conserved(weight_NT, weighed_NT, A_N1, segments_N)

        lam, epsilon = self.shares(signals), self.bound(signals.state)
        return Credit(*weighed_credit(A_N1, evidence_NT, lam, epsilon, conserve), evidence=evidence_NT)

    def evidence(self, signals: Signals) -> Tensor:
        """Return the evidence of each token in nats, [N, T]: D."""
        S_NT = signals.S_NT if self.student == "current" else signals.S_old_NT
        return information_gain(S_NT, signals.logp[self.hint])

    def weighed(self, signals: Signals) -> Tensor:
        """Tell which tokens have evidence, [N, T]."""
        shown_NT = signals.mask_NT & signals.shown[self.hint]
        return shown_NT & signals.thought_NT if self.thought_only else shown_NT

    def shares(self, signals: Signals) -> float | Tensor:
        """Return lam, also by row or token."""
        return self.share(signals.step, signals.state)

    def bound(self, state: State) -> float:
        """Return epsilon at a step."""
        return self.epsilon
