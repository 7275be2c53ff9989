"""RLCSD: what right siblings against wrong ones say is added to A, whose sign stays (arXiv 2606.11709).

`D_c = log P(y_t | right) - log (1/K sum_k P(y_t | wrong_k))`, `res = clip(scale lam tanh(D_c / tau), -2, 2)` where it
is above `floor` in size, `Ahat_t = A + res`, at least 0 where A > 0 and at most 0 where A < 0.

1. Hints are OTHER responses of the group; K is up to 4.
2. Its loss is a mean over the micro-batch's tokens without a residue plus eta times one over those with one. By default
   all tokens are in one mean. `means="two"` takes the two means within each turn, so that the micro-batches do not
   matter; the surrogate is linear in A, so that they are weights |y| / n and eta |y| / n of its tokens.
3. lam stays; `decay_steps` lets it fall.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from agents.algorithms.base import Credit, Show, Signals
from agents.algorithms.contexts import show_sibling
from agents.algorithms.contrastive import Contrastive
from agents.algorithms.forms import check_form
from agents.credit import added_with_sign, contrast_residue, two_means
from rlsd_env.errors import ConfigurationError

MEANS = {"one": (), "two": ("eta",)}


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
    means: str = "one"
    """one: all tokens in one mean. two: those with a residue in a mean of their own, eta times."""
    eta: float = 1.0
    """Weight of the tokens with a residue; of means two only."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_form(self, MEANS, by="means")
        if not (self.tau > 0 and self.scale >= 0 and self.floor >= 0 and self.eta >= 0):
            raise ConfigurationError(
                f"tau {self.tau}, scale {self.scale}, floor {self.floor} and eta {self.eta} of rlcsd: tau must be "
                "above 0, the others at least 0"
            )

    def hints(self) -> tuple[Show, Callable[[int], Show]]:
        """Show other responses of the group."""
        return show_sibling(0, correct=True), lambda k: show_sibling(k, correct=False)

    def weigh(self, signals: Signals, contrast_NT: Tensor, lam: float) -> Credit:
        """Add the residue."""
        A_N1 = signals.A_N1
        residue_NT = contrast_residue(contrast_NT, tau=self.tau, scale=self.scale * lam, floor=self.floor, cap=2.0)
        advantages_NT = added_with_sign(A_N1, residue_NT)
        per_token = {"contrast": contrast_NT, "residue": advantages_NT - A_N1}
        if self.means == "two":
            advantages_NT = advantages_NT * two_means(residue_NT != 0, signals.mask_NT, self.eta)
        return Credit(advantages_NT, per_token, evidence=contrast_NT)
