"""From an environment and a sampler to episodes."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from gymnasium.vector import VectorEnv

from agents.episodes import Completion, Episode, EpisodeBatch, EpisodeGroup, Prompt, StopReason, Turn
from agents.messages import first_prompt, next_prompt
from agents.policy.base import Request, Sampler, Sampling
from rlsd_env import Action, GroupEnv, group_env

Reads = Callable[[int, Sequence[Turn], Prompt], Prompt | None]
"""From an attempt's number, its turns so far and its prompt to what the sampler reads in the place of that; None: it is
not asked, and the attempt says nothing."""
NOTHING = Completion((), (), "", StopReason.STOP)
"""What an attempt says that is not asked."""


def prompts_of(env: GroupEnv, observations: dict[str, Any]) -> list[Prompt]:
    """Turn the first observations into a prompt per group; the members of a group see the same."""
    return [first_prompt(_of(observations, number)) for number in range(0, env.num_envs, env.group_size)]


def _of(observations: dict[str, Any], number: int) -> dict[str, Any]:
    return {key: values[number] for key, values in observations.items()}


def _action(completion: Completion) -> Action:
    return Action(completion.text, tokens=len(completion.token_ids))


def _once(prompts: list[Prompt], first: bool) -> tuple[list[Prompt], int]:
    """Return each prompt once and how often it is there, where all that follow each other are as often; else all."""
    runs = [list(run) for _, run in itertools.groupby(prompts, lambda prompt: prompt.key)] if first else []
    lengths = {len(run) for run in runs}
    return ([run[0] for run in runs], lengths.pop()) if len(lengths) == 1 else (prompts, 1)


def completion_seeds(seed: int, stream: Sequence[int], count: int) -> list[int]:
    """Derive one 64-bit seed per completion from a run's seed and what the completions are for."""
    return np.random.SeedSequence([seed, *stream]).generate_state(count, np.uint64).tolist()


def collect(
    env: GroupEnv | VectorEnv[Any, Any, Any],
    sampler: Sampler,
    task_indices: Sequence[int],
    sampling: Sampling,
    seeds: Sequence[int],
    step: int,
    reads: Reads | None = None,
) -> EpisodeBatch:
    """Play one batch to its end: `env.num_groups` tasks, `env.group_size` attempts at each.

    The first turn is sampled from one prompt per group. Later ones go on from the very tokens that were sampled,
    with the environment's feedback, which is kept with each turn, the last one's too; attempts that have ended are left
    out. Where the environment has a token budget, no completion is longer than what is left of it. Where the
    environment grades early, it is told of each completion as soon as it has ended.

    Args:
        env: made with `expose_privileged=True`; gymnasium's vector wrappers around it may change what it shows and
            how it rewards.
        sampler: what acts: a policy, or an `agents.Actor`.
        task_indices: one task number per group.
        sampling: how it samples.
        seeds: one per environment; each turn after the first has seeds derived from them.
        step: training step, kept in the batch.
        reads: what the sampler reads instead of the prompts, which the turns have all the same.

    """
    env = group_env(env)
    observations, _ = env.reset(options={"task_index": list(task_indices)})
    shared = prompts_of(env, observations)
    budget = env.token_budget
    prompts = [shared[i // env.group_size] for i in range(env.num_envs)]
    turns: list[list[Turn]] = [[] for _ in prompts]
    returns = np.zeros(env.num_envs)
    broken_off = np.zeros(env.num_envs, dtype=bool)
    going = list(range(env.num_envs))
    infos: dict[str, Any] = {}
    while going:
        first = not turns[0]
        read = {i: prompts[i] if reads is None else reads(i, turns[i], prompts[i]) for i in going}
        playing = [i for i in going if read[i] is not None]
        now = [seeds[i] if first else completion_seeds(seeds[i], (len(turns[i]),), 1)[0] for i in playing]
        limits = None
        if budget is not None:
            spent = [sum(len(turn.action.token_ids) for turn in turns[i]) for i in playing]
            limits = [min(sampling.max_tokens, budget - tokens) for tokens in spent]
        asked, each = shared, env.group_size
        if not first or reads is not None:
            asked, each = _once([prompt for prompt in read.values() if prompt is not None], first)

        def finished(k: int, completion: Completion, playing: Sequence[int] = playing) -> None:
            env.anticipate(playing[k], _action(completion))

        early = finished if env.grades_early else None
        groups = sampler.generate(Request(asked, each, sampling, now, limits), early) if playing else []
        said = dict.fromkeys(going, NOTHING)
        said |= zip(playing, (completion for group in groups for completion in group))
        actions: list[str | None] = [None] * env.num_envs
        for i, completion in said.items():
            actions[i] = _action(completion)
        observations, rewards, terminated, truncated, infos = env.step(actions)
        for i, completion in said.items():
            turns[i].append(Turn(prompts[i], completion, observations["feedback"][i]))
        returns[going] += rewards[going]  # a wrapper may reward what has ended
        broken_off[going] = truncated[going]
        going = [i for i in going if not (terminated[i] or truncated[i])]
        for i in going:
            prompts[i] = next_prompt(prompts[i], turns[i][-1].action, _of(observations, i))
    episodes = [
        Episode(tuple(turns[i]), float(returns[i]), infos["verdict"][i], bool(broken_off[i]))
        for i in range(env.num_envs)
    ]
    size = env.group_size
    return EpisodeBatch(
        tuple(
            EpisodeGroup(item, tuple(episodes[g * size : (g + 1) * size]), env.hints(item))
            for g, item in enumerate(env.items)
        ),
        step,
    )
