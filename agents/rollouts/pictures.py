"""Pictures that the policy's processor does not take: which tasks are trained on instead, what became of episodes."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from agents.distributed import World
from agents.episodes import Episode, EpisodeBatch, Fit
from agents.policy.base import Policy
from agents.policy.media import MediaProcessor
from rlsd_env import GroupEnv
from rlsd_env.desk import Desk
from rlsd_env.procedural.base import ProceduralSource

DRAWS = 32
"""Tasks that are tried in the place of one at most, until one fits."""


class FittingTasks:
    """Puts other tasks of the fold in the place of those with a picture that is to be left out, with `pictures="skip"`.

    Which one is a function of seed, step and place in the step alone: resumed and distributed runs train on the same.

    Args:
        env: what the tasks are of; one of others, which has no task without an episode, keeps its own.
        media: what takes the pictures.
        seed: the run's seed.

    """

    def __init__(self, env: GroupEnv, media: MediaProcessor, seed: int) -> None:
        self._media, self._seed, self._indices = media, seed, env.task_indices
        desk = getattr(env, "desk", None)
        drawn_here = not isinstance(desk, Desk) or isinstance(desk.source, ProceduralSource)
        self._desk = None if drawn_here or media.pictures != "skip" or not media.sees else desk
        self._known: dict[int, bool] = {}

    def __call__(self, step: int, tasks: Sequence[int], world: World) -> tuple[list[int], int | None]:
        """Return this process's tasks of a step, and how many are there for another; None: none is replaced.

        Args:
            step: the training step.
            tasks: the task numbers of all processes.
            world: the processes.

        """
        mine = world.share(list(enumerate(tasks)))
        found = [task if self._fits(task) else self._instead(step, place, task, tasks) for place, task in mine]
        replaced = sum(task != own for task, (_, own) in zip(found, mine))
        return found, None if self._desk is None else replaced

    def _fits(self, task: int) -> bool:
        if self._desk is None:
            return True
        if task not in self._known:
            self._known[task] = self._media.fit(self._desk.item(task).task.images) is not Fit.LEFT_OUT
        return self._known[task]

    def _instead(self, step: int, place: int, task: int, tasks: Sequence[int]) -> int:
        """Draw a task that fits and is not in the step; the task itself where none was found.

        Each place of the step draws from others than all other places, so that none comes twice.
        """
        rng, count = np.random.default_rng([self._seed, 2, step]), len(self._indices)
        drawn = rng.choice(count, min(count, DRAWS * len(tasks)), replace=False)[place :: len(tasks)]
        candidates = (int(self._indices[int(i)]) for i in drawn)
        return next((one for one in candidates if one not in tasks and self._fits(one)), task)


def with_fits(batch: EpisodeBatch, policy: Policy) -> EpisodeBatch:
    """Note of each episode what became of its pictures, so that one with a picture left out counts for nothing.

    Args:
        batch: the episodes, attempts with help among them.
        policy: whose processor takes pictures; one that stops at those that it refuses has none to tell of.

    """
    media = policy.encoder.media
    if media.pictures == "stop" or not media.sees:
        return batch
    known: dict[int, Episode] = {}  # an attempt with help stands in two places

    def noted(episode: Episode) -> Episode:
        if id(episode) not in known:
            fit = media.fit(episode.turns[-1].prompt.images)
            own = episode.replaces and noted(episode.replaces)
            known[id(episode)] = dataclasses.replace(episode, pictures=fit, replaces=own)
        return known[id(episode)]

    groups = tuple(
        dataclasses.replace(group, episodes=tuple(map(noted, group.episodes)), guided=tuple(map(noted, group.guided)))
        for group in batch.groups
    )
    return dataclasses.replace(batch, groups=groups)
