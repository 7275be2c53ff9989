"""`GroupVectorEnv`: B tasks x G attempts behind `gymnasium.make_vec(id, num_envs=B*G, group_size=G)`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from gymnasium import spaces
from gymnasium.error import ResetNeeded
from gymnasium.utils import seeding
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from rlsd_env.attempt import Attempt
from rlsd_env.desk import Desk, Observation, observation_space, split_options
from rlsd_env.early import EarlyGrader
from rlsd_env.errors import ConfigurationError
from rlsd_env.sources import TaskSource
from rlsd_env.spaces import UnicodeText
from rlsd_env.task import Item, Privileged
from verifiers import Verdict


class GroupVectorEnv(VectorEnv[Observation, Sequence[str | None], NDArray[Any]]):
    """`num_envs` environments in groups of `group_size` that share one task each: a `rlsd_env.GroupEnv`.

    Environment number `b * group_size + g` is attempt g at task b. Members of a group see the same bytes:
    the very same strings and pixels, held once. Grading is one `verify_batch` over all answers of a step, less those
    that were judged early: see `anticipate`.

    There is no autoreset: call `reset` for the next batch. With several turns, attempts end at different steps: `over`
    tells which have. In later steps the action of one that has ended is None, its reward 0.0, terminated and truncated
    are False, and its other entries stay as they are. With an integer
    seed, group b has the task that `ReasoningEnv.reset(seed=seed + b)` has; a list of seeds gives one per group, or
    one per environment with equal seeds within a group.

    Args:
        num_envs: a multiple of `group_size`.
        source: as for `ReasoningEnv`.
        group_size: attempts per task.
        render_mode: None; groups are not rendered.
        options: as for `ReasoningEnv`.

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
        render_mode: str | None = None,
        **options: Any,
    ) -> None:
        if render_mode is not None:
            raise ConfigurationError(f"render_mode {render_mode!r}: groups are not rendered; make a single environment")
        if type(group_size) is not int or group_size < 1 or num_envs < 1 or num_envs % group_size:
            raise ConfigurationError(
                f"num_envs {num_envs} with group_size {group_size}: num_envs must be a positive multiple of it"
            )
        config, source_kwargs = split_options(options)
        self.desk = Desk(source, config, source_kwargs)
        self.num_envs = num_envs
        self.group_size = group_size
        self.num_groups = num_envs // group_size
        self.single_observation_space = observation_space(config.max_turns)
        self.single_action_space = UnicodeText()
        self.observation_space = spaces.Dict(
            {name: _batched(space, num_envs) for name, space in self.single_observation_space.items()}
        )
        self.action_space = _batched(self.single_action_space, num_envs)
        self._rngs: list[np.random.Generator] | None = None
        self._items: list[Item] = []
        self._attempts: list[Attempt] = []
        self._early: EarlyGrader | None = None

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
        if self._early is not None:
            self._early.forget()
        seeds = self._group_seeds(seed)
        if self._rngs is None:
            self._rngs = [seeding.np_random(value)[0] for value in seeds]
        else:
            for group, value in enumerate(seeds):
                if value is not None:
                    self._rngs[group] = seeding.np_random(value)[0]
        chosen = self.desk.chosen(options, self.num_groups)
        if chosen is None:
            chosen = [self.desk.draw(rng) for rng in self._rngs]
        self._items, self._attempts = [], []  # the last batch's pictures may go before this one's come
        self.desk.source.prefetch(chosen)
        self._items = [self.desk.item(index) for index in chosen]
        prompts = [self.desk.prompt(item.task) for item in self._items]
        self._attempts = [
            Attempt(self.desk, item, prompt)
            for item, prompt in zip(self._items, prompts)
            for _ in range(self.group_size)
        ]
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
        self, actions: Sequence[str | None]
    ) -> tuple[Observation, NDArray[Any], NDArray[Any], NDArray[Any], dict[str, Any]]:
        """Take one completion per attempt that goes on, and None for each that has ended.

        Raises:
            ResetNeeded: no episodes have begun, or all have ended.
            ValueError: the number of actions is not `num_envs`, or an attempt that has ended is given one.
            TypeError: an action is not text.

        """
        if all(attempt.over for attempt in self._attempts):
            raise ResetNeeded("the episodes have ended or not begun; call reset() before step()")
        if len(actions) != self.num_envs:
            raise ValueError(f"{len(actions)} actions for {self.num_envs} environments")
        for number, (attempt, action) in enumerate(zip(self._attempts, actions)):
            if attempt.over and action is not None:
                raise ValueError(f"action {number} is given to an attempt that has ended; it must be None")
            if not attempt.over and not isinstance(action, str):
                raise TypeError(f"action {number} is a {type(action).__name__}; it must be the completion's text")
        rewards = np.zeros(self.num_envs, dtype=np.float64)
        terminated, truncated = np.zeros((2, self.num_envs), dtype=np.bool_)
        running = [number for number, attempt in enumerate(self._attempts) if not attempt.over]
        answers = [(number, self._attempts[number].act(actions[number])) for number in running]  # type: ignore[arg-type]
        graded = [(number, answer) for number, answer in answers if answer is not None]
        for (number, answer), verdict in zip(graded, self._grade(graded)):
            self._attempts[number].judge(answer, verdict)
        for number in running:
            attempt = self._attempts[number]
            rewards[number] = attempt.reward
            terminated[number], truncated[number] = attempt.terminated, attempt.truncated
        return self._observations(), rewards, terminated, truncated, self._infos()

    def _grade(self, graded: Sequence[tuple[int, str]]) -> list[Verdict]:
        """Judge answers of attempts, by number: those that were not anticipated in one batch."""
        known = {} if self._early is None else self._early.verdicts()
        keys = [(number // self.group_size, str(answer)) for number, answer in graded]
        rest = [(number, answer) for key, (number, answer) in zip(keys, graded) if key not in known]
        fresh = iter(
            self.desk.grade(
                [answer for _, answer in rest],
                [self._attempts[number].item.privileged.reference for number, _ in rest],
                [self._attempts[number].item.task.id for number, _ in rest],
            )
        )
        return [known[key] if key in known else next(fresh) for key in keys]

    @property
    def task_indices(self) -> Sequence[int]:
        """The task numbers of the fold."""
        return self.desk.indices

    @property
    def task_count(self) -> int:
        """How many tasks the source has, in all folds together."""
        return len(self.desk.source)

    @property
    def token_budget(self) -> int | None:
        """Tokens of all actions of an episode; None: no limit."""
        return self.desk.config.token_budget

    @property
    def verifier_id(self) -> str:
        """Name and version of the verifier."""
        return f"{self.desk.verifier.name} {self.desk.verifier.version}"

    @property
    def grades_early(self) -> bool:
        """Whether an answer should be judged as soon as it is there; see `EnvConfig.grade_early`."""
        return self.desk.grades_early

    def anticipate(self, number: int, action: str) -> None:
        """Begin to judge, in the background, an action that `step` is about to be given.

        Nothing is to be seen of it before `step`, which uses the verdict if it is given this action for this attempt.
        What is no answer, such as a call of a tool, is left to `step`.

        Args:
            number: of the attempt.
            action: the completion.

        """
        attempt = self._attempts[number]
        if not isinstance(action, str) or not attempt.would_grade(action):
            return
        if self._early is None:
            self._early = EarlyGrader(self.desk.grade, self.desk.config.grading_workers or 1)
        self._early.submit(number // self.group_size, action, attempt.item.privileged.reference)

    def prefetch(self, task_indices: Sequence[int]) -> None:
        """Begin to load tasks that will soon be asked for, in the background."""
        self.desk.source.prefetch(task_indices)

    def benchmark_numbers(self, task_indices: Sequence[int], verdicts: Sequence[Verdict]) -> dict[str, float]:
        """Return the numbers that a benchmark reports, by name, where the verifier is its scorer; else none.

        Args:
            task_indices: task numbers.
            verdicts: on one response to each.

        """
        return self.desk.benchmark_numbers(task_indices, verdicts)

    def state_dict(self) -> dict[str, Any]:
        """Return nothing: a batch whose tasks are asked for depends on no other."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take nothing.

        Raises:
            ConfigurationError: there is something.

        """
        if state:
            raise ConfigurationError(
                f"state has {', '.join(sorted(state))}; this environment keeps none: is a wrapper of the one whose "
                "state it is missing?"
            )

    def _observations(self) -> Observation:
        observed = [attempt.observation(copy=False) for attempt in self._attempts]
        batched: Observation = {
            key: tuple(observation[key] for observation in observed) for key in observed[0] if key != "turn"
        }
        return batched | {"turn": np.array([observation["turn"] for observation in observed], dtype=np.int64)}

    def _infos(self) -> dict[str, Any]:
        """Merge what the attempts say: an array per key, and one that tells which attempts have the key."""
        infos: dict[str, Any] = {}
        for number, attempt in enumerate(self._attempts):
            for key, value in attempt.info().items():
                if key not in infos:
                    dtype = type(value) if isinstance(value, (int, float)) else object
                    empty: Any = {int: 0, float: np.nan}.get(dtype)
                    infos[key] = np.full(self.num_envs, empty, dtype=dtype)
                    infos[f"_{key}"] = np.zeros(self.num_envs, dtype=np.bool_)
                infos[key][number] = value
                infos[f"_{key}"][number] = True
        return infos

    @property
    def over(self) -> NDArray[np.bool_]:
        """Which attempts have ended, [num_envs]."""
        return np.array([attempt.over for attempt in self._attempts], dtype=np.bool_)

    @property
    def items(self) -> tuple[Item, ...]:
        """The tasks of the groups with their privileged parts, in order.

        Raises:
            PermissionError: the environment was made without `expose_privileged=True`.

        """
        self.desk.reveal(self._items)
        return tuple(self._items)

    def hints(self, item: Item) -> dict[str, str]:
        """Return what a teacher may be shown of a task, by level: "answer" and, where there are such, more.

        Raises:
            ConfigurationError: a wrong hint is asked for and there is none.
            PermissionError: the environment was made without `expose_privileged=True`.

        """
        return self.desk.hints(item)

    @property
    def privileged(self) -> tuple[Privileged, ...]:
        """The privileged parts of the groups' tasks, in order.

        Raises:
            PermissionError: the environment was made without `expose_privileged=True`.

        """
        return self.desk.reveal(self._items)

    @property
    def attempts(self) -> tuple[Attempt, ...]:
        """The attempts with all that happened in them; they hold privileged parts.

        Raises:
            PermissionError: the environment was made without `expose_privileged=True`.

        """
        self.desk.reveal(self._items)
        return tuple(self._attempts)

    def close_extras(self, **kwargs: Any) -> None:
        """Stop the threads and processes that verify, where this environment has its own."""
        if self._early is not None:
            self._early.close()
            self._early = None
        self.desk.close()


def _batched(space: spaces.Space[Any], count: int) -> spaces.Space[Any]:
    """Batch a space without copying it `count` times, as `batch_space` does with those that are not arrays."""
    if isinstance(space, spaces.Discrete):
        return batch_space(space, count)
    return spaces.Tuple((space,) * count)
