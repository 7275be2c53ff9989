"""Evaluation on held-out tasks: sampled and greedy accuracy, and what the responses are like."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from agents.algorithms.contexts import show_answer
from agents.distributed import World
from agents.episodes import EpisodeBatch, Fit
from agents.losses import kl_divergence
from agents.policy.actor import Actor
from agents.policy.base import Policy, Sampler, Sampling
from agents.rollouts.collect import collect, completion_seeds
from agents.rollouts.environments import make_group_env
from agents.rollouts.metrics import episode_metrics, of_all
from agents.rollouts.pictures import with_fits

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
    actor: Actor,
    env: str,
    env_kwargs: dict,
    task_indices: Sequence[int],
    samples: int,
    sampling: Sampling,
    seed: int,
    world: World | None = None,
) -> Evaluation:
    """Play tasks `samples` times at the sampling temperature and once greedily.

    Args:
        actor: what acts; its policy scores what it said.
        env: environment id.
        env_kwargs: its arguments.
        task_indices: which tasks.
        samples: sampled completions per task.
        sampling: how they are sampled; completions depend on `seed` and the task's place in the list.
        seed: seed of the sampling.
        world: processes that divide the tasks among themselves, at least one for each; None: this one alone. Their
            accuracies and metrics are of all tasks, their episodes their own.

    """
    world = world or World()
    mine = np.array_split(np.arange(len(task_indices)), world.size)[world.rank]
    tasks, first = [task_indices[k] for k in mine], int(mine[0]) if len(mine) else 0
    drawn = play(actor, env, env_kwargs, tasks, samples, sampling, seed, first, actor.policy)
    greedy = play(actor, env, env_kwargs, tasks, 1, Sampling(0.0, sampling.max_tokens), seed, first, actor.policy)
    sums = distribution_sums(actor.policy, drawn, sampling.temperature, sampling.max_tokens, world)
    metrics = episode_metrics(*of_all(drawn, world)) | distribution_means(sums)
    sampled_K, greedy_K = (np.concatenate(world.gather(_accuracy(batches))) for batches in (drawn, greedy))
    return Evaluation(sampled_K, greedy_K, metrics, tuple(drawn), tuple(greedy))


def play(
    sampler: Sampler,
    env: str,
    env_kwargs: dict,
    task_indices: Sequence[int],
    samples: int,
    sampling: Sampling,
    seed: int,
    first: int,
    policy: Policy | None = None,
) -> list[EpisodeBatch]:
    """Play tasks `samples` times; see `evaluate`.

    Args:
        sampler: what acts.
        env: environment id.
        env_kwargs: its arguments.
        task_indices: which tasks.
        samples: completions per task.
        sampling: how they are sampled.
        seed: seed of the sampling.
        first: place of the first of these tasks in the list of all, on which its completions depend.
        policy: whose processor takes the pictures; None: the sampler's, and nothing is noted of them.

    """
    at_once = max(1, ROWS_AT_ONCE // samples)
    batches = []
    for start in range(0, len(task_indices), at_once):
        tasks = task_indices[start : start + at_once]
        venv = make_group_env(env, env_kwargs, len(tasks), samples)
        places = range(first + start, first + start + len(tasks))
        seeds = [s for place in places for s in completion_seeds(seed, (STREAM_SAMPLED, place), samples)]
        batch = collect(venv, sampler, tasks, sampling, seeds, step=0)
        batches.append(batch if policy is None else with_fits(batch, policy))
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
def distribution_sums(
    policy: Policy, batches: Sequence[EpisodeBatch], temperature: float, max_tokens: int, world: World
) -> NDArray[np.float64]:
    """Add up entropy and KL to the same weights shown the answer, on all turns of the first sample of each task.

    Returns:
        [3]: entropy, divergence and number of tokens, over all processes.

    """
    sums = np.zeros(3)
    groups = [group for batch in batches for group in batch.groups]
    seen = [group for group in groups if group.episodes[0].pictures is not Fit.LEFT_OUT]
    turns = [(group, t) for group in seen for t in range(len(group.episodes[0].turns))]
    spare = [(group, 0) for group in groups[:1]]  # for the calls that other processes make
    rows = max(1, NUMBERS_AT_ONCE // (max_tokens * policy.vocabulary_size))
    # Sharded weights are gathered by all processes together, so all make as many calls.
    for number in range(max(world.gather(-(-len(turns) // rows)))):
        part = turns[number * rows : (number + 1) * rows]
        played = [group.episodes[0].turns[t] for group, t in part or spare]
        informed = [show_answer(group, 0).prompts[t] for group, t in part or spare]
        responses = [turn.action.token_ids for turn in played]
        owners = range(len(played))
        student = policy.score([turn.prompt for turn in played], owners, responses, temperature=temperature)
        teacher = policy.score(informed, owners, responses, temperature=temperature)
        if part:
            divergence = student.reduce(kl_divergence, teacher)
            sums += [float(x.double().sum()) for x in (student.entropy_M, divergence, student.mask_NT)]
    return np.sum(world.gather(sums), axis=0)


def distribution_means(sums_3: NDArray[np.float64]) -> dict[str, float]:
    """Return the metrics per token of what `distribution_sums` adds up, also over several calls; none of no tokens."""
    entropies, divergences, tokens = sums_3
    if not tokens:
        return {}
    return {"entropy": float(entropies / tokens), "kl_to_informed_self": float(divergences / tokens)}
