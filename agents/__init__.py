"""Self-distillation agents with verifiable rewards, interchangeable and comparable.

>>> import agents
>>> policy = agents.load_policy("tiny")
>>> agent = agents.make("rlsd", policy=policy, epsilon=0.1)
>>> agent.algorithm.epsilon
0.1

Names are loaded when they are first used, so that importing this package stays light.
"""

from __future__ import annotations

import importlib
from typing import Any

_HOMES = {
    "Actor": "agents.policy.actor",
    "Agent": "agents.agent",
    "Algorithm": "agents.algorithms",
    "Context": "agents.algorithms",
    "Completion": "agents.episodes",
    "Episode": "agents.episodes",
    "EpisodeBatch": "agents.episodes",
    "EpisodeGroup": "agents.episodes",
    "EvidenceSink": "agents.evidence",
    "Guidance": "agents.algorithms",
    "Learner": "agents.learner.learner",
    "LearnerOptions": "agents.options.learner",
    "Policy": "agents.policy.base",
    "Prompt": "agents.episodes",
    "Credit": "agents.algorithms",
    "Request": "agents.policy.base",
    "Sampling": "agents.policy.base",
    "Shown": "agents.algorithms",
    "Signals": "agents.algorithms",
    "Turn": "agents.episodes",
    "collect": "agents.rollouts.collect",
    "collect_guided": "agents.rollouts.guided",
    "first_prompt": "agents.messages",
    "load_policy": "agents.policy.loading",
    "make": "agents.agent",
    "next_prompt": "agents.messages",
    "read_evidence": "agents.evidence",
    "register": "agents.algorithms",
}

__all__ = list(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'agents' has no attribute {name!r}")
    try:
        home = importlib.import_module(_HOMES[name])
    except ModuleNotFoundError:
        from agents.extras import require_agents

        require_agents(f"agents.{name}")
        raise
    return getattr(home, name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
