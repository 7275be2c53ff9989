"""From an environment and a policy to episodes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from agents.episodes import Completion, Episode, EpisodeBatch, EpisodeGroup, Prompt, Turn
from agents.messages import observation_prompt
from agents.policy.base import Policy, Sampling
from rlsd_env import GroupVectorEnv


def prompts_of(env: GroupVectorEnv, observations: dict) -> list[Prompt]:
    """Turn the observations of each group's first member into a prompt; the other members see the same."""
    members = range(0, env.num_envs, env.group_size)
    return [observation_prompt({key: observations[key][i] for key in ("question", "images")}) for i in members]


def completion_seeds(seed: int, stream: Sequence[int], count: int) -> list[int]:
    """Derive one 64-bit seed per completion from a run's seed and what the completions are for."""
    return np.random.SeedSequence([seed, *stream]).generate_state(count, np.uint64).tolist()


def collect(
    env: GroupVectorEnv,
    policy: Policy,
    task_indices: Sequence[int],
    sampling: Sampling,
    seeds: Sequence[int],
    step: int,
) -> EpisodeBatch:
    """Play one batch: `env.num_groups` tasks, `env.group_size` attempts at each.

    Args:
        env: made with `expose_privileged=True`.
        policy: what acts.
        task_indices: one task number per group.
        sampling: how the policy samples.
        seeds: one per environment.
        step: training step, kept in the batch.

    """
    observations, _ = env.reset(options={"task_index": list(task_indices)})
    prompts = prompts_of(env, observations)
    groups = policy.generate(prompts, env.group_size, sampling, seeds)
    flat: list[Completion] = [completion for group in groups for completion in group]
    _, rewards, _, _, infos = env.step([completion.text for completion in flat])
    episodes = [
        Episode((Turn(prompts[i // env.group_size], completion),), float(rewards[i]), infos["verdict"][i])
        for i, completion in enumerate(flat)
    ]
    size = env.group_size
    return EpisodeBatch(
        tuple(
            EpisodeGroup(item, tuple(episodes[g * size : (g + 1) * size]), env.desk.hints(item))
            for g, item in enumerate(env.items)
        ),
        step,
    )


class TaskStream:
    """Which tasks each training step trains on: a function of seed and step alone, the same for every agent.

    Small sets are gone through in a new order each epoch; huge ones are drawn from without memory.

    Args:
        indices: the task numbers of the fold.
        per_step: tasks per step.
        seed: the run's seed.

    """

    SMALL = 1_000_000

    def __init__(self, indices: Sequence[int], per_step: int, seed: int) -> None:
        self.indices, self.per_step, self.seed = indices, per_step, seed

    def __call__(self, step: int) -> list[int]:
        """Return the task numbers of a step."""
        size = len(self.indices)
        if size > self.SMALL:
            rng = np.random.default_rng([self.seed, 1, step])
            return [int(self.indices[int(i)]) for i in rng.integers(size, size=self.per_step)]
        positions = [divmod(p, size) for p in range(step * self.per_step, (step + 1) * self.per_step)]
        orders = {
            epoch: np.random.default_rng([self.seed, 1, epoch]).permutation(size)
            for epoch in {epoch for epoch, _ in positions}
        }
        return [int(self.indices[int(orders[epoch][place])]) for epoch, place in positions]
