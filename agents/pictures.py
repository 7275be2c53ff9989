"""Tasks that cannot be read, or whose picture a policy's processor refuses: found before a run, and by `validate`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from agents.policy.loading import load_media
from rlsd_env import GroupEnv
from rlsd_env.desk import Desk
from rlsd_env.errors import ConfigurationError
from rlsd_env.pairs import validate_command
from rlsd_env.procedural.base import ProceduralSource
from rlsd_env.task import Image

LOOKED_AT = 128
"""Tasks of a fold that are looked at before a run, evenly spread; `validate` looks at all."""


def refusals(policy: str) -> Callable[[Image], str]:
    """Return what says why a policy does not take a picture, and "" where it does; of each size one is tried.

    Args:
        policy: as for `agents.load_policy`; its weights are not loaded.

    Raises:
        ConfigurationError: there is no such policy.

    """
    media = load_media(policy)
    known: dict[tuple[int, ...], str] = {}

    def refusal(image: Image) -> str:
        if image.shape not in known:
            known[image.shape] = media.refusal(image)
        return known[image.shape]

    return refusal


def check_pictures(policy: str | None, envs: Mapping[str, GroupEnv], env: str, env_kwargs: Mapping[str, Any]) -> None:
    """Look at some tasks of an environment, but for one whose pictures are drawn here.

    Args:
        policy: who is to see them; None: they must be readable, and no more.
        envs: the environment in its folds, by what a message calls them; of one of others, which has no task without
            an episode, none are looked at.
        env: its id, for the message.
        env_kwargs: its arguments, for the message.

    Raises:
        ConfigurationError: a task cannot be read, or its picture is refused.

    """
    desks = {name: desk for name, made in envs.items() if isinstance(desk := getattr(made, "desk", None), Desk)}
    desks = {name: desk for name, desk in desks.items() if not isinstance(desk.source, ProceduralSource)}
    if not desks:
        return
    refusal = None if policy is None else refusals(policy)
    for name, desk in desks.items():
        count = len(desk.indices)
        for place in range(0, count, -(-count // LOOKED_AT)):
            task = desk.item(desk.indices[place]).task
            for reason in map(refusal, task.images) if refusal else ():
                if reason:
                    command = validate_command(env, env_kwargs, "--policy", str(policy))
                    raise ConfigurationError(f"task {task.id!r} of {name}: {reason}; {command} finds all such tasks")
