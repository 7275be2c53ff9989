"""Anybody's `gymnasium.Env` in groups: text and pictures in, text out, trained by the agents here as it is.

    rlsd_env.adapters.foreign.register("mine/Lake-v0", make="my_lake:make", privileged="my_lake:way", max_turns=4)

A task is a seed: number i is what `reset(seed=i)` begins, for all attempts of a group the same. Environments that do
not speak text are wrapped by `rlsd_env.adapters.texts`.
"""

from __future__ import annotations

import inspect
import json
import logging
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import gymnasium
import numpy as np
from gymnasium.envs.registration import EnvSpec
from gymnasium.error import ResetNeeded
from gymnasium.vector import AutoresetMode, VectorEnv
from numpy.typing import NDArray

from rlsd_env.adapters.foreign_attempt import Attempt
from rlsd_env.adapters.protocol import made, reset
from rlsd_env.adapters.texts import Seen, seen
from rlsd_env.errors import ConfigurationError, one_of
from rlsd_env.hints import BLANK, TRIES, UNSAID, VARIANTS
from rlsd_env.plugins import resolve
from rlsd_env.sources.base import FOLDS
from rlsd_env.spaces import UnicodeText
from rlsd_env.task import Item, Privileged, Task, escaped
from verifiers import Reference, Verdict
from verifiers.arguments import argument_fault

ENTRY = "rlsd_env.adapters.foreign:ForeignGroups"
LEVELS = ("answer", "solution")
"""Of what `privileged` may tell."""
Make = Callable[..., gymnasium.Env[Any, Any]]
Tells = Callable[[gymnasium.Env[Any, Any], int], str | Mapping[str, str]]
_LOG = logging.getLogger(__name__)


def register(id: str, make: str, **kwargs: Any) -> None:
    """Register an environment of anybody's for the agents: `python -m agents.train --env module:namespace/Name-v0`.

    Args:
        id: "namespace/Name-v0".
        make: "package.module:function" that makes the environment.
        kwargs: defaults for the arguments of `ForeignGroups`.

    """
    gymnasium.register(id=id, vector_entry_point=ENTRY, kwargs={"make": make, **kwargs})


def is_foreign(spec: EnvSpec) -> bool:
    """Tell whether an id was registered by `register`."""
    return spec.vector_entry_point == ENTRY


def check_options(id: str, options: Mapping[str, Any]) -> None:
    """Refuse options of a registered environment that `ForeignGroups` does not have.

    Raises:
        ConfigurationError: there is one; it may be meant for what makes the environment.

    """
    known = inspect.signature(ForeignGroups).parameters
    for name, value in options.items():
        if name not in known:
            told = one_of(
                f"option of {id}", name, known.keys() - {"num_envs", "make", "group_size", "expose_privileged"}
            )
            given = f"{name}={json.dumps(value, default=str)}"
            raise ConfigurationError(f"{told}; arguments of the environment itself go into make_kwargs={{{given}}}")


def advice(spec: EnvSpec) -> str:
    """Write the line that registers an environment of Gymnasium's for the agents, where it was registered for one."""
    name = spec.name if spec.namespace is None else f"{spec.namespace}/{spec.name}"
    version = "" if spec.version is None else f"-v{spec.version}"
    id = f"{name}Groups{version}" if spec.namespace else f"mine/{name}Groups{version}"
    return f"rlsd_env.adapters.foreign.register({id!r}, make='gymnasium:make', make_kwargs={{'id': {spec.id!r}}})"


