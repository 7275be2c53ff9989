"""The teacher as a critic: it tells the value of each prefix, the verifier how far it is to be believed (ours).

By Bayes' rule `P(r | x, y_<=t) = P(r | x) exp(sum_{s<=t} D_s)` (Theorem 4 of arXiv 2604.03128). So a teacher that is
shown the answer r tells the value of every prefix, and no critic is learned: `V_t = min(1, p exp(sum_{s<=t} D_s))`, p
the group's success rate. In units of A, `U_t = (V_t - p) / std`, tokens earn generalised advantages (arXiv 1506.02438)
as far as the teacher is trusted: `Ahat_t = (1 - c) A + c sum_{l>=0} trace^l delta_{t+l}`, where `delta_t` is
`U_t - U_{t-1}`, and `A - U_{T-1}` at the last token.

1. At trace 1 `Ahat_t = A - c U_{t-1}`: a baseline. It depends on what came before the token alone, so that the expected
   update is GRPO's whatever the teacher says: the reward alone decides the direction, the teacher takes noise away.
2. Below 1 credit falls on the tokens at which V moves; the less trace, the more the update owes to the teacher.
3. c is the slope of the regression of A on `U_{t-1}` over all tokens of earlier steps, between 0 and 1: a teacher whose
   values do not go with the verifier's word is not used. Before the first step c is 0, which is GRPO.
4. Values need D of one and the same model with and without the hint: the teacher is live. 1 / std is the distance
   between the best and the worst A of a group, which with rewards of 0 and 1 it is.
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
from agents.credit import bayes_values, generalised_advantages
from rlsd_env.errors import ConfigurationError, one_of


@dataclass(frozen=True)
class CriticRLSD(GRPO):
    """`Ahat_t = sum_l trace^l delta_{t+l}` of values that the informed self gives."""

    name: ClassVar[str] = "rlsd-critic"
    scope: ClassVar[str] = "batch"

    teacher: str = "live"
    hint: str = "answer"
    """What the teacher is shown: answer, solution, or sibling, a correct OTHER response (without one A stays)."""
    trace: float = 1.0
    """How much of what comes later a token is paid for: 1: all, 0: only how it moves the value itself."""
    calibrated: bool = True
    """Scale values by how well they have gone with the verifier's word; False: c is 1."""
    rate: float = 0.2
    """How far each step moves the averages of which c is the ratio."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.hint not in HINTS:
            raise ConfigurationError(one_of("hint of rlsd-critic", self.hint, HINTS))
        if not 0 <= self.trace <= 1 or not 0 < self.rate <= 1:
            raise ConfigurationError(
                f"trace {self.trace} and rate {self.rate} of rlsd-critic: trace must be between 0 and 1, rate above 0 "
                "and at most 1"
            )

    def contexts(self, step: int, state: State) -> Mapping[str, Context]:
        """Show the hint."""
        return {self.hint: Context(HINTS[self.hint])}

    def credit(self, signals: Signals) -> Credit:
        """Pay each token what it and what follows move the value."""
        if self.hint not in signals.logp:
            return Credit(signals.A_N1)
        trust, values_NT = self._trust(signals.state), self._values(signals)
        paid_NT = generalised_advantages(values_NT, signals.A_N1, signals.mask_NT, self.trace)
        told = {"critic_value": values_NT, "critic_trust": torch.full_like(values_NT, trust)}
        return Credit((1 - trust) * signals.A_N1 + trust * paid_NT, told, evidence=signals.gain(self.hint))

    def initial(self) -> State:
        """Trust nothing before there is evidence."""
        return {"cross": 0.0, "square": 0.0}

    def statistics(self, signals: Signals) -> Mapping[str, Tensor]:
        """Sum up how values before each token go with A."""
        if self.hint not in signals.logp:
            return {}
        before_NT = torch.nn.functional.pad(self._values(signals), (1, -1))
        before_NT = torch.where(signals.mask_NT & signals.shown[self.hint], before_NT, 0.0)
        return {"cross": (before_NT * signals.A_N1).sum(), "square": before_NT.square().sum()}

    def observe(self, state: State, statistics: Mapping[str, float]) -> State:
        """Move the averages."""
        return {name: old + self.rate * (statistics.get(name, old) - old) for name, old in state.items()}

    def _trust(self, state: State) -> float:
        """Return c."""
        if not self.calibrated:
            return 1.0
        return min(1.0, max(0.0, state["cross"] / state["square"])) if state["square"] > 0 else 0.0

    def _values(self, signals: Signals) -> Tensor:
        """Return `(V_t - p) / std` after each token, [N, T]."""
        group_N, A_N = signals.group_N1[:, 0], signals.A_N1[:, 0]
        ends = A_N.new_zeros(2, int(group_N.max()) + 1)
        best, worst = (
            ends[k].scatter_reduce(0, group_N, A_N, how, include_self=False) for k, how in enumerate(("amax", "amin"))
        )
        values_NT = bayes_values(signals.gain(self.hint), signals.mask_NT, signals.success_N1)
        return (values_NT - signals.success_N1) * (best - worst)[group_N][:, None]
