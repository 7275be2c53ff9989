"""`Algorithm`: everything that differs between methods, and nothing else.

An algorithm is a frozen dataclass whose fields are its hyperparameters. Overriding the few hooks below makes
a method; the learner calls them and knows no method's name.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from agents.episodes import EpisodeGroup
from agents.losses import group_advantages
from agents.teacher import TeacherView, parse_rule


@dataclass(frozen=True)
class Signals:
    """What a method may use for some rows (N responses of T tokens) of a batch; nothing carries a gradient.

    Attributes:
        A_N1: advantage of each row's episode, [N, 1].
        S_NT: student log-probabilities of the sampled tokens.
        S_old_NT: those under the weights that sampled; the same numbers in a batch's first update.
        Q_NT: teacher log-probabilities of the same tokens; None where these rows have no teacher.
        mask_NT: true on response tokens; M of them.
        step: training step, from 0.

    """

    A_N1: Tensor
    S_NT: Tensor
    S_old_NT: Tensor
    Q_NT: Tensor | None
    mask_NT: Tensor
    step: int


@dataclass(frozen=True)
class Algorithm:
    """The interface of a method; as it stands, REINFORCE with a group baseline and the learner's clipping."""

    name: ClassVar[str] = "algorithm"
    """What the method is called in results; the registry's key."""
    teacher: str = "live"
    """Whose weights the teacher has: live, frozen, ema(RATE) or synced(EVERY)."""

    def __post_init__(self) -> None:
        parse_rule(self.teacher)

    def group_advantages(self, rewards_BG: Tensor, valid_BG: Tensor) -> Tensor:
        """Turn the rewards of all groups into advantages, [B, G]; invalid episodes get 0."""
        return group_advantages(rewards_BG, valid_BG)

    def uses_teacher(self, step: int) -> bool:
        """Tell whether any teacher is consulted at this step; if not, no teacher token is scored."""
        return False

    def teacher_view(self, group: EpisodeGroup, i: int) -> TeacherView | None:
        """Return what the teacher sees for episode i of the group, or None: no teacher for it.

        A pure function of its arguments.
        """
        return None

    def weights(self, advantages_N: Tensor, has_teacher_N: Tensor) -> Tensor:
        """Weigh the valid episodes in the mean of the loss, [N]; 0 leaves an episode out altogether."""
        return torch.ones_like(advantages_N)

    def active(self, advantages_N: Tensor, has_teacher_N: Tensor) -> Tensor:
        """Tell which episodes can have a gradient at all, [N] boolean; the others are not even run."""
        return advantages_N != 0

    def advantages(self, signals: Signals) -> Tensor | None:
        """Return token advantages, [N, T] or [N, 1]; None: no policy-gradient term."""
        return signals.A_N1

    def auxiliary(self, student_MV: Tensor, teacher_MV: Tensor, signals: Signals) -> Tensor | None:
        """Return a further loss per token, [M]; None: there is none.

        Called for tokens that have a teacher only, for some of them at a time. A token's value may depend on that
        token's row of the arguments alone.

        Args:
            student_MV: student log-probabilities over the vocabulary, with gradient.
            teacher_MV: the teacher's, without.
            signals: the tokens' signals, each token a row of its own: N = M and T = 1.

        """
        return None

    def diagnostics(self, signals: Signals) -> dict[str, Tensor]:
        """Return quantities of interest by metric name, each [N, T]; the learner logs their token means."""
        return {}
