"""`GroupEnv` through gymnasium's vector wrappers, which do not pass on what gymnasium does not know."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gymnasium.vector import VectorEnv, VectorWrapper

from rlsd_env.errors import ConfigurationError
from rlsd_env.groups import METHODS, GroupEnv
from rlsd_env.task import Item
from verifiers import Verdict


def group_env(env: GroupEnv | VectorEnv[Any, Any, Any]) -> GroupEnv:
    """Return an environment as a `GroupEnv`: itself where it is one, else a `GroupWrapper` around it.

    >>> import gymnasium, rlsd_env
    >>> plain = gymnasium.make_vec("rlsd/ShapeCount-v0", num_envs=4, group_size=2)
    >>> clipped = gymnasium.wrappers.vector.ClipReward(plain, 0.0, 0.5)
    >>> group_env(plain) is plain, group_env(clipped).group_size
    (True, 2)

    Raises:
        ConfigurationError: there is no `GroupEnv` in it.

    """
    found = _outermost(env)
    return found if found is env else GroupWrapper(env)  # type: ignore[arg-type]  # a wrapper is a VectorEnv


def _outermost(env: Any) -> GroupEnv:
    """Return the outermost `GroupEnv` of an environment and its wrappers."""
    layer = env
    while not all(hasattr(type(layer), name) for name in METHODS):
        if not isinstance(layer, VectorWrapper):
            raise ConfigurationError(
                f"{type(env).__name__} is no group environment and no gymnasium vector wrapper around one; make one "
                "with gymnasium.make_vec(id, num_envs=.., group_size=..), or see rlsd_env.GroupEnv"
            )
        layer = layer.env
    found: GroupEnv = layer
    return found


class GroupWrapper(VectorWrapper):
    """A vector wrapper that is a `GroupEnv`: a base for wrappers that change what one says.

    `reset`, `step`, `render` and `close` go through the wrapped environment and so through all wrappers in between;
    everything else is asked of the outermost `GroupEnv` in it. A wrapper on whose past later batches depend overrides
    `state_dict` and `load_state_dict`, so that a training that is stopped goes on as it would have.

    Args:
        env: a `GroupEnv`, or gymnasium vector wrappers around one.

    Raises:
        ConfigurationError: there is none in it.

    """

    def __init__(self, env: VectorEnv[Any, Any, Any]) -> None:
        _outermost(env)
        super().__init__(env)

    @property
    def _group(self) -> GroupEnv:
        return _outermost(self.env)

    @property
    def group_size(self) -> int:
        """Attempts at each task."""
        return self._group.group_size

    @property
    def num_groups(self) -> int:
        """Tasks at a time."""
        return self._group.num_groups

    @property
    def task_indices(self) -> Sequence[int]:
        """The task numbers of the environment's fold."""
        return self._group.task_indices

    @property
    def task_count(self) -> int:
        """How many tasks there are in all folds together."""
        return self._group.task_count

    @property
    def token_budget(self) -> int | None:
        """Tokens of all actions of an episode; None: no limit."""
        return self._group.token_budget

    @property
    def verifier_id(self) -> str:
        """Name and version of the verifier."""
        return self._group.verifier_id

    @property
    def items(self) -> tuple[Item, ...]:
        """The current task of each group, with its privileged part."""
        return self._group.items

    def hints(self, item: Item) -> Mapping[str, str]:
        """Return what a teacher may be shown of a task, by level."""
        return self._group.hints(item)

    @property
    def grades_early(self) -> bool:
        """Whether `anticipate` should be told of completions."""
        return self._group.grades_early

    def anticipate(self, number: int, action: str) -> None:
        """Begin to judge what `step` is about to be given for an attempt."""
        self._group.anticipate(number, action)

    def prefetch(self, task_indices: Sequence[int]) -> None:
        """Begin to load tasks that will soon be asked for."""
        self._group.prefetch(task_indices)

    def benchmark_numbers(self, task_indices: Sequence[int], verdicts: Sequence[Verdict]) -> dict[str, float]:
        """Return the numbers that a benchmark reports, from a verdict on one response to each task; else none."""
        return self._group.benchmark_numbers(task_indices, verdicts)

    def state_dict(self) -> dict[str, Any]:
        """Return, JSON-able, what later batches depend on besides the tasks that are asked for."""
        return self._group.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from where another environment with the same arguments stood."""
        self._group.load_state_dict(state)

    def __del__(self) -> None:
        """Close nothing: what is wrapped may be used on (gymnasium 1.2 would close it with the wrapper)."""
