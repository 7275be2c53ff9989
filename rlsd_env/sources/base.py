"""`TaskSource`: a numbered set of tasks, and the process-wide cache that loads each one once."""

from __future__ import annotations

import abc
import functools
import inspect
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from rlsd_env.errors import ConfigurationError, one_of
from rlsd_env.plugins import resolve
from rlsd_env.prompts import PLAIN
from rlsd_env.sources.files import state
from rlsd_env.task import Item, Privileged
from verifiers.arguments import argument_fault

FOLDS = ("all", "train", "tuning", "heldout")
"""Learn on train, choose on tuning (hyperparameters, which weights to keep), report on heldout."""
PARTS = FOLDS[1:]
"""Those that have no task in common."""


class TaskSource(abc.ABC):
    """A numbered, immutable set of tasks.

    A source is made from JSON-able keyword arguments only, so that an environment's `spec` can be written
    down and so that equal arguments mean the same tasks everywhere.

    Attributes:
        verifier: the default verifier's registered name or "package.module:Name".
        verifier_kwargs: the default verifier's arguments.
        answer_format: the default answer format, a key of `rlsd_env.prompts.FORMATS`.
        template: the default prompt, a Jinja template; see `rlsd_env.prompts`.
        path_arguments: its arguments that name a file or a folder of the user's.

    """

    verifier: ClassVar[str] = "answer"
    verifier_kwargs: ClassVar[Mapping[str, Any]] = {}
    answer_format: ClassVar[str] = "tags"
    template: ClassVar[str] = PLAIN
    path_arguments: ClassVar[tuple[str, ...]] = ("path", "mapping")

    @abc.abstractmethod
    def __len__(self) -> int:
        """Count the tasks."""

    @abc.abstractmethod
    def item(self, index: int) -> Item:
        """Return task number `index`, the same bytes every time.

        Raises:
            IndexError: `index` is outside `range(len(self))`.

        """

    @abc.abstractmethod
    def index_of(self, task_id: str) -> int:
        """Return the number of the task with this id.

        Raises:
            ConfigurationError: no task has it; the message gives the closest ids.

        """

    @abc.abstractmethod
    def fold(self, name: str) -> Sequence[int]:
        """Return the task numbers of a fold: "all", or the disjoint parts "train", "tuning" and "heldout".

        Raises:
            ConfigurationError: `name` is not one of `FOLDS`.

        """

    def privileged(self, index: int) -> Privileged:
        """Return the privileged part of task number `index`; a source that can do so without its pictures does."""
        return self.item(index).privileged

    def prefetch(self, indices: Sequence[int]) -> None:  # noqa: B027 - a source may have nothing to load
        """Begin to load tasks that will soon be asked for, in the background; by default nothing is done."""


def _freeze(value: Any) -> Any:
    if isinstance(value, Mapping):
        return tuple(sorted((key, _freeze(item)) for key, item in value.items()))
    if isinstance(value, (list, tuple)):
        return tuple(_freeze(item) for item in value)
    return value


def parameters(spec: str) -> tuple[str, ...]:
    """Name the keyword arguments that the source behind `spec` takes."""
    return tuple(inspect.signature(resolve(spec, TaskSource, functions=True)).parameters)


def absolute_paths(spec: str, kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Return arguments of the source behind `spec` that mean the same in every working directory."""
    names = _path_arguments(resolve(spec, TaskSource, functions=True))
    return {name: os.path.abspath(v) if name in names and isinstance(v, str) else v for name, v in kwargs.items()}


def _path_arguments(made_by: Any) -> Sequence[str]:
    found: Sequence[str] = getattr(made_by, "path_arguments", TaskSource.path_arguments)  # a function has none
    return found


def fold_of(source: TaskSource, name: str) -> Sequence[int]:
    """Return the task numbers of a fold, at least one.

    Raises:
        ConfigurationError: the source does not know the fold, fails, or has no tasks in it.

    """
    call = f"{type(source).__name__}.fold({name!r})"
    try:
        indices = source.fold(name)
    except ConfigurationError:
        raise
    except Exception as error:  # of any source of the user's
        raise ConfigurationError(
            f"{call} raised {type(error).__name__}: {error}; it must return task numbers for {', '.join(FOLDS)}"
        ) from error
    if not isinstance(indices, Sequence):
        raise ConfigurationError(f"{call} returned {indices!r:.60}; it must return task numbers, a range or a list")
    if not indices:
        raise ConfigurationError(f"{call} is empty; training takes fold train, and evaluates on heldout")
    return indices


@functools.lru_cache(maxsize=64)
def _load(spec: str, frozen: tuple[tuple[str, Any], ...], _key: Any) -> TaskSource:
    return resolve(spec, TaskSource, functions=True)(**dict(frozen))


def load_source(spec: str, kwargs: Mapping[str, Any], also: Sequence[str] = ()) -> TaskSource:
    """Return the source that `spec` names, made with `kwargs`; each is made once per process.

    One is made anew when the files that its `path_arguments` name have changed.

    Args:
        spec: "package.module:Name" of a `TaskSource`.
        kwargs: the source's own arguments.
        also: what else may be given where these arguments came from, for the message on an unknown one.

    Raises:
        ConfigurationError: an argument is unknown to the source (the message lists the known ones), or the
            source itself refuses a value or lacks a method.

    """
    known = parameters(spec)
    for name in kwargs:
        if name not in known:
            raise ConfigurationError(one_of(f"option of {spec.rpartition(':')[2]}", name, (*known, *also)))
    made_by = resolve(spec)
    if missing := sorted(getattr(made_by, "__abstractmethods__", ())):
        raise ConfigurationError(
            f"{spec!r} has no {', '.join(missing)}; a TaskSource needs __len__, item, index_of and fold"
        )
    if fault := argument_fault(made_by, kwargs):
        raise ConfigurationError(fault)
    frozen = _freeze(kwargs)
    local = tuple(state(Path(kwargs[name])) for name in _path_arguments(made_by) if isinstance(kwargs.get(name), str))
    source = _load(spec, frozen, (*(type(value) for _, value in frozen), local))
    if not isinstance(source, TaskSource):
        raise ConfigurationError(f"{spec!r} made a {type(source).__name__}; it must be a TaskSource")
    return source
