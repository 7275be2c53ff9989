"""Evaluation on held-out tasks: sampled and greedy accuracy, and what the responses are like."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from agents.environments import make_group_env
from agents.episodes import EpisodeBatch, Turn
from agents.losses import entropy, kl_divergence
from agents.metrics import episode_metrics
from agents.policy.base import Policy, Sampling
from agents.rollout import collect, completion_seeds
from agents.teacher import answer_view

STREAM_SAMPLED = 2
ROWS_AT_ONCE = 256
NUMBERS_AT_ONCE = 2**28
"""Largest tensor of log-probabilities over the vocabulary, in numbers."""


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Results on K tasks.

    Attributes:
        sampled_K: share of correct sampled completions of each task; NaN where the verifier failed on all.
        greedy_K: 1.0 or 0.0 for the greedy completion of each task; NaN where the verifier failed.
        metrics: means over the sampled completions; see `docs/metrics.md`.
        sampled: the sampled episodes.
        greedy: the greedy ones, one of each task.

    """

    sampled_K: NDArray[np.float64]
    greedy_K: NDArray[np.float64]
    metrics: dict[str, float]
    sampled: tuple[EpisodeBatch, ...]
    greedy: tuple[EpisodeBatch, ...]


def evaluate(
    policy: Policy,
    env: str,
    env_kwargs: dict,
    task_indices: Sequence[int],
    samples: int,
    sampling: Sampling,
    seed: int,
) -> Evaluation:
    """Play tasks `samples` times at the sampling temperature and once greedily.

    Args:
        policy: what acts.
        env: environment id.
        env_kwargs: its arguments.
        task_indices: which tasks.
        samples: sampled completions per task.
        sampling: how they are sampled; completions depend on `seed` and the task's place in the list.
        seed: seed of the sampling.

    """
    drawn = _play(policy, env, env_kwargs, task_indices, samples, sampling, seed)
    greedy = _play(policy, env, env_kwargs, task_indices, 1, Sampling(0.0, sampling.max_tokens), seed)
    episodes = [episode for batch in drawn for _, _, episode in batch]
    questions = [group.item.task.question for batch in drawn for group, _, _ in batch]
    metrics = episode_metrics(episodes, questions) | _distribution_metrics(
        policy, drawn, sampling.temperature, sampling.max_tokens
    )
    return Evaluation(_accuracy(drawn), _accuracy(greedy), metrics, tuple(drawn), tuple(greedy))


def _play(
    policy: Policy,
    env: str,
    env_kwargs: dict,
    task_indices: Sequence[int],
    samples: int,
    sampling: Sampling,
    seed: int,
) -> list[EpisodeBatch]:
    at_once = max(1, ROWS_AT_ONCE // samples)
    batches = []
    for start in range(0, len(task_indices), at_once):
        tasks = task_indices[start : start + at_once]
        venv = make_group_env(env, env_kwargs, len(tasks), samples)
        seeds = [s for k in range(len(tasks)) for s in completion_seeds(seed, (STREAM_SAMPLED, start + k), samples)]
        batches.append(collect(venv, policy, tasks, sampling, seeds, step=0))
        venv.close()
    return batches


def _accuracy(batches: Sequence[EpisodeBatch]) -> NDArray[np.float64]:
    shares = []
    for batch in batches:
        for group in batch.groups:
            valid = [episode.verdict.correct for episode in group.episodes if episode.valid]
            shares.append(np.mean(valid) if valid else np.nan)
    return np.array(shares, dtype=np.float64)


@torch.no_grad()
def _distribution_metrics(
    policy: Policy, batches: Sequence[EpisodeBatch], temperature: float, max_tokens: int
) -> dict[str, float]:
    """Entropy, and KL to the same weights shown the answer, on the first sample of each task."""
    entropies, divergences, tokens = 0.0, 0.0, 0
    groups = [group for batch in batches for group in batch.groups]
    rows = max(1, NUMBERS_AT_ONCE // (max_tokens * policy.vocabulary_size))
    for start in range(0, len(groups), rows):
        turns: list[Turn] = []
        informed = []
        for group in groups[start : start + rows]:
            turns.append(group.episodes[0].turns[0])
            informed.append(answer_view(group, 0).prompts[0])
        responses = [turn.action.token_ids for turn in turns]
        owners = range(len(turns))
        student = policy.score([turn.prompt for turn in turns], owners, responses, temperature=temperature)
        teacher = policy.score(informed, owners, responses, temperature=temperature)
        entropies += float(student.reduce(entropy).double().sum())
        divergences += float(student.reduce(kl_divergence, teacher).double().sum())
        tokens += int(student.mask_NT.sum())
    return {"entropy": entropies / tokens, "kl_to_informed_self": divergences / tokens}
