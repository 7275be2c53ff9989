"""What SDPO and the methods made from it share: a successful attempt at the same task as the teacher's demonstration.

1. Success is accuracy, never a shaped reward: the verdict is correct, or its part "accuracy" reaches `threshold`.
2. What is shown is the first successful OTHER attempt of the group that says something, and something else than the
   attempt it is shown to; the papers draw one at random.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from torch import Tensor

from agents.algorithms.base import Algorithm, Show, Shown, Signals
from agents.algorithms.contexts import show_sibling_or_feedback
from agents.divergences import on_support, top_entries
from agents.episodes import EpisodeGroup
from rlsd_env.errors import ConfigurationError
from verifiers import Verdict


def succeeded(verdict: Verdict, threshold: float) -> bool:
    """Tell whether an attempt counts as a success.

    Args:
        verdict: what the verifier said.
        threshold: the least accuracy of a success; 0: the verifier's own word.

    Raises:
        ConfigurationError: there is a threshold, and the verdict has no accuracy.

    """
    if not threshold or verdict.status.failed:
        return verdict.correct
    if "accuracy" not in verdict.parts:
        raise ConfigurationError(
            f"threshold is {threshold} and the verdict has no part accuracy but {', '.join(verdict.parts) or 'none'}; "
            "use a verifier that has one, or threshold 0"
        )
    return verdict.parts["accuracy"] >= threshold


def judged(group: EpisodeGroup, threshold: float) -> EpisodeGroup:
    """Return the group with the successes that a threshold makes."""
    if not threshold:
        return group
    verdicts = [replace(one.verdict, correct=succeeded(one.verdict, threshold)) for one in group.episodes]
    return replace(group, episodes=tuple(replace(one, verdict=own) for one, own in zip(group.episodes, verdicts)))


@dataclass(frozen=True)
class Demonstrated(Algorithm):
    """Compare the student with a teacher that has seen a success, over the student's likeliest tokens and a bucket."""

    name: ClassVar[str] = "demonstrated"

    teacher: str = "ema(0.05)"
    top_k: int = 100
    """Entries of the student's distribution that are compared one by one; the rest is one bucket."""
    max_ratio: float = 2.0
    """Bound of the importance ratio `exp(S - S_old)` that multiplies each token's divergence; 0: no such factor."""
    threshold: float = 0.0
    """The accuracy from which on an attempt is a success; 0: where the verifier says that it is correct."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.top_k < 1 or not self.max_ratio >= 0 or not 0 <= self.threshold <= 1:
            raise ConfigurationError(
                f"top_k {self.top_k}, max_ratio {self.max_ratio} and threshold {self.threshold} of {self.name}: top_k "
                "must be at least 1, max_ratio at least 0, threshold between 0 and 1"
            )

    def show(self, feedback: str, *, successes: bool) -> Show:
        """Show a successful sibling and/or feedback, see `show_sibling_or_feedback`.

        Args:
            feedback: never, without_sibling or always.
            successes: whether attempts that succeeded are shown anything.

        """

        def show(group: EpisodeGroup, i: int) -> Shown | None:
            seen = judged(group, self.threshold)
            if not successes and seen.episodes[i].verdict.correct:
                return None
            return show_sibling_or_feedback(seen, i, feedback)

        return show

    def reduced(self, student_MV: Tensor, *others: Tensor) -> Sequence[Tensor]:
        """Take the student's likeliest entries and a bucket of it and of others; all, where there are no more."""
        if self.top_k >= student_MV.shape[-1]:
            return student_MV, *others
        index_MK = top_entries(student_MV, self.top_k)
        return [on_support(one, index_MK, tail=True) for one in (student_MV, *others)]

    def ratio_NT(self, signals: Signals) -> Tensor:
        """Return the bounded importance ratio of each token, [N, T]."""
        if not self.max_ratio:
            return torch.ones_like(signals.S_NT)
        return torch.exp(signals.S_NT - signals.S_old_NT).clamp(max=self.max_ratio)
