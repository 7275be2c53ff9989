"""`GroupEnv`: what a trainer needs of an environment that plays several attempts at each of several tasks."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from numpy.typing import NDArray

from rlsd_env.task import Item
from verifiers import Verdict


class GroupEnv(Protocol):
    """Several tasks with `group_size` attempts at each, as a `gymnasium.vector.VectorEnv` without autoreset.

    `agents.collect` and `agents.train` use these members and no others. `GroupVectorEnv` has them, and so has
    everything that derives from `rlsd_env.GroupWrapper`; `rlsd_env.group_env` finds them in any other gymnasium vector
    wrapper. What a teacher may know (`items`, `hints`) is refused with a `PermissionError` unless the environment was
    made with `expose_privileged=True`.
    """

    @property
    def num_envs(self) -> int:
        """Attempts at a time; number `b * group_size + g` is attempt g at task b."""

    @property
    def group_size(self) -> int:
        """Attempts at each task."""

    @property
    def num_groups(self) -> int:
        """Tasks at a time."""

    @property
    def task_indices(self) -> Sequence[int]:
        """The task numbers of the environment's fold."""

    @property
    def task_count(self) -> int:
        """How many tasks there are in all folds together."""

    @property
    def token_budget(self) -> int | None:
        """Tokens of all actions of an episode, beyond which nothing is graded; None: no limit."""

    @property
    def verifier_id(self) -> str:
        """Name and version of the verifier, as records keep it."""

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Begin a batch; options {"task_index": [...]} name the task of each group."""

    def step(
        self, actions: Sequence[str | None]
    ) -> tuple[dict[str, Any], NDArray[Any], NDArray[Any], NDArray[Any], dict[str, Any]]:
        """Take a completion per attempt that goes on, and None for each that has ended.

        Of the infos a trainer reads "verdict", an array with the `Verdict` on each attempt that has ended; of the
        observations "feedback", what was said of each action, the last one too: "" where nothing was.
        """

    @property
    def items(self) -> tuple[Item, ...]:
        """The current task of each group, with its privileged part."""

    def hints(self, item: Item) -> Mapping[str, str]:
        """Return what a teacher may be shown of a task, by level: "answer" and, where there are such, more.

        A level "feedback" stands in place of what the environment said at an attempt's end: see `rlsd_env.hints`.
        """

    @property
    def grades_early(self) -> bool:
        """Whether `anticipate` should be told of completions."""

    def anticipate(self, number: int, action: str) -> None:
        """Begin to judge what `step` is about to be given for an attempt; it changes no result."""

    def prefetch(self, task_indices: Sequence[int]) -> None:
        """Begin to load tasks that will soon be asked for; it changes no result."""

    def benchmark_numbers(self, task_indices: Sequence[int], verdicts: Sequence[Verdict]) -> dict[str, float]:
        """Return the numbers that a benchmark reports, from a verdict on one response to each task; else none."""

    def state_dict(self) -> dict[str, Any]:
        """Return, JSON-able, what later batches depend on besides the tasks that are asked for; {}: on nothing."""

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from where another environment with the same arguments stood."""

    def close(self) -> None:
        """Stop the threads and processes that verify."""


ENVIRONMENT_FAILED = "the environment failed: "
"""What the feedback of a verdict of status "error" begins with where it was the environment that failed."""
METHODS = tuple(name for name in vars(GroupEnv) if inspect.isfunction(vars(GroupEnv)[name]) and name[0] != "_")
"""The methods of a `GroupEnv`, by which one is told; `isinstance` would read its properties, the refused ones too."""
