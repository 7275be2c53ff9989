"""RLSD that asks as well how much a token owes to the picture (ours).

`V_t = S_t(picture) - S_t(degraded picture)` by the trained model as it is. "add": the evidence is `D_t + k V_t`.
"gate": it is D_t where V_t is among the highest share `top` of its turn, else 0. The rest is RLSD's.

1. V costs one forward of its context and no gradient. With k = 0 ("add") it is not asked for.
2. An episode without a picture has RLSD's evidence; its videos are not degraded.
3. VA-OPD (arXiv 2605.21924) takes V of the teacher and weighs responses with it; here it is the student's, by token.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from agents.algorithms.base import Context, Signals, State
from agents.algorithms.contexts import DEGRADED, show_degraded
from agents.algorithms.forms import check_form
from agents.algorithms.rlsd import RLSD
from agents.credit import highest
from rlsd_env.errors import ConfigurationError, one_of

FORMS = {"add": ("k",), "gate": ("top",)}


@dataclass(frozen=True)
class VisualRLSD(RLSD):
    """RLSD with `D_t + k V_t`, or D_t where V_t is high, in the place of D_t."""

    name: ClassVar[str] = "rlsd-visual"

    form: str = "add"
    """add or gate."""
    k: float = 0.5
    """Weight of V; of form add only."""
    top: float = 0.2
    """Share of tokens that have evidence; of form gate only."""
    degrade: str = "blurred"
    """How pictures are made worse: blank, blurred or shuffled."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_form(self, FORMS)
        if self.degrade not in DEGRADED:
            raise ConfigurationError(one_of("degrade of rlsd-visual", self.degrade, DEGRADED))
        if self.k < 0 or not 0 < self.top <= 1:
            raise ConfigurationError(
                f"k {self.k} and top {self.top} of rlsd-visual: k must be at least 0, top above 0 and at most 1"
            )

    def scorers(self) -> Mapping[str, str]:
        """Have the trained model score the degraded pictures."""
        return {"teacher": self.teacher, "student": "live"}

    def contexts(self, step: int, state: State) -> Mapping[str, Context]:
        """Show the hint, and to the student degraded pictures."""
        contexts = super().contexts(step, state)
        if not contexts or (self.form == "add" and not self.k):
            return contexts
        degraded = show_degraded(DEGRADED[self.degrade])
        return {**contexts, "degraded": Context(self.signed(degraded), "student")}

    def evidence(self, signals: Signals) -> Tensor:
        """Return D with V."""
        gain_NT = super().evidence(signals)
        if "degraded" not in signals.logp:
            return gain_NT
        visual_NT = -signals.gain("degraded")
        if self.form == "add":
            return gain_NT + self.k * visual_NT
        return torch.where(highest(visual_NT, signals.mask_NT, self.top), gain_NT, 0.0)
