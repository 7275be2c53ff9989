"""Environments by id, as a trainer needs them."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Any

import gymnasium
from gymnasium.envs.registration import EnvSpec
from gymnasium.vector import VectorEnv

import rlsd_env
from rlsd_env.adapters import foreign
from rlsd_env.curriculum import GroupCurriculum
from rlsd_env.errors import ConfigurationError, one_of
from rlsd_env.pairs import validate_command
from rlsd_env.plugins import import_module
from rlsd_env.views.ids import VIEWS, views_of


def make_group_env(
    env: str,
    env_kwargs: Mapping[str, Any],
    groups: int,
    group_size: int,
    curriculum: Mapping[str, Any] | None = None,
) -> rlsd_env.GroupEnv:
    """Make the group environment of a registered id, with references exposed to the trainer.

    Args:
        env: "namespace/Name-v0", or "module:namespace/Name-v0" to import what registers it. A numeric view stands for
            the text environment that it shows.
        env_kwargs: arguments of the environment.
        groups: tasks at a time.
        group_size: attempts per task.
        curriculum: arguments of `GroupCurriculum`; None or empty: there is none.

    Raises:
        ConfigurationError: the id is unknown (the message has the closest), its vector entry point makes no group
            environment, or it or the curriculum refuses an argument.

    """
    spec = _find(env)
    spec = _find(spec.kwargs.get("text_env", spec.id))
    reserved = {"num_envs", "group_size", "expose_privileged", "source"} & set(env_kwargs)
    if reserved:
        raise ConfigurationError(f"env_kwargs has {', '.join(sorted(reserved))}; the trainer sets that itself")
    made = _make(spec, num_envs=groups * group_size, group_size=group_size, expose_privileged=True, **env_kwargs)
    return rlsd_env.group_env(GroupCurriculum(made, **curriculum) if curriculum else made)


def _make(spec: EnvSpec, **options: Any) -> VectorEnv[Any, Any, Any]:
    if foreign.is_foreign(spec):
        foreign.check_options(spec.id, options)
    advice = (
        f"environment {spec.id!r} is not registered for groups of attempts; write {foreign.advice(spec)} and take that "
        "id; one that is not in text is wrapped first, see rlsd_env.adapters.texts"
    )
    if spec.vector_entry_point is None:
        raise ConfigurationError(advice)
    try:
        made: VectorEnv[Any, Any, Any] = gymnasium.make_vec(spec.id, **options)
    except TypeError as error:
        if spec.vector_entry_point == rlsd_env.registration.VECTOR or foreign.is_foreign(spec):
            raise
        raise ConfigurationError(f"{advice} (of its vector_entry_point: {error})") from error
    return made


def _find(env: str) -> EnvSpec:
    module, colon, name = env.rpartition(":")
    if colon:
        import_module(module, env)
    if name in gymnasium.registry:
        return gymnasium.registry[name]
    entries = (rlsd_env.registration.VECTOR, foreign.ENTRY)
    ours = [id for id, spec in gymnasium.registry.items() if spec.vector_entry_point in entries]
    if colon or name.startswith("rlsd/"):
        raise ConfigurationError(one_of("environment", name, [*ours, *VIEWS]))
    close = difflib.get_close_matches(name, [*ours, *VIEWS], n=1, cutoff=0.8)
    raise ConfigurationError(
        f"unknown environment {name!r}; {f'did you mean {close[0]!r}? ' if close else ''}for one of your own write "
        f"module:namespace/Name-v0, module being what registers it when it is imported; `python -m rlsd_env list` has "
        "the library's"
    )


def find_view(env: str, level: str = "auto") -> str:
    """Return the id of a numeric view of an environment.

    Args:
        env: a text environment or a view of one, as for `make_group_env`.
        level: a key of `rlsd_env.views.ids.LEVELS`; "auto": `env` itself where it is a view, else the first there is.

    Raises:
        ConfigurationError: the id is unknown, or there is no such view.

    """
    spec = _find(env)
    text_env = spec.kwargs.get("text_env")
    if text_env is not None and level == "auto":
        return spec.id
    views = views_of(text_env or spec.id)
    if not views:
        shown = sorted({kwargs["text_env"] for kwargs in VIEWS.values()})
        raise ConfigurationError(
            f"environment {spec.id!r} has no numeric view for agents that are no language models; these have: "
            f"{', '.join(shown)}; see rlsd_env.views.ids.register_view"
        )
    if level == "auto":
        return next(iter(views.values()))
    if level not in views:
        raise ConfigurationError(one_of(f"view of {spec.id}", level, views))
    return views[level]


def what_tells(env: str, env_kwargs: Mapping[str, Any], run: str) -> str:
    """Name the command that tells what is rewarded in an environment, of which a run's attempts were all paid alike."""
    spec = _find(env)
    spec = _find(spec.kwargs.get("text_env", spec.id))
    if foreign.is_foreign(spec):
        return f"{validate_command(env, env_kwargs)} plays it and tells what answers earn"
    if spec.vector_entry_point == rlsd_env.registration.VECTOR:
        return f"{validate_command(env, env_kwargs)} tells whether right answers score"
    return f"python -m agents.samples {run} shows them"


def in_fold(env_kwargs: Mapping[str, Any], fold: str) -> dict[str, Any]:
    """Return the arguments of an environment with a fold.

    Raises:
        ConfigurationError: the arguments choose a fold already.

    """
    if "fold" in env_kwargs:
        raise ConfigurationError(
            "env_kwargs has fold; training takes fold train and evaluates on heldout by itself, or on --eval-fold"
        )
    return {**env_kwargs, "fold": fold}


def require_trainable(items: Sequence[rlsd_env.Item]) -> None:
    """Refuse to train on data whose terms forbid it.

    Raises:
        ConfigurationError: a task says `train_allowed=False`.

    """
    for item in items:
        if not item.task.train_allowed:
            raise ConfigurationError(
                f"the terms of task {item.task.id!r} ({item.task.licence}) forbid training on it; evaluate on it and "
                "train on other data"
            )
