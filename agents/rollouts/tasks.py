"""Which tasks a run trains on, step by step, and which it is evaluated on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from agents.options.commands import TrainingOptions
from agents.rollouts.environments import in_fold, make_group_env

CHOICE_SEED = 3


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


def evaluation_tasks(options: TrainingOptions, fold: str) -> list[int]:
    """Choose the tasks of a fold that are evaluated on: the same for every agent and every seed."""
    indices = make_group_env(options.env, in_fold(options.env_kwargs, fold), 1, 1).task_indices
    if len(indices) <= options.eval_tasks:
        return [int(index) for index in indices]
    if len(indices) > TaskStream.SMALL:
        return [int(indices[k]) for k in range(options.eval_tasks)]
    chosen = np.random.default_rng(CHOICE_SEED).choice(len(indices), options.eval_tasks, replace=False)
    return [int(indices[int(k)]) for k in chosen]
