"""Options of the laboratory's measurements."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from agents.options.types import Names, Pairs, at_least, labelled, of_label
from rlsd_env.errors import ConfigurationError, one_of
from rlsd_env.hints import VARIANTS


@dataclass(frozen=True)
class PrecisionOptions:
    """Options of `python -m agents.lab.precision`."""

    policy: str = ""
    """Folder of a model that states the steps of chains, such as one of `python -m agents.lab.make`."""
    env: str = "rlsd/Chain-v0"
    """rlsd/Chain-v0, rlsd/PictureChain-v0, or another environment whose responses state such steps."""
    env_kwargs: Pairs = field(default_factory=lambda: {"difficulty": 2})
    """Arguments of the environment, e.g. difficulty=2 cell=16."""
    agents: Names = ()
    """What is measured: agents by name, preset or module:Class, LABEL=AGENT; surprise, entropy and random, which have
    no teacher; exact, a perfect one that is shown the answer. Empty: all of those, and the built-in methods that give
    tokens a credit."""
    agent_kwargs: Pairs = field(default_factory=dict)
    """Hyperparameters by agent or label, e.g. rlsd.hint=solution."""
    hints: Names = VARIANTS
    """Which hints teachers are shown, one after the other: right, wrong, blank."""
    tasks: int = 256
    """Held-out tasks."""
    group_size: int = 8
    """Attempts at each."""
    seed: int = 0
    """Seed of sampling."""
    max_tokens: int = 96
    """Longest completion in tokens."""
    device: str = "auto"
    """auto, cpu or cuda."""
    threads: int = 1
    """CPU threads of torch."""
    out: Path | None = None
    """JSON file for all figures; must be new."""
    config: Path | None = None
    """TOML file with any of these options; the command line overrides it."""

    def __post_init__(self) -> None:
        for name, least in (("tasks", 1), ("group_size", 2), ("max_tokens", 1), ("threads", 1), ("seed", 0)):
            at_least(name, getattr(self, name), least)
        if "fold" in self.env_kwargs:
            raise ConfigurationError("env_kwargs has fold; tasks are held-out ones")
        if "hints" in self.env_kwargs:
            raise ConfigurationError("env_kwargs has hints; give them as --hints")
        for name in self.hints:
            if name not in VARIANTS:
                raise ConfigurationError(one_of("hints", name, VARIANTS))
        for name, values in (("agents", [label for label, _ in self.specs()]), ("hints", list(self.hints))):
            if len(set(values)) != len(values):
                raise ConfigurationError(f"{name} has {', '.join(map(str, values))}; each may be there once")
        if not self.hints:
            raise ConfigurationError("hints is empty; name at least one of right, wrong, blank")
        labels = [label for label, _ in self.specs()]
        for key in self.agent_kwargs:
            label, _, option = key.rpartition(".")
            if not option or not label or (labels and label not in labels):
                known = ", ".join(labels) or "the agents"
                raise ConfigurationError(f"agent_kwargs has {key!r}; write AGENT.OPTION with one of {known}")

    def specs(self) -> list[tuple[str, str]]:
        """Return (label, agent) pairs; an agent without a label is its own."""
        return labelled(self.agents)

    def kwargs_of(self, label: str) -> dict[str, object]:
        """Return the hyperparameters that are given for an agent or label."""
        return of_label(self.agent_kwargs, label)
