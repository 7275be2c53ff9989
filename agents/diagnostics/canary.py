"""Leakage by canary: a rare text that only the teacher is shown; does the student come to find it likelier?"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import torch

from agents.episodes import EpisodeBatch

if TYPE_CHECKING:
    from agents.learner.learner import Learner


def with_canary(batch: EpisodeBatch, canary: str) -> EpisodeBatch:
    """Append the canary to every hint of a batch."""
    return dataclasses.replace(
        batch,
        groups=tuple(
            dataclasses.replace(group, hints={level: f"{text} {canary}" for level, text in group.hints.items()})
            for group in batch.groups
        ),
    )


@torch.no_grad()
def measure(learner: Learner, batch: EpisodeBatch, canary: str) -> dict[str, float]:
    """Return the mean log-probability of the canary's tokens, as the student's words right behind a task's prompt."""
    ids = tuple(learner.policy.tokenizer(canary, add_special_tokens=False)["input_ids"])
    prompts = [group.episodes[0].turns[0].prompt for group in batch.groups]
    scores = learner.policy.score(prompts, range(len(prompts)), [ids] * len(prompts), temperature=learner.temperature)
    everyone = learner.world.gather((float(scores.logp_NT.double().sum()), len(prompts)))
    return {"canary_logp": sum(total for total, _ in everyone) / sum(count for _, count in everyone)}
