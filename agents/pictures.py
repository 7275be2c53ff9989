"""Tasks with a picture that a policy's processor refuses: found before a run, and by `rlsd_env validate --policy`."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from agents.policy.loading import load_media
from rlsd_env import GroupEnv
from rlsd_env.desk import Desk
from rlsd_env.errors import ConfigurationError
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


def check_pictures(policy: str, envs: Mapping[str, GroupEnv]) -> None:
    """Look at some tasks of environments, but for those whose pictures are drawn here.

    Args:
        policy: who is to see them.
        envs: by name; of an environment of others, which has no task without an episode, none are looked at.

    Raises:
        ConfigurationError: a picture is refused.

    """
    desks = {name: desk for name, env in envs.items() if isinstance(desk := getattr(env, "desk", None), Desk)}
    desks = {name: desk for name, desk in desks.items() if not isinstance(desk.source, ProceduralSource)}
    if not desks:
        return
    refusal = refusals(policy)
    for name, desk in desks.items():
        count = len(desk.indices)
        for place in range(0, count, -(-count // LOOKED_AT)):
            task = desk.item(desk.indices[place]).task
            for image in task.images:
                if reason := refusal(image):
                    env = name.partition(" ")[0]
                    raise ConfigurationError(
                        f"task {task.id!r} of {name}: {reason}; python -m rlsd_env validate {env} --policy {policy} "
                        "finds all such tasks"
                    )