class ForeignGroups(VectorEnv[dict[str, Any], Sequence[str | None], NDArray[Any]]):
    """Attempts at seeds of an environment, `group_size` at each: a `rlsd_env.GroupEnv`.

    The reward of an attempt is the sum of its rewards, without discount. It is right where that is at least `success`.
    It is truncated by the environment, after `max_turns` actions, or with its `token_budget`. Its verdict's status is
    that of its first invalid action (`info["invalid"]`, see `texts.AnswerToAction`), so that the metrics
    `status_no_answer_share`, `status_unparsable_share` and `status_ambiguous_share` count them. Where the environment
    raises in the middle of an attempt, that attempt has the status "error": it is left out of its group and counted.

    Args:
        num_envs: a multiple of `group_size`.
        make: makes one environment: a function, or "package.module:function".
        make_kwargs: its arguments.
        group_size: attempts per task.
        tasks: how many seeds, from 0, there are; 70 % are of the fold "train", 10 % "tuning", 20 % "heldout".
        instructions: what stands above the first observation.
        max_turns: actions of an attempt at most.
        success: the return from which on an attempt is right.
        privileged: what a teacher is shown of a task: a function (or "package.module:function") from an environment of
            its own, which `reset(seed=seed)` has begun and which it may play, and the seed to a text, or texts by level
            ("answer", "solution"). None: "not given", with which a teacher knows nothing more than the student.
        fold: "all", "train", "tuning" or "heldout".
        token_budget: tokens of all actions of an attempt; None: no limit.
        hints: "right", or as controls "wrong" (what `privileged` tells of another seed of the fold, where its answer is
            another text) or "blank".
        expose_privileged: whether `items` and `hints` may be read.

    Raises:
        ConfigurationError: an argument cannot be used.

    """

    metadata = {"autoreset_mode": AutoresetMode.DISABLED}  # noqa: RUF012 - declared so by VectorEnv
    verifier_id = "environment 1"
    grades_early = False

    def __init__(
        self,
        num_envs: int,
        make: str | Make,
        *,
        make_kwargs: Mapping[str, Any] | None = None,
        group_size: int = 1,
        tasks: int = 1000,
        instructions: str = "",
        max_turns: int = 20,
        success: float = 1.0,
        privileged: str | Tells | None = None,
        fold: str = "all",
        token_budget: int | None = None,
        hints: str = "right",
        expose_privileged: bool = False,
    ) -> None:
        for name, value, least in (("group_size", group_size, 1), ("max_turns", max_turns, 1), ("tasks", tasks, 10)):
            if type(value) is not int or value < least:
                raise ConfigurationError(f"{name} is {value!r}; it must be a whole number, {least} or more")
        own = {"instructions": instructions, "success": success, "token_budget": token_budget}
        if fault := argument_fault(ForeignGroups, own):
            raise ConfigurationError(fault)
        if num_envs < 1 or num_envs % group_size:
            raise ConfigurationError(f"num_envs {num_envs} must be a positive multiple of group_size {group_size}")
        if fold not in FOLDS:
            raise ConfigurationError(one_of("fold", fold, FOLDS))
        if hints not in VARIANTS:
            raise ConfigurationError(one_of("hints", hints, VARIANTS))
        if make_kwargs is not None and not isinstance(make_kwargs, Mapping):
            raise ConfigurationError(f"make_kwargs is {make_kwargs!r}; it must be a table such as {{high=3}}")
        if hints == "wrong" and privileged is None:
            raise ConfigurationError("hints is 'wrong' and there are none; give privileged, which tells of a task")
        self._make: Make = resolve(make, functions=True) if isinstance(make, str) else make
        self._tells: Tells | None = resolve(privileged, functions=True) if isinstance(privileged, str) else privileged
        for what, function in (("make", self._make), ("privileged", self._tells)):
            if function is not None and not callable(function):
                raise ConfigurationError(f"{what} is {function!r:.60}; it must be a function or 'package.module:name'")
        self._make_kwargs = dict(make_kwargs or {})
        if fault := argument_fault(self._make, self._make_kwargs):
            raise ConfigurationError(fault)
        self.name = make if isinstance(make, str) else getattr(make, "__qualname__", type(make).__name__)
        self.num_envs, self.group_size, self.num_groups = num_envs, group_size, num_envs // group_size
        self.instructions, self.max_turns, self.success = instructions, max_turns, success
        self.token_budget, self.expose_privileged, self.variant = token_budget, expose_privileged, hints
        train, tuning = tasks * 7 // 10, tasks * 8 // 10
        folds = {"all": (0, tasks), "train": (0, train), "tuning": (train, tuning), "heldout": (tuning, tasks)}
        self.task_indices: Sequence[int] = range(*folds[fold])
        self.task_count = tasks
        self.single_action_space = UnicodeText()
        self._rng = np.random.default_rng()
        self._envs: list[gymnasium.Env[Any, Any]] = []
        self._adviser: gymnasium.Env[Any, Any] | None = None
        self._items: tuple[Item, ...] = ()
        self._attempts: list[Attempt] = []
        if privileged is None and expose_privileged and hints == "right":
            _LOG.info(f"{self.name}: no privileged text is given, so that a teacher is shown {BLANK!r}")

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Begin a batch; options {"task_index": [...]} name the task of each group, else `seed` draws them.

        Raises:
            ConfigurationError: the options do not fit, or the environment begins otherwise with the same seed.

        """
        if seed is not None:
            self._rng = np.random.default_rng(seed)
        chosen = self._chosen(dict(options or {}))
        while len(self._envs) < self.num_envs:
            self._envs.append(self._made())
        self._attempts, items = [], []
        for group, index in enumerate(chosen):
            begun = [Attempt(self._envs[group * self.group_size + g], index) for g in range(self.group_size)]
            first = begun[0].shown
            if any(not begin_alike(first, other.shown) for other in begun):
                raise ConfigurationError(self.unlike(index))
            items.append(self._item(index, first))
            self._attempts += begun
        self._items = tuple(items)
        return self._observations(), {}

    def _made(self) -> gymnasium.Env[Any, Any]:
        return made(self._make, self._make_kwargs, self.name)

    def _chosen(self, options: dict[str, Any]) -> list[int]:
        given = options.pop("task_index", None)
        if options:
            raise ConfigurationError(one_of("reset option", next(iter(options)), ("task_index",)))
        if given is None:
            return [self._draw(self._rng) for _ in range(self.num_groups)]
        if len(given) != self.num_groups or any(not 0 <= int(index) < self.task_count for index in given):
            raise ConfigurationError(
                f"task_index is {given!r}; give {self.num_groups} numbers from 0 to {self.task_count - 1}"
            )
        return [int(index) for index in given]

    def _draw(self, rng: np.random.Generator) -> int:
        return int(rng.choice(self.task_indices))

    def draws(self, seed: int | None) -> Iterator[int]:
        """Draw seeds of the fold, without end, as `reset(seed=seed)` does."""
        rng = np.random.default_rng(seed)
        return iter(lambda: self._draw(rng), None)

    @property
    def tells(self) -> bool:
        """Whether there is something to tell a teacher."""
        return self._tells is not None

    def _item(self, index: int, first: Seen) -> Item:
        texts = self._told(index) if self.expose_privileged else {"answer": BLANK}
        text = f"{escaped(self.instructions)}\n{first['text']}" if self.instructions else first["text"]
        task = Task(id=f"{self.name}-{index}", question=text, images=first["images"])
        return Item(task, Privileged(Reference(texts["answer"], solution=texts.get("solution"))))

    def unlike(self, index: int) -> str:
        """Say that a seed does not begin alike."""
        return (
            f"{self.name} begins differently each time with reset(seed={index}); attempts at a task must begin alike, "
            "so draw what is drawn from self.np_random"
        )

    def beside(self) -> gymnasium.Env[Any, Any]:
        """Return an environment that no attempt is made in."""
        self._adviser = self._adviser or self._made()
        return self._adviser

    def begun(self, index: int) -> tuple[Seen, dict[str, str]]:
        """Return what a seed shows first, and what `privileged` tells of it, by level."""
        observation, _ = reset(self.beside(), index)
        return seen(observation), self._tell(index)

    def _told(self, index: int) -> dict[str, str]:
        if self._tells is not None:
            reset(self.beside(), index)
        return self._tell(index)

    def _tell(self, index: int) -> dict[str, str]:
        """Return what is told of a seed that has been begun."""
        if self._tells is None:
            return {"answer": BLANK}
        told = self._tells(self.beside(), index)
        texts = {"answer": told} if isinstance(told, str) else dict(told) if isinstance(told, Mapping) else {}
        for level in texts:
            if level not in LEVELS:
                raise ConfigurationError(one_of(f"level of what privileged of {self.name} tells", str(level), LEVELS))
        if not all(isinstance(text, str) for text in texts.values()) or not texts.get("answer", "").strip():
            raise ConfigurationError(
                f"privileged of {self.name} returned {told!r} for seed {index}; it must be a text, or texts by "
                'level with an "answer"'
            )
        return texts

    def _told_of_another(self, index: int, right: Mapping[str, str]) -> dict[str, str]:
        rng = np.random.default_rng([zlib.crc32(b"wrong hint"), index])
        for other in rng.choice(self.task_indices, min(TRIES, len(self.task_indices)), replace=False):
            texts = self._told(int(other))
            if texts["answer"] != right["answer"] and right.keys() <= texts.keys():
                return {level: texts[level] for level in right}
        raise ConfigurationError(
            f"no wrong hint for seed {index} of {self.name}: of {TRIES} others none is told of with another answer and "
            f"with {', '.join(right)}; use hints=blank as the control"
        )

    def step(
        self, actions: Sequence[str | None]
    ) -> tuple[dict[str, Any], NDArray[Any], NDArray[Any], NDArray[Any], dict[str, Any]]:
        """Take a completion per attempt that goes on, and None for each that has ended.

        Raises:
            ResetNeeded: no attempt goes on.
            ValueError: the number of actions is not `num_envs`, or one is given to an attempt that has ended.

        """
        if all(attempt.over for attempt in self._attempts):
            raise ResetNeeded("the episodes have ended or not begun; call reset() before step()")
        if len(actions) != self.num_envs or any(a.over != (b is None) for a, b in zip(self._attempts, actions)):
            raise ValueError("give an action to each attempt that goes on, and None to each that has ended")
        rewards = np.zeros(self.num_envs)
        ended = np.zeros((2, self.num_envs), dtype=np.bool_)
        for number, (attempt, action) in enumerate(zip(self._attempts, actions)):
            if action is not None:
                rewards[number] = attempt.act(action, self.max_turns, self.token_budget)
                ended[:, number] = attempt.terminated, attempt.truncated
        verdicts = np.full(self.num_envs, None, dtype=object)
        for number, attempt in enumerate(self._attempts):
            if attempt.over:
                verdicts[number] = attempt.verdict(self.success)
        infos = {
            "verdict": verdicts,
            "_verdict": np.array([attempt.over for attempt in self._attempts]),
            "invalid_actions": np.array([len(attempt.invalid) for attempt in self._attempts]),
        }
        return self._observations(), rewards, *ended, infos

    def _observations(self) -> dict[str, Any]:
        items = [item for item in self._items for _ in range(self.group_size)]
        begun = [not attempt.turns for attempt in self._attempts]
        return {
            "question": tuple(item.task.question for item in items),
            "images": tuple(
                item.task.images if first else attempt.images
                for item, first, attempt in zip(items, begun, self._attempts)
            ),
            "videos": ((),) * self.num_envs,
            "choices": ((),) * self.num_envs,
            "feedback": tuple("" if first else attempt.feedback for first, attempt in zip(begun, self._attempts)),
            "turn": np.array([attempt.turns for attempt in self._attempts]),
        }

    @property
    def items(self) -> tuple[Item, ...]:
        """The current task of each group, with its privileged part.

        Raises:
            PermissionError: the environment was made without `expose_privileged=True`.

        """
        self._reveal()
        return self._items

    def hints(self, item: Item) -> dict[str, str]:
        """Return what a teacher may be shown of a task, by level.

        Raises:
            PermissionError: the environment was made without `expose_privileged=True`.

        """
        self._reveal()
        reference = item.privileged.reference
        found = {"answer": reference.answer} | ({"solution": reference.solution} if reference.solution else {})
        if self.variant == "wrong":
            return self._told_of_another(int(item.task.id.rpartition("-")[2]), found) | UNSAID
        return dict.fromkeys(found, BLANK) | UNSAID if self.variant == "blank" else found

    def _reveal(self) -> None:
        if not self.expose_privileged:
            raise PermissionError(
                "what a teacher may be shown is kept; make the environment with expose_privileged=True"
            )

    def anticipate(self, number: int, action: str) -> None:
        """Do nothing: an environment takes its actions in turn."""

    def prefetch(self, task_indices: Sequence[int]) -> None:
        """Do nothing: there is nothing to load."""

    def benchmark_numbers(self, task_indices: Sequence[int], verdicts: Sequence[Verdict]) -> dict[str, float]:
        """Return none: this is no benchmark."""
        return {}

    def state_dict(self) -> dict[str, Any]:
        """Return nothing: a batch depends on the seeds that are asked for alone."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take nothing.

        Raises:
            ConfigurationError: there is something.

        """
        if state:
            raise ConfigurationError(f"state has {', '.join(sorted(state))}; {self.name} keeps none")

    def close_extras(self, **kwargs: Any) -> None:
        """Close the environments."""
        for env in (*self._envs, *([self._adviser] if self._adviser else [])):
            env.close()
        self._envs, self._adviser = [], None


def begin_alike(one: Seen, other: Seen) -> bool:
    """Tell whether two observations are the same."""
    return (
        one["text"] == other["text"]
        and len(one["images"]) == len(other["images"])
        and all(np.array_equal(a, b) for a, b in zip(one["images"], other["images"]))
    )
