"""`GroupVectorEnv`: B tasks x G attempts behind `gymnasium.make_vec(id, num_envs=B*G, group_size=G)`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from gymnasium.error import ResetNeeded
from gymnasium.utils import seeding
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from rlsd_env.core import Desk, Observation, observation_space
from rlsd_env.env import verdict_info
from rlsd_env.errors import ConfigurationError
from rlsd_env.sources import TaskSource
from rlsd_env.spaces import UnicodeText
from rlsd_env.task import Item, Privileged
from verifiers import Verifier


class GroupVectorEnv(VectorEnv[Observation, Sequence[str], NDArray[Any]]):
    """`num_envs` environments in groups of `group_size` that share one task each.

    Environment number `b * group_size + g` is attempt g at task b. Members of a group see the same bytes:
    the very same strings and pixels, held once. Grading is one `verify_batch` over all answers.

    There is no autoreset: call `reset` for the next batch. With an integer seed, group b has the task that
    `ReasoningEnv.reset(seed=seed + b)` has; a list of seeds gives one per group, or one per environment
    with equal seeds within a group.

    Args:
        num_envs: a multiple of `group_size`.
        group_size: attempts per task.
        source: and all further arguments as for `ReasoningEnv`.

    Raises:
        ConfigurationError: `num_envs` is not a positive multiple of `group_size`, or as for `Desk`.

    """

    metadata = {  # noqa: RUF012 - declared so by VectorEnv
        "autoreset_mode": AutoresetMode.DISABLED
    }

    def __init__(
        self,
        num_envs: int,
        source: str | TaskSource,
        *,
        group_size: int = 1,
        verifier: str | Verifier | None = None,
        verifier_kwargs: Mapping[str, Any] | None = None,
        answer_format: str | None = None,
        fold: str = "all",
        expose_privileged: bool = False,
        **source_kwargs: Any,
    ) -> None:
        if group_size < 1 or num_envs < 1 or num_envs % group_size:
            raise ConfigurationError(
                f"num_envs {num_envs} with group_size {group_size}: num_envs must be a positive multiple of it"
            )
        self.desk = Desk(source, verifier, verifier_kwargs, answer_format, fold, expose_privileged, source_kwargs)
        self.num_envs = num_envs
        self.group_size = group_size
        self.num_groups = num_envs // group_size
        self.single_observation_space = observation_space()
        self.single_action_space = UnicodeText()
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self._rngs = [seeding.np_random(None)[0] for _ in range(self.num_groups)]
        self._items: list[Item] = []
        self._finished = True

    def reset(
        self, *, seed: int | Sequence[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Begin `num_groups` tasks.

        Args:
            seed: see the class.
            options: {"task_index": [...]} or {"task_id": [...]}, one per group.

        Raises:
            ConfigurationError: seeds or options do not fit the groups.

        """
        for group, value in enumerate(self._group_seeds(seed)):
            if value is not None:
                self._rngs[group] = seeding.np_random(value)[0]
        chosen = self.desk.chosen(options)
        if chosen is None:
            chosen = [self.desk.draw(rng) for rng in self._rngs]
        elif isinstance(chosen, int) or len(chosen) != self.num_groups:
            count = 1 if isinstance(chosen, int) else len(chosen)
            raise ConfigurationError(f"the reset options name {count} tasks; there are {self.num_groups} groups")
        self._items = [self.desk.source.item(index) for index in chosen]
        self._finished = False
        return self._observations(), self._infos()

    def _group_seeds(self, seed: int | Sequence[int | None] | None) -> Sequence[int | None]:
        if seed is None:
            return [None] * self.num_groups
        if isinstance(seed, (int, np.integer)):
            return [int(seed) + group for group in range(self.num_groups)]
        seeds = list(seed)
        if len(seeds) == self.num_envs:
            groups = [seeds[i : i + self.group_size] for i in range(0, self.num_envs, self.group_size)]
            if any(len(set(group)) > 1 for group in groups):
                raise ConfigurationError("seeds differ within a group; members of a group share one task")
            seeds = [group[0] for group in groups]
        if len(seeds) != self.num_groups:
            raise ConfigurationError(
                f"{len(seeds)} seeds; give one number, {self.num_groups} (one per group) or {self.num_envs}"
            )
        return seeds

    def step(
        self, actions: Sequence[str]
    ) -> tuple[Observation, NDArray[Any], NDArray[Any], NDArray[Any], dict[str, Any]]:
        """Judge one completion per environment and end all episodes.

        Raises:
            ResetNeeded: the episodes have ended or not begun.
            ValueError: the number of actions is not `num_envs`.

        """
        if self._finished:
            raise ResetNeeded("the episodes have ended or not begun; call reset() before step()")
        if len(actions) != self.num_envs:
            raise ValueError(f"{len(actions)} actions for {self.num_envs} environments")
        for number, action in enumerate(actions):
            if not isinstance(action, str):
                raise TypeError(f"action {number} is a {type(action).__name__}; it must be the completion's text")
        verdicts = self.desk.grade(actions, [item for item in self._items for _ in range(self.group_size)])
        self._finished = True
        infos = self._infos()
        for number, verdict in enumerate(verdicts):
            for key, value in verdict_info(verdict).items():
                if key not in infos:
                    dtype = np.float64 if isinstance(value, float) else object
                    infos[key] = np.full(self.num_envs, np.nan if dtype is np.float64 else None, dtype=dtype)
                    infos[f"_{key}"] = np.zeros(self.num_envs, dtype=np.bool_)
                infos[key][number] = value
                infos[f"_{key}"][number] = True
        rewards = np.array([verdict.reward for verdict in verdicts], dtype=np.float64)
        ended, truncated = np.ones(self.num_envs, dtype=np.bool_), np.zeros(self.num_envs, dtype=np.bool_)
        return self._observations(), rewards, ended, truncated, infos

    def _observations(self) -> Observation:
        groups = [self.desk.observe(item, copy=False) for item in self._items]
        batched: Observation = {
            key: tuple(group[key] for group in groups for _ in range(self.group_size))
            for key in groups[0]
            if key != "turn"
        }
        return batched | {"turn": np.zeros(self.num_envs, dtype=np.int64)}

    def _infos(self) -> dict[str, Any]:
        infos: dict[str, Any] = {}
        for key in ("task_id", "task"):
            values = np.empty(self.num_envs, dtype=object)
            for number in range(self.num_envs):
                task = self._items[number // self.group_size].task
                values[number] = task.id if key == "task_id" else task.info
            infos[key] = values
            infos[f"_{key}"] = np.ones(self.num_envs, dtype=np.bool_)
        return infos

    @property
    def items(self) -> tuple[Item, ...]:
        """The tasks of the groups with their privileged parts, in order.

        Raises:
            PermissionError: the environment was made without `expose_privileged=True`.

        """
        self.desk.reveal(self._items)
        return tuple(self._items)

    @property
    def privileged(self) -> tuple[Privileged, ...]:
        """The privileged parts of the groups' tasks, in order.

        Raises:
            PermissionError: the environment was made without `expose_privileged=True`.

        """
        return self.desk.reveal(self._items)
