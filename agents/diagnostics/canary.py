"""Leakage by canary: a rare text that only the teacher is shown; does the student come to find it likelier?"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import torch

from agents.episodes import EpisodeBatch, Prompt

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
    parts = list(_parts(learner, prompts, len(ids)))
    total = 0.0
    # Sharded weights are gathered by all processes together, so all make as many calls.
    for number in range(max(learner.world.gather(len(parts)))):
        part = parts[number] if number < len(parts) else prompts[:1]
        scores = learner.policy.score(part, range(len(part)), [ids] * len(part), temperature=learner.temperature)
        total += float(scores.logp_NT.double().sum()) if number < len(parts) else 0.0
    everyone = learner.world.gather((total, len(prompts)))
    return {"canary_logp": sum(total for total, _ in everyone) / sum(count for _, count in everyone)}


def _parts(learner: Learner, prompts: Sequence[Prompt], length: int) -> Iterator[list[Prompt]]:
    """Split prompts into parts under the learner's budget of tokens, padding included."""
    part: list[Prompt] = []
    longest = 0
    for prompt in prompts:
        longest = max(longest, learner.policy.count_tokens(prompt) + length)
        if part and longest * (len(part) + 1) > learner.options.micro_batch_tokens:
            yield part
            part, longest = [], learner.policy.count_tokens(prompt) + length
        part.append(prompt)
    if part:
        yield part
