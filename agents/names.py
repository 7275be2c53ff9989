"""The names of agents, for what must be told before the agents themselves are imported, which takes torch."""

from __future__ import annotations

import importlib.util
import sys

from rlsd_env.errors import ConfigurationError, one_of

ALGORITHMS = (
    "grpo", "opsd", "sdpo", "grpo+opsd", "opd", "sdar", "srpo", "demopsd", "hdpo", "npo", "rlsd", "rlsd-gated",
    "rlsd-signal", "rlsd-clip-target", "rlsd-difficulty", "rlsd-capped", "egrsd", "rlsd-visual", "cepo", "rlcsd",
    "rlrt", "antisd", "belief", "credit", "rlsd-critic",
)  # fmt: skip
"""`agents.algorithms.names()`, but for those that a user registers."""
BASELINES = ("ppo",)
"""`agents.baselines.names()`."""
PRESETS = (
    "grpo/paper", "grpo/dapo", "grpo/dr-grpo", "grpo/gspo", "grpo/verl", "grpo/trl", "opsd/paper", "opsd/later-script",
    "opsd/rlsd-paper", "opsd/teacher-top1", "opsd/student-top1", "sdpo/official", "sdpo/rich-feedback", "sdpo/trl",
    "grpo+opsd/ms-swift", "grpo+opsd/rlsd-release", "rlsd/paper", "rlsd/released-script", "rlsd/released-yaml",
    "rlsd/ms-swift", "rlcsd/paper", "cepo/paper", "cepo/released", "rlrt/released", "antisd/released", "sdar/paper",
    "srpo/paper", "demopsd/paper", "belief/oppo", "belief/agentopsd", "opd/thinking-machines", "opd/gkd",
)  # fmt: skip
"""The names of `agents.algorithms.presets.PRESETS`."""


def check_agent(spec: str) -> None:
    """Refuse what no agent is called.

    Raises:
        ConfigurationError: the name, the preset or the module of "module:Class" is not there.

    """
    if ":" in spec:
        module = spec.partition(":")[0]
        try:
            found = importlib.util.find_spec(module)
        except ModuleNotFoundError:
            found = None
        if found is None:
            raise ConfigurationError(f"no module named {module!r} for {spec!r}; is its folder on PYTHONPATH?")
    elif "/" in spec:
        if spec not in PRESETS:
            raise ConfigurationError(one_of("preset", spec, PRESETS))
    elif spec not in (known := _known()):
        raise ConfigurationError(one_of("agent", spec, known) + ", or module:Class of your own")


def _known() -> tuple[str, ...]:
    """Return all names; those that were registered as well where agents are imported already."""
    found = (*ALGORITHMS, *BASELINES)
    for module in ("agents.algorithms", "agents.baselines"):
        if module in sys.modules:
            found += tuple(sys.modules[module].names())
    return tuple(dict.fromkeys(found))
