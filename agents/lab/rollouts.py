"""Held-out tasks, played once for all that is measured on them, and where the steps of the responses are."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from agents.algorithms import Show
from agents.episodes import Episode, EpisodeBatch, EpisodeGroup
from agents.lab.steps import Steps, locate
from agents.policy.base import Sampling
from agents.policy.scoring import score_each
from agents.policy.token_kinds import token_texts
from agents.policy.transformers_policy import TransformersPolicy
from agents.rollouts.collect import collect, completion_seeds
from agents.rollouts.environments import make_group_env

STREAM = 7
"""What seeds of the rollouts are derived with."""
AT_ONCE = 64
"""Tasks that are played at once."""
Key = tuple[int, int]
"""Number of a group in the batch and of an episode in the group."""
Says = Mapping[Key, NDArray[np.float64]]
"""What is said of the tokens of episodes."""


def play(
    policy: TransformersPolicy, env: str, env_kwargs: dict, tasks: int, group_size: int, sampling: Sampling, seed: int
) -> EpisodeBatch:
    """Play the first tasks of an environment.

    Args:
        policy: what plays.
        env: the environment.
        env_kwargs: its arguments; they say which fold.
        tasks: how many, at most as many as there are.
        group_size: attempts at each.
        sampling: how the policy samples.
        seed: of sampling.

    """
    indices = make_group_env(env, env_kwargs, 1, 1).task_indices
    chosen = [int(indices[k]) for k in range(min(tasks, len(indices)))]
    groups: list[EpisodeGroup] = []
    for start in range(0, len(chosen), AT_ONCE):
        part = chosen[start : start + AT_ONCE]
        played = make_group_env(env, env_kwargs, len(part), group_size)
        seeds = completion_seeds(seed, (STREAM, start), played.num_envs)
        groups += collect(played, policy, part, sampling, seeds, 0).groups
        played.close()
    return EpisodeBatch(tuple(groups), 0)


def steps_of(policy: TransformersPolicy, batch: EpisodeBatch) -> dict[Key, Steps]:
    """Find the steps of each episode; one of several turns has none."""
    texts = token_texts(policy.tokenizer, policy.vocabulary_size)
    return {(g, i): locate([texts[id] for id in episode.turns[0].action.token_ids]) for g, i, episode in _short(batch)}


def with_hints(batch: EpisodeBatch, hints: Callable[[EpisodeGroup], Mapping[str, str]]) -> EpisodeBatch:
    """Return a batch with other hints about the same episodes."""
    groups = tuple(dataclasses.replace(group, hints=hints(group)) for group in batch.groups)
    return dataclasses.replace(batch, groups=groups)


@torch.no_grad()
def gains(policy: TransformersPolicy, batch: EpisodeBatch, show: Show) -> Says:
    """Return D of each token of the episodes of one turn that `show` shows something of, the policy its own teacher."""
    found: dict[Key, Any] = {(g, i): show(batch.groups[g], i) for g, i, _ in _short(batch)}
    shown = {key: context.prompts[0] for key, context in found.items() if context is not None}
    actions = {(g, i): batch.groups[g].episodes[i].turns[0].action for g, i in shown}
    ids = [action.token_ids for action in actions.values()]
    informed_NT = score_each(policy.score, list(shown.values()), ids, 1.0).logp_NT.double().numpy(force=True)
    return {
        key: informed_T[: len(action.logprobs)] - np.array(action.logprobs)
        for (key, action), informed_T in zip(actions.items(), informed_NT)
    }


def _short(batch: EpisodeBatch) -> Iterator[tuple[int, int, Episode]]:
    """Yield the episodes of one turn, with the numbers of their groups and their own."""
    for g, group in enumerate(batch.groups):
        for i, episode in enumerate(group.episodes):
            if len(episode.turns) == 1:
                yield g, i, episode
