"""Options of the learner: how the weights move, the same for every algorithm."""

from __future__ import annotations

from dataclasses import dataclass

from agents.options.types import at_least
from rlsd_env.errors import ConfigurationError, one_of

AGGREGATIONS = ("sequence_mean", "token_mean", "constant")
RATIOS = ("token", "sequence")
CORRECTIONS = ("none", "truncate", "mask")
OPTIMIZERS = ("adamw", "adamw8bit")


@dataclass(frozen=True)
class LearnerOptions:
    """How the weights move."""

    lr: float = 5e-5
    """Learning rate of AdamW (5e-5 suits the bundled model, 1e-6 one of 8B parameters: the paper)."""
    weight_decay: float = 0.0
    """AdamW's decoupled weight decay."""
    max_grad_norm: float = 1.0
    """The gradient is scaled down to this norm."""
    updates_per_batch: int = 1
    """Optimiser steps on each batch of rollouts; the ratio's clipping matters from the second on."""
    clip_low: float = 0.2
    """How far the importance ratio may fall below 1 (paper)."""
    clip_high: float = 0.28
    """How far it may rise above 1 (paper)."""
    dual_clip: float = 0.0
    """c > 1: where A < 0 a token's loss is at most -c A, however likely the token has become (Ye et al. 2020; 3 in
    verl); 0: no such bound."""
    ratio: str = "token"
    """token: each token's own importance ratio. sequence: that of the whole action of a turn, the exponential of its
    mean S - S_old (GSPO, whose bounds are 3e-4 and 4e-4); an episode of several turns has a ratio for each."""
    aggregation: str = "sequence_mean"
    """sequence_mean (mean over responses of the mean over tokens: paper), token_mean (verl, the RLSD release, TRL's
    dapo) or constant (mean over responses of the sum over tokens divided by constant_length: Dr. GRPO)."""
    constant_length: int = 0
    """What aggregation constant divides by; 0: max_tokens of the run. Episodes of several turns may be longer."""
    micro_batch_tokens: int = 16384
    """Prompt and response tokens that are run at once, padding included; lowers memory, changes no result."""
    optimizer: str = "adamw"
    """adamw, or adamw8bit: moments in 8 bits (bitsandbytes)."""
    sampler_correction: str = "auto"
    """Weight of each token, from r = exp(log-probability by the learner - that recorded while sampling): none: 1;
    truncate: min(r, sampler_cap); mask: r where it is within 1/sampler_cap and sampler_cap, else 0; auto: truncate
    where another engine or earlier weights sampled, else none."""
    sampler_cap: float = 2.0
    """Bound of that weight (2 in TRL and verl)."""

    def __post_init__(self) -> None:
        self.check_learner()
        if self.aggregation == "constant" and not self.divisor:
            raise ConfigurationError(
                "aggregation constant divides by constant_length, which is 0; give one, such as the longest completion"
            )

    def check_learner(self) -> None:
        """Refuse unusable values.

        Raises:
            ConfigurationError: a value is unknown or out of range.

        """
        corrections = ("auto", *CORRECTIONS)
        for name, allowed in (
            ("aggregation", AGGREGATIONS),
            ("ratio", RATIOS),
            ("optimizer", OPTIMIZERS),
            ("sampler_correction", corrections),
        ):
            if getattr(self, name) not in allowed:
                raise ConfigurationError(one_of(name, getattr(self, name), allowed))
        for name in ("lr", "max_grad_norm", "updates_per_batch", "micro_batch_tokens"):
            if not getattr(self, name) > 0:
                raise ConfigurationError(f"{name} is {getattr(self, name)}; it must be above 0")
        for name in ("weight_decay", "clip_low", "clip_high"):
            at_least(name, getattr(self, name), 0)
        if not self.sampler_cap > 1:
            raise ConfigurationError(f"sampler_cap is {self.sampler_cap}; it must be above 1")
        if self.dual_clip and not self.dual_clip > 1:
            raise ConfigurationError(f"dual_clip is {self.dual_clip}; it must be 0 or above 1")
        at_least("constant_length", self.constant_length, 0)
        if self.constant_length and self.aggregation != "constant":
            raise ConfigurationError(
                f"constant_length is {self.constant_length} and aggregation {self.aggregation}; only constant uses it"
            )

    @property
    def correction(self) -> str:
        """The correction that is meant: `sampler_correction` with auto resolved; here the learner samples itself."""
        return "none" if self.sampler_correction == "auto" else self.sampler_correction

    @property
    def divisor(self) -> int:
        """What aggregation constant divides by."""
        return self.constant_length
