"""Self-distillation agents with verifiable rewards, interchangeable and comparable.

>>> import agents
>>> policy = agents.load_policy("tiny")  # doctest: +SKIP
>>> agent = agents.make("rlsd", policy=policy)  # doctest: +SKIP

Names are loaded when they are first used, so that importing this package stays light.
"""

from __future__ import annotations

import importlib
from typing import Any

_HOMES = {
    "Actor": "agents.policy.actor",
    "Agent": "agents.agent",
    "Algorithm": "agents.algorithms",
    "Completion": "agents.episodes",
    "Episode": "agents.episodes",
    "EpisodeBatch": "agents.episodes",
    "EpisodeGroup": "agents.episodes",
    "Learner": "agents.learner.learner",
    "LearnerConfig": "agents.learner.learner",
    "Policy": "agents.policy.base",
    "Prompt": "agents.episodes",
    "Request": "agents.policy.base",
    "Sampling": "agents.policy.base",
    "Signals": "agents.algorithms",
    "TeacherView": "agents.teacher",
    "Turn": "agents.episodes",
    "collect": "agents.rollouts.collect",
    "first_prompt": "agents.messages",
    "load_policy": "agents.policy.loading",
    "make": "agents.agent",
    "next_prompt": "agents.messages",
    "register": "agents.algorithms",
}

__all__ = list(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'agents' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
