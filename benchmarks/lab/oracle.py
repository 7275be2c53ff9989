"""What could be gained at most: credit from one who knows which step was wrong (`benchmarks.lab.oracle:Oracle`).

Not a method: it reads the steps of a response and works them out. It says how much faster learning is where credit is
right, which bounds what any evidence can bring in the laboratory.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from agents.algorithms.base import Credit, Signals
from agents.algorithms.forms import check_form
from agents.algorithms.grpo import GRPO
from agents.lab.steps import Steps, locate

FORMS = {"blame": ("share",), "first": ("share",), "process": ()}


@dataclass(frozen=True)
class Oracle(GRPO):
    """GRPO whose A falls on the right tokens."""

    name: ClassVar[str] = "oracle"

    form: str = "blame"
    """blame: A below 0 falls on the tokens of wrong steps, its sum as before. first: on those of the first wrong step.
    process: every step earns its own rightness, less the share of right steps in the batch, and the rest A."""
    share: float = 1.0
    """How much of A is moved; of the forms blame and first."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_form(self, FORMS)

    def credit(self, signals: Signals) -> Credit:
        """Move A, or replace it."""
        texts, lengths = signals.texts_V(), signals.mask_NT.sum(1).tolist()
        rows = [locate([texts[id] for id in ids[:n]]) for ids, n in zip(signals.ids_NT.tolist(), lengths)]
        if self.form == "process":
            return Credit(self._process(signals, rows))
        weight_NT = torch.ones_like(signals.S_NT)
        for n, steps in enumerate(rows):
            if signals.A_N1[n, 0] < 0 and steps.first_wrong is not None:
                blamed = {steps.first_wrong} if self.form == "first" else _numbers(steps, right=False)
                here = torch.tensor([k in blamed for k in steps.of_token])
                moved = here * (lengths[n] / int(here.sum()))
                weight_NT[n, : lengths[n]] = (1 - self.share) + self.share * moved
        return Credit(signals.A_N1 * weight_NT)

    def active(self, advantages_N: Tensor, shown: object) -> Tensor:
        """Train on groups without contrast as well where every step earns its own."""
        return torch.ones_like(advantages_N, dtype=torch.bool) if self.form == "process" else advantages_N != 0

    def _process(self, signals: Signals, rows: list[Steps]) -> Tensor:
        base = sum(sum(steps.right) for steps in rows) / max(1, sum(len(steps.right) for steps in rows))
        advantages_NT = signals.A_N1.expand_as(signals.S_NT).clone()
        for n, steps in enumerate(rows):
            for t, k in enumerate(steps.of_token):
                if k >= 0:
                    advantages_NT[n, t] = float(steps.right[k]) - base
        return advantages_NT


def _numbers(steps: Steps, *, right: bool) -> set[int]:
    return {k for k, one in enumerate(steps.right) if one == right}
