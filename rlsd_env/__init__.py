"""Multimodal reasoning tasks as Gymnasium environments; importing this package registers their ids.

>>> import gymnasium, rlsd_env
>>> env = gymnasium.make("rlsd/ShapeCount-v0")
>>> observation, info = env.reset(seed=0)
>>> observation, reward, terminated, truncated, info = env.step("<think> .. </think> <answer> 5 </answer>")
"""

import verifiers

if not hasattr(verifiers, "Reference"):
    raise ImportError(
        f"{verifiers.__file__} is another package called verifiers, not rlsd's; install rlsd in an environment "
        "of its own, or take the other package off the path"
    )

from rlsd_env.actions import Action
from rlsd_env.env import ReasoningEnv
from rlsd_env.errors import ConfigurationError, DataError
from rlsd_env.groups import GroupEnv
from rlsd_env.registration import register, register_all
from rlsd_env.sources import TaskSource
from rlsd_env.task import (
    IMAGE_PLACEHOLDER,
    VIDEO_PLACEHOLDER,
    Item,
    Privileged,
    Task,
    TaskInfo,
    Video,
    escaped,
    unescaped,
)
from rlsd_env.vector import GroupVectorEnv
from rlsd_env.wrappers import GroupWrapper, group_env

register_all()

__all__ = [
    "IMAGE_PLACEHOLDER",
    "VIDEO_PLACEHOLDER",
    "Action",
    "ConfigurationError",
    "DataError",
    "GroupEnv",
    "GroupVectorEnv",
    "GroupWrapper",
    "Item",
    "Privileged",
    "ReasoningEnv",
    "Task",
    "TaskInfo",
    "TaskSource",
    "Video",
    "escaped",
    "group_env",
    "register",
    "register_all",
    "unescaped",
]
